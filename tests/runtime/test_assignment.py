"""Which side a user is on: sticky, fair, and testers choose."""

import random
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shadow_runtime.assignment import is_in, variant
from shadow_runtime.contract import Position, Stage, Variant
from tests.strategies import any_text

IDS = 100_000
STEP = 0.01  # percent

CANARY = Stage.canary(percent=0.01)
BETWEEN = [CANARY, Stage.LIVE]

percentages = st.integers(0, 10_000).map(lambda steps: steps / 100)


def in_canary(key: str, percent: float) -> bool:
    return is_in(key, percent, route="get-user", purpose="canary")


@pytest.fixture(scope="module")
def ids() -> list[str]:
    """Random ids, the same in every run."""
    drawn = random.Random(4)
    return [f"{drawn.getrandbits(128):032x}" for _ in range(IDS)]


@given(any_text, percentages, percentages)
def test_a_user_in_the_canary_at_p_percent_is_in_it_at_every_higher_p(
    key: str, one: float, other: float
) -> None:
    lower, higher = sorted((one, other))
    assert in_canary(key, lower) <= in_canary(key, higher)


@given(any_text, percentages)
@example("", 1)
@example("a lone surrogate: \ud800", 1)
@example("\0", 1)
def test_any_string_works_as_a_key_and_gets_the_same_answer_each_time(
    key: str, percent: float
) -> None:
    assert in_canary(key, percent) is in_canary(key, percent)


def test_the_draw_of_a_release_is_the_draw_of_the_next() -> None:
    """Known answers: another hash or salt would move every user of every running canary."""
    assert [n for n in range(300) if in_canary(f"user-{n}", 2)] == [
        34,
        70,
        82,
        110,
        160,
        185,
        212,
        245,
        252,
        275,
        298,
    ]


@pytest.mark.parametrize("percent", [0.1, 1, 2.5, 10, 50, 99])
def test_100_000_random_ids_split_within_0_3_points_of_the_percentage(
    ids: list[str], percent: float
) -> None:
    share = 100 * sum(in_canary(key, percent) for key in ids) / IDS
    assert abs(share - percent) <= 0.3


@pytest.mark.parametrize("percent", [1, 20])
def test_ids_that_merely_count_upwards_split_as_fairly_as_random_ones(percent: float) -> None:
    share = 100 * sum(in_canary(str(number), percent) for number in range(IDS)) / IDS
    assert abs(share - percent) <= 0.3


def test_nobody_is_in_at_0_percent_and_everybody_at_100(ids: list[str]) -> None:
    assert not any(in_canary(key, 0) for key in ids)
    assert all(in_canary(key, 100) for key in ids)


def test_a_step_of_a_hundredth_of_a_percent_admits_a_hundredth_of_a_percent(
    ids: list[str],
) -> None:
    first = sum(in_canary(key, STEP) for key in ids)
    assert 1 <= first <= 25  # 10 are expected
    sizes = [sum(in_canary(key, percent) for key in ids) for percent in (0.56, 0.57, 0.58)]
    assert sizes == sorted(set(sizes)), "each step admits somebody, none is lost to rounding"


def test_routes_and_purposes_draw_independently(ids: list[str]) -> None:
    """A chi-square test of each pair of draws; 10.8 is what chance exceeds once in a thousand."""
    draws = [
        [is_in(key, 20, route=route, purpose=purpose) for key in ids]
        for route in ("get-user", "get-users")
        for purpose in ("canary", "shadow")
    ]
    for one, other in combinations(draws, 2):
        assert chi_square(one, other) < 10.8


def chi_square(one: list[bool], other: list[bool]) -> float:
    """How far the four cells of two draws are from those of independent draws."""
    total, in_one, in_other = len(one), sum(one), sum(other)
    both = sum(a and b for a, b in zip(one, other, strict=True))
    difference = total * both - in_one * in_other
    return total * difference**2 / (in_one * in_other * (total - in_one) * (total - in_other))


def side(user: str, stage: Stage, wish: str | None = None) -> Variant:
    position = Position(stage, candidate_users=("tess",), control_users=("carl",))
    return variant(user, wish, position, stage, route="get-user")


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


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW, Stage.canary(percent=100), Stage.LIVE])
def test_who_has_no_key_is_answered_by_control_as_long_as_there_is_one(stage: Stage) -> None:
    assert side("", stage, "candidate") is Variant.CONTROL
    assert side("", Stage.COMPLETE) is Variant.CANDIDATE
