"""AppConfig allows 20 strategies in an account: routes share one pair."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk.assertions import Template

from analysis.rollout import Rollout
from shadow_canary import FlagStrategies
from tests.unit.services import beside, service, stack_of_nothing

STRATEGY = "AWS::AppConfig::DeploymentStrategy"


def test_routes_share_a_pair_and_each_plan_knows_how_fast_its_flag_moves(lambdas: Path) -> None:
    shared = stack_of_nothing("Shared")
    strategies = FlagStrategies(shared, "Strategies")
    routes = [beside(shared, f"Route{n}") for n in range(2)]
    for stack in routes:
        service(stack, lambdas, strategies=strategies)
    alone = beside(shared, "Alone")
    service(alone, lambdas)
    app = cdk.App.of(shared)
    assert isinstance(app, cdk.App)
    assembly = Path(app.synth().directory)
    made = [len(Template.from_stack(s).find_resources(STRATEGY)) for s in (shared, *routes, alone)]
    assert made == [2, 0, 0, 2]
    own, other = Rollout.load(assembly, "Alone"), Rollout.load(assembly, "Route1")
    assert (other.raising, other.lowering) == (own.raising, own.lowering)
