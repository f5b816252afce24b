"""The way back, tried on the drill's own requests: timed, and put back where it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localaws.assembly import MINUTE_SECONDS
from localaws.up import Local
from localaws.watcher import watching
from shadow_runtime.contract import Position, Stage
from shadowctl.deployed import find_route
from shadowctl.drill import DrillError, drill
from shadowctl.functions import Functions
from tests.local.deployed import Deployed
from tests.local.way_back import alarms, set_state


@pytest.fixture
def route(local: Local) -> Iterator[Deployed]:
    deployed = Deployed(local)
    with deployed.flag_kept():
        yield deployed
    for name in alarms(deployed):
        set_state(deployed, name, "OK")


def functions(local: Local) -> Functions:
    return Functions(find_route("GetUser", local.session()), local.session())


def test_a_drill_times_the_way_back_exposes_nobody_to_an_error_and_restores(
    local: Local, route: Deployed
) -> None:
    route.at(Position(Stage.SHADOW))
    with watching(local.session(), Path(local.assembly)):
        done = drill(
            functions(local),
            local.session(),
            progress=lambda _state, _percent: None,
            minute_s=MINUTE_SECONDS,
        )
    assert done.has_worked, done
    assert done.alarm == "GetUser-get-user-candidate-error-rate"
    assert done.failing is not None
    assert done.red is not None
    assert done.off is not None
    assert done.answered is not None
    assert done.failing < done.red < done.off < done.answered
    assert route.flag.deployed().position.stage == Stage.SHADOW


@pytest.mark.parametrize("before", [Stage.OFF, Stage.SHADOW], ids=str)
def test_a_drill_that_is_interrupted_leaves_the_route_where_it_was(
    local: Local, route: Deployed, before: Stage
) -> None:
    route.at(Position(before))

    def stop(state: str, _percent: float) -> None:
        if state == "failing requests":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drill(functions(local), local.session(), progress=stop)
    assert route.flag.deployed().position.stage == before


def test_in_production_and_where_users_are_on_the_candidate_there_is_no_drill(
    local: Local, route: Deployed
) -> None:
    route.at(Position(Stage.canary(percent=0.01)))
    with pytest.raises(DrillError, match="would take its users off the candidate"):
        drill(functions(local), local.session(), progress=lambda *_: None)
    route.at(Position.OFF)
    with route.kept("Candidate"), route.kept("Route"):
        route.set("Candidate", SHADOW_CANARY_DRILL="")
        route.set("Route", SHADOW_CANARY_CANDIDATE=route.renew("Candidate"))
        route.renew("Route")
        with pytest.raises(DrillError, match="`production=False` in its stack"):
            drill(functions(local), local.session(), progress=lambda *_: None)
    assert route.flag.deployed().position.stage == Stage.OFF
