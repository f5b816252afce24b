"""When the migration is over: the candidate's handler behind a front door, without a control."""

import copy
from typing import Any

import pytest

from shadow_runtime.candidate import candidate
from shadow_runtime.front_doors import front_door
from shadow_runtime.handlers import HandlerError
from shadow_runtime.http import Request, Response
from shadow_runtime.user import key_of
from tests.runtime.front_doors.events import SAMPLES, Sample
from tests.runtime.front_doors.route import Context


def shown(event: Any, context: Any) -> Any:
    """What a handler of Lambda's form sees, as its answer."""
    return {"statusCode": 200, "body": repr((event, context))}


def typed(request: Request) -> Response:
    return Response(status=200, body=repr(request))


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_it_answers_what_a_front_door_sends_as_the_handler_without_its_decorator(
    sample: Sample,
) -> None:
    context = Context()
    event = copy.deepcopy(sample.event)
    assert candidate(shown)(event, context) == shown(sample.event, context)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_typed_handler_learns_who_asks(sample: Sample) -> None:
    door = front_door(sample.event)
    alone = door.served(candidate(user=sample.user)(typed)(sample.event, Context()))
    assert alone.body == repr(door.request(sample.event, key_of(sample.user, sample.event)))


def test_a_user_that_is_no_function_is_refused() -> None:
    with pytest.raises(HandlerError, match=r"user='sub' is no function .* write claim\('sub'\)"):
        candidate(user="sub")(shown)  # type: ignore[call-overload]
