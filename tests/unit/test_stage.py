"""A stage is an ordered value, and reads the same in code, in the flag and on screen."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.contract import Stage
from tests.strategies import stages


def test_stages_are_ordered_by_how_many_users_the_candidate_may_answer() -> None:
    ordered = [
        Stage.OFF,
        Stage.SHADOW,
        Stage.canary(percent=0.01),
        Stage.canary(percent=1),
        Stage.canary(percent=100),
        Stage.LIVE,
        Stage.COMPLETE,
    ]
    assert all(lower < higher for lower, higher in pairwise(ordered))
    assert max(ordered) == Stage.COMPLETE


@given(stages, stages)
def test_the_candidate_answers_the_users_of_the_lower_of_ceiling_and_position(
    ceiling: Stage, position: Stage
) -> None:
    reached = min(ceiling, position)
    assert reached in (ceiling, position)
    assert reached.candidate_percent == min(ceiling.candidate_percent, position.candidate_percent)


@pytest.mark.parametrize(
    ("stage", "percent"),
    [
        (Stage.OFF, 0),
        (Stage.SHADOW, 0),
        (Stage.canary(percent=2.5), 2.5),
        (Stage.LIVE, 100),
        (Stage.COMPLETE, 100),
    ],
)
def test_a_stage_says_which_share_of_the_users_the_candidate_answers(
    stage: Stage, percent: float
) -> None:
    assert stage.candidate_percent == percent


@given(stages)
def test_what_is_printed_is_parsed_back(stage: Stage) -> None:
    assert Stage.parse(str(stage)) == stage
    assert repr(stage) == str(stage)


@given(stages)
def test_name_and_percentage_make_the_stage_again(stage: Stage) -> None:
    assert Stage.of(stage.name, percent=stage.percent) == stage


def test_a_percentage_beside_another_stage_than_canary_counts_for_nothing() -> None:
    assert Stage.of("live", percent=5) == Stage.LIVE


@pytest.mark.parametrize("percent", [0, -1, 100.01, float("nan"), float("inf")])
def test_a_canary_of_nobody_or_of_more_than_all_is_refused_and_told_what_to_use(
    percent: float,
) -> None:
    with pytest.raises(ValueError, match=r"none use Stage\.SHADOW, for all use Stage\.LIVE") as e:
        Stage.canary(percent=percent)
    assert repr(percent) in str(e.value)


def test_a_canary_finer_than_a_bucket_is_refused_and_told_the_step() -> None:
    with pytest.raises(ValueError, match=r"steps of 0\.01 percent, got 1\.005"):
        Stage.canary(percent=1.005)


@pytest.mark.parametrize("name", ["", "Live", "beta", "canary(x%)", "canary(1)", "live ", "0"])
def test_an_unknown_stage_is_refused_and_told_which_there_are(name: str) -> None:
    for read in (Stage.of, Stage.parse):
        with pytest.raises(ValueError, match="one of off, shadow, canary, live, complete") as e:
            read(name)
        assert repr(name) in str(e.value)


@given(st.text(max_size=20))
def test_text_that_names_no_stage_is_refused_with_a_value_error_and_no_other(text: str) -> None:
    try:
        stage = Stage.parse(text)
    except ValueError:
        return
    assert Stage.parse(str(stage)) == stage


def test_a_stage_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        Stage.OFF.rank = 3  # type: ignore[misc]
