"""A deploy permits, and moves nobody: least of all a route that was rolled back."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from localaws import deploy
from localaws.assembly import derive
from localaws.supervisor import StateFolder
from localaws.up import Local
from shadow_runtime.contract import Position, Stage, Variable
from tests.local.crowd import USERS, Crowd
from tests.local.deployed import Deployed, awaited
from tests.local.way_back import exposure, is_off, set_state


def deployed_again(assembly: Path, state: StateFolder, local: Local) -> None:
    shutil.rmtree(state.derived)
    derive(assembly, state.derived, now=datetime.now(UTC))
    deploy.deploy(state, local.endpoint, lambda _: None)


def with_ceiling(ceiling: Stage, state: StateFolder, folder: Path) -> Path:
    """The assembly as it would be with another ceiling."""
    other = shutil.copytree(state.synthesized, folder / f"cdk.out {ceiling.name}")
    template = other / "GetUser.template.json"
    text = template.read_text().replace("canary(2%)", str(ceiling))
    # Another environment is another version, whose id CDK makes from a hash of it.
    template.write_text(
        re.sub(r"(ServiceRouteCurrentVersion\w+)", rf"\1{ceiling.name.title()}", text)
    )
    return other


def on_candidate(canary: Deployed, crowd: Crowd) -> float:
    """How many requests of a pass of all users the candidate answers."""
    before = canary.count("Route", "Requests", Variant="candidate")
    assert {answer.status for answer in crowd.asks()} == {200}
    return canary.count("Route", "Requests", Variant="candidate") - before


def test_a_route_that_was_rolled_back_stays_off_through_a_deploy_that_raises_its_ceiling(
    local: Local, local_state: StateFolder, canary: Deployed, crowd: Crowd, tmp_path: Path
) -> None:
    set_state(canary, exposure(canary)[0], "ALARM")
    awaited(lambda: is_off(canary), True)
    try:
        deployed_again(with_ceiling(Stage.LIVE, local_state, tmp_path), local_state, local)
        variables = canary.configuration("Route")["Environment"]["Variables"]
        assert variables[Variable.CEILING] == str(Stage.LIVE)
        assert is_off(canary)
        assert on_candidate(canary, crowd) == 0
    finally:
        deployed_again(local_state.synthesized, local_state, local)


def test_a_position_over_the_ceiling_is_given_up_before_a_raised_ceiling_counts(
    local: Local, local_state: StateFolder, canary: Deployed, crowd: Crowd, tmp_path: Path
) -> None:
    canary.at(Position(Stage.LIVE))  # as somebody in the console could
    before = on_candidate(canary, crowd)
    assert before < len(USERS) / 2, "the ceiling is 2 %"
    try:
        deployed_again(with_ceiling(Stage.LIVE, local_state, tmp_path), local_state, local)
        assert canary.flag.deployed().position.stage == Stage.canary(percent=2)
        assert on_candidate(canary, crowd) == before
    finally:
        deployed_again(local_state.synthesized, local_state, local)


def test_a_ceiling_that_is_lowered_and_raised_again_moves_nobody(
    local: Local, local_state: StateFolder, canary: Deployed, crowd: Crowd, tmp_path: Path
) -> None:
    try:
        deployed_again(with_ceiling(Stage.SHADOW, local_state, tmp_path), local_state, local)
        deployed_again(with_ceiling(Stage.LIVE, local_state, tmp_path), local_state, local)
        assert canary.flag.deployed().position.stage == Stage.SHADOW
        assert on_candidate(canary, crowd) == 0
    finally:
        deployed_again(local_state.synthesized, local_state, local)
