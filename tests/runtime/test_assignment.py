"""Testers choose their side; nobody else does."""

import pytest

from shadow_runtime.assignment import HEADER, variant
from shadow_runtime.contract import Position, Stage, Variant
from shadow_runtime.http import Request

CANARY = Stage.canary(percent=0.01)
BETWEEN = [CANARY, Stage.LIVE]


def side(user: str, stage: Stage, wish: str | None = None) -> Variant:
    position = Position(stage, candidate_users=("tess",), control_users=("carl",))
    headers = {} if wish is None else {HEADER: wish}
    request = Request(method="GET", path="/", user=user, headers=headers)
    return variant(request, position, stage, route="get-user")


@pytest.mark.parametrize("stage", BETWEEN)
def test_a_named_user_is_on_the_side_that_the_flag_names(stage: Stage) -> None:
    assert side("tess", stage) is Variant.CANDIDATE
    assert side("carl", stage) is Variant.CONTROL


@pytest.mark.parametrize("stage", BETWEEN)
@pytest.mark.parametrize("user", ["tess", "carl"])
@pytest.mark.parametrize("wish", Variant)
def test_a_named_user_may_wish_for_either_side(stage: Stage, user: str, wish: Variant) -> None:
    assert side(user, stage, wish) is wish


def test_nobody_elses_wish_is_heard() -> None:
    assert side("ada", CANARY, "candidate") is Variant.CONTROL
    assert side("ada", Stage.LIVE, "control") is Variant.CANDIDATE


def test_a_wish_for_something_else_changes_nothing() -> None:
    assert side("tess", CANARY, "both") is Variant.CANDIDATE


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
def test_below_canary_the_candidate_answers_nobody(stage: Stage) -> None:
    assert side("tess", stage, "candidate") is Variant.CONTROL


def test_at_complete_control_answers_nobody() -> None:
    assert side("carl", Stage.COMPLETE, "control") is Variant.CANDIDATE
