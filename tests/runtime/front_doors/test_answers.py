"""Every kind of answer, through every front door, at every stage: one meaning, everywhere."""

from typing import Any

import pytest

from tests.runtime.front_doors.answers import ANSWERS, BARE, FAILED, REFUSED, received
from tests.runtime.front_doors.events import DOORS, SAMPLES
from tests.runtime.front_doors.route import Aws, Context
from tests.runtime.front_doors.sides import CANDIDATE, CONTROL
from tests.runtime.front_doors.stages import ON_CONTROL, STAGES, WITH_A_STAND_IN

EVERY = ANSWERS | BARE | REFUSED

BY_DOOR = {sample.door: sample for sample in SAMPLES.values() if sample.key}


def ask(aws: Aws, door: str, stage: str) -> Any:
    sample = BY_DOOR[door]
    position = STAGES[stage](sample.key)
    answer = aws.ask(
        CONTROL, CANDIDATE, sample.event, at=position, context=Context(), user=sample.user
    )
    return received(door, answer)


@pytest.mark.parametrize("answer", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("door", DOORS)
def test_while_control_answers_nothing_of_it_changes(aws: Aws, door: str, answer: Any) -> None:
    CONTROL.answer = answer
    for stage in ("off", "canary, user of control"):
        assert ask(aws, door, stage) == received(door, answer), stage


@pytest.mark.parametrize("answer", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("door", DOORS)
def test_a_candidate_that_answers_alike_is_received_alike(aws: Aws, door: str, answer: Any) -> None:
    CONTROL.answer = CANDIDATE.answer = answer
    assert ask(aws, door, "live") == received(door, answer)


TAKEN = {
    f"{door}: {name}": (door, answer)
    for door in DOORS
    for name, answer in EVERY.items()
    if received(door, answer) != FAILED[door]
}


@pytest.mark.parametrize(("door", "answer"), TAKEN.values(), ids=TAKEN)
def test_a_candidate_without_a_stand_in_is_received_as_it_answers(
    aws: Aws, door: str, answer: Any
) -> None:
    CANDIDATE.answer = answer
    assert ask(aws, door, "complete") == received(door, answer)


@pytest.mark.parametrize("door", DOORS)
def test_without_a_stand_in_what_the_front_door_refuses_is_a_failure(aws: Aws, door: str) -> None:
    for name, answer in EVERY.items():
        CANDIDATE.answer = answer
        if f"{door}: {name}" not in TAKEN:
            assert ask(aws, door, "complete").status >= 500, name


@pytest.mark.parametrize("stage", [*ON_CONTROL, *WITH_A_STAND_IN])
@pytest.mark.parametrize("door", DOORS)
def test_what_control_raises_is_raised(aws: Aws, door: str, stage: str) -> None:
    CONTROL.answer = CANDIDATE.answer = KeyError("no such cart")
    with pytest.raises(KeyError) as raised:
        ask(aws, door, stage)
    assert raised.value is CONTROL.answer
