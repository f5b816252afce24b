"""Which operation a request asks for, and how it and its records travel."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dataset.register import EFFECT_S
from dataset.steps import Operation, Record
from dataset_runtime.operation import (
    Attempt,
    ConflictError,
    LateError,
    MissingError,
    attempt_of,
    carrying,
    is_rehearsal,
    operation_of,
    rehearsing,
)
from dataset_runtime.wire import from_json, to_json
from shadow_runtime.candidate import candidate
from shadow_runtime.front_doors import HTTP_API, MalformedError
from shadow_runtime.http import RefusedError, Request
from shadow_runtime.migrating import migrating
from tests.runtime.front_doors.answers import received
from tests.runtime.front_doors.events import DOORS, GET

PUT = Request(method="PUT", path="/users/me", user="ada", id="1", body='{"plan": "team"}')
KEYED = replace(PUT, headers={"idempotency-key": "7"})


def test_a_client_that_asks_again_under_its_key_asks_for_the_same() -> None:
    again = replace(KEYED, id="2", headers={"idempotency-key": "7", "x-amzn-trace-id": "Root=1"})
    assert operation_of(again) == operation_of(KEYED)


@pytest.mark.parametrize(
    "change",
    [{"body": "{}"}, {"method": "POST"}, {"path": "/users"}, {"query": "a=b"}, {"user": "eve"}],
    ids="".join,
)
def test_another_request_under_the_same_key_has_another_digest(change: dict[str, Any]) -> None:
    other = operation_of(replace(KEYED, **change))
    assert other.id == operation_of(KEYED).id
    assert other.digest != operation_of(KEYED).digest


def test_without_a_key_each_request_asks_for_its_own() -> None:
    bare = replace(PUT, id="")
    trace = replace(bare, headers={"x-amzn-trace-id": "Self=1-a;Root=1-b"})
    other = replace(bare, headers={"x-amzn-trace-id": "Self=1-c;Root=1-b"})
    asked = [PUT, replace(PUT, id="2"), bare, bare, trace, other]
    assert len({operation_of(request).id for request in asked}) == len(asked)
    assert operation_of(PUT) == operation_of(PUT)


def test_a_clients_text_is_in_no_id() -> None:
    asked = operation_of(replace(KEYED, headers={"idempotency-key": "ada@example.com"}))
    assert "ada" not in asked.id
    assert len(asked.id) == len(asked.digest) == 32


def test_a_key_that_is_too_long_is_refused_and_one_of_255_is_not() -> None:
    operation_of(replace(PUT, headers={"idempotency-key": 255 * "k"}))
    with pytest.raises(RefusedError, match="at most 255 characters") as refused:
        operation_of(replace(PUT, headers={"idempotency-key": 256 * "k"}))
    assert refused.value.response.status == 400


@given(st.text(), st.text() | st.binary())
def test_any_text_and_any_body_make_an_operation(key: str, body: str | bytes) -> None:
    assume(len(key) <= 255)
    asked = operation_of(replace(PUT, headers={"idempotency-key": key}, body=body))
    assert asked == operation_of(replace(PUT, headers={"idempotency-key": key}, body=body))


def test_what_the_route_decided_is_what_a_handler_finds() -> None:
    decided = Attempt(Operation("a", "b", ("ada",)), until=0.0)
    with carrying(decided):
        assert attempt_of(KEYED) is decided
        assert attempt_of(HTTP_API.event(KEYED)) is decided
    alone = attempt_of(KEYED)
    assert alone.operation == operation_of(KEYED)
    assert 0 < alone.until - time.time() <= EFFECT_S


def test_an_event_asks_for_what_its_request_asks_for() -> None:
    event = HTTP_API.event(KEYED)
    assert attempt_of(event).operation == operation_of(HTTP_API.request(event))


def test_a_rehearsal_is_told_in_any_thread_and_to_its_end() -> None:
    with rehearsing():
        with rehearsing():
            assert is_rehearsal()
        assert is_rehearsal()
    assert not is_rehearsal()


RECORDS = st.builds(
    Record,
    st.text(),
    st.integers(0, 2**62),
    st.none() | st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()),
    st.dictionaries(st.text(), st.text()),
)


@given(RECORDS)
def test_a_record_comes_back_as_it_was_with_its_operations_in_order(record: Record) -> None:
    back = from_json(json.loads(json.dumps(to_json(record))))
    assert back == record
    assert [*back.operations] == [*record.operations]


@pytest.mark.parametrize(
    "value",
    [None, {}, [], "ada", {"key": "ada"}, {**to_json(Record("ada", 1, None)), "version": "1"}],
    ids=["null", "nothing", "list", "text", "key", "type"],
)
def test_what_is_no_record_is_malformed(value: object) -> None:
    with pytest.raises(MalformedError, match="no record of a dataset"):
        from_json(value)


REFUSALS = {ConflictError: 422, MissingError: 404, LateError: 503}


@pytest.mark.parametrize("decorate", [migrating, candidate], ids=["control", "candidate"])
@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: error.__name__)
@pytest.mark.parametrize("door", DOORS)
def test_a_refusal_is_an_answer_at_every_front_door_in_either_form(
    door: str, error: type[RefusedError], decorate: Any
) -> None:
    def typed(request: Request) -> Any:
        raise error

    def plain(event: Any, context: Any) -> Any:
        raise error

    make, _ = DOORS[door]
    for handler in (typed, plain):
        answer = received(door, decorate(handler)(make(GET), None))
        assert answer.status == REFUSALS[error]
        assert set(json.loads(answer.body)) == {"message"}
