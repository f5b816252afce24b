"""50 users and 1,000 requests a day: what synthesis advises is what a rehearsal then shows."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codedeploy as codedeploy

from analysis.rollout import Rollout
from analysis.simulation.canaries import SimulatedCodeCanary, SimulatedExposure
from analysis.simulation.rehearsal import Summary, simulate
from analysis.simulation.scenario import Scenario
from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic
from tests.checkout import ROOT

A_DAY = Scenario(rollouts=1_000, minutes=1_440, failing_percent=20)


class Quiet(cdk.Stack):
    """A route as one would write it first, or with a shift of its own."""

    def __init__(self, scope: cdk.App, id_: str, *, percent: int = 1, minutes: int = 10) -> None:
        super().__init__(scope, id_)
        self.service = ShadowCanaryService(
            self,
            "Service",
            route="get-user",
            code=RouteCode(
                "lambdas/routes/get_user", root="lambdas", packages=["lambdas/datasets/users"]
            ),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
            ceiling=Stage.canary(percent=1),
            expected_traffic=Traffic.per_day(1_000, users=50),
            shift=codedeploy.TimeBasedCanaryTrafficRouting(
                percentage=percent, interval=cdk.Duration.minutes(minutes)
            ),
        )

    @property
    def advice(self) -> list[str]:
        """What synthesis says of its canaries."""
        said = [
            str(entry.data)
            for construct in (self.service.code_canary, self.service.exposure)
            for entry in construct.node.metadata
            if "warning" in entry.type
        ]
        return [words for words in said if "underpowered" in words]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Rollout, Rollout]:
    """What is said of the first one, its rollout, and that of the one which is advised."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    folder = tmp_path_factory.mktemp("quiet")
    app = cdk.App(outdir=str(folder), context={**context, "aws:cdk:bundling-stacks": []})
    first = Quiet(app, "First")
    told = re.search(r"; a canary of (\d+) % for (\d+) hours would do", " ".join(first.advice))
    assert told
    second = Quiet(app, "Second", percent=int(told[1]), minutes=60 * int(told[2]))
    assert not second.advice
    app.synth()
    return first.advice, Rollout.load(folder, "First"), Rollout.load(folder, "Second")


def test_the_code_canary_is_warned_of_and_the_users_is_not(
    quiet: tuple[list[str], Rollout, Rollout],
) -> None:
    [said] = quiet[0]
    assert said.startswith("a canary of 1 % for 10 minutes sees a new version that fails 20 %")


@pytest.mark.parametrize("by_record", [False, True], ids=["by request", "by record"])
@pytest.mark.parametrize("unequal", [False, True], ids=["equal users", "unequal users"])
@pytest.mark.parametrize("curve", [False, True], ids=["an even day", "a day with a night"])
def test_a_candidate_that_fails_a_fifth_is_caught_and_harms_fewer_than_two_users(
    quiet: tuple[list[str], Rollout, Rollout], by_record: bool, unequal: bool, curve: bool
) -> None:
    scenario = replace(A_DAY, by_record=by_record, unequal_users=unequal, daily_curve=curve)
    summary = _summary(SimulatedExposure(quiet[1], scenario))
    assert summary.rolled_back > 0.95
    assert summary.users < 2
    assert summary.errors == 0


def test_a_new_version_that_fails_a_fifth_is_caught_by_the_canary_that_is_advised(
    quiet: tuple[list[str], Rollout, Rollout],
) -> None:
    first, advised = (
        _summary(SimulatedCodeCanary(rollout, replace(A_DAY, minutes=600))) for rollout in quiet[1:]
    )
    assert first.rolled_back < 0.01
    assert advised.rolled_back > 0.95
    assert advised.errors < first.errors / 5


def _summary(canary: SimulatedExposure | SimulatedCodeCanary) -> Summary:
    return Summary.of(simulate(canary), canary.scenario)
