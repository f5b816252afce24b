"""A drill says what happened when, refuses where it would harm, and names nobody's user."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.assignment import is_in
from shadow_runtime.contract import Stage
from shadowctl.drill import LEAST, Drill, times, user_in
from shadowctl.log_query import Line

AT = datetime(2030, 1, 7, 9, tzinfo=UTC)
DONE = Drill(
    route="Shop/get-user",
    before=Stage.SHADOW,
    alarm="error-rate",
    failing=AT,
    red=AT + timedelta(seconds=180),
    off=AT + timedelta(seconds=181.5),
    answered=AT + timedelta(seconds=197),
    requests=98,
    errors=0,
)


def line(request: str, seconds: float, **fields: Any) -> Line:
    stamp = {"Timestamp": (AT + timedelta(seconds=seconds)).timestamp() * 1_000}
    return Line(AT + timedelta(minutes=5), {"request_id": request, "_aws": stamp, **fields})


def test_a_failure_and_the_first_answer_of_control_alone_are_found_in_the_log() -> None:
    written = [
        line("1", 1, Variant="control", Requests=[1]),  # the flag had not come yet
        line("2", 3, Variant="candidate", Requests=[1], Faults=[1], Fallbacks=[1]),
        line("2", 4, Variant="control", Requests=[1]),
        line("3", 7, Variant="candidate", Requests=[1], Faults=[1]),
        line("3", 8, Fallbacks=[1]),
        line("4", 20, Variant="control", Requests=[1]),
        line("5", 30, Variant="control", Requests=[1]),
    ]
    failing, answered = times(written, AT + timedelta(seconds=10))
    assert failing == AT + timedelta(seconds=3)
    assert answered == AT + timedelta(seconds=20)
    assert times(written, None) == (failing, None)
    assert times([], AT) == (None, None)


def test_people_and_machines_are_told_how_long_each_part_of_the_way_took() -> None:
    assert [*DONE.shown()] == [
        "Shop/get-user: a drill, from shadow",
        "    0.0 s  the candidate fails, control stands in",
        "  180.0 s  error-rate is in ALARM",
        "  181.5 s  the flag is at off",
        "  197.0 s  control answers, and the candidate is not asked",
        "98 requests; 0 users of them saw an error",
        "restored to shadow; error-rate goes back to OK by itself when its window has passed, and "
        "nobody is exposed before",
    ]
    assert DONE.document()["seconds"] == {
        "failing": 0,
        "alarm": 180,
        "off": 181.5,
        "answered": 197,
    }


@pytest.mark.parametrize(
    ("found", "has_worked"),
    [
        (DONE, True),
        (Drill(**{n: getattr(DONE, n) for n in Drill.__slots__} | {"errors": 1}), False),
        (Drill(**{n: getattr(DONE, n) for n in Drill.__slots__} | {"answered": None}), False),
    ],
    ids=["to its end", "a user saw an error", "never"],
)
def test_a_drill_has_worked_when_control_answers_again_and_nobody_saw_an_error(
    found: Drill, has_worked: bool
) -> None:
    assert found.has_worked is has_worked
    assert found.document()["worked"] is has_worked


def test_what_did_not_happen_is_said() -> None:
    never = Drill("a", Stage.OFF, "", AT, None, None, None, requests=900, errors=0)
    assert "    never  an alarm is in ALARM" in [*never.shown()]


@given(st.text("abcdef0123456789", min_size=8, max_size=8))
def test_the_user_of_a_drill_is_in_the_smallest_canary(prefix: str) -> None:
    user = user_in(LEAST, "Shop/get-user", prefix)
    assert is_in(user, LEAST.percent, route="Shop/get-user", purpose="canary")
