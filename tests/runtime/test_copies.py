"""A copy is what the shadow needs: it comes out of JSON as it went in, and nothing else passes."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shadow_runtime.contract import Variant
from shadow_runtime.copies import Copy, without_credentials
from shadow_runtime.credentials import HEADERS
from shadow_runtime.front_doors import HTTP_API, MalformedError
from shadow_runtime.http import Request, Response
from tests.strategies import any_text, json_values, requests, responses

ADA = Request(method="GET", path="/users/me", user="ada", id="1")


def copied(**changes: Any) -> Copy:
    members: dict[str, Any] = {
        "event": HTTP_API.event(ADA),
        "withheld": (("cookies",), ("headers", "cookie")),
        "user": "ada",
        "id": "1",
        "trace": "",
        "traceparent": "",
        "variant": Variant.CONTROL,
        "response": Response.json({"id": "ada"}),
        "exposed": False,
        "is_recorded": False,
        "candidate_version": "7",
        "deadline_ms": 2_000,
        "sent_at": 0.0,
    }
    return Copy(**{**members, **changes})


copies = st.builds(
    copied,
    event=requests.map(HTTP_API.event),
    user=any_text,
    variant=st.sampled_from(Variant),
    response=responses.map(without_credentials),
    exposed=st.booleans(),
    is_recorded=st.booleans(),
    sent_at=st.floats(0, 1e13),
)


@given(copies)
@example(copied(user="\ud800"))
def test_a_copy_comes_out_of_json_as_it_went_in(copy: Copy) -> None:
    assert Copy.from_payload(json.loads(copy.payload())) == copy


@pytest.mark.parametrize("name", sorted({*HEADERS, "Authorization", "SET-COOKIE"}))
def test_no_credential_of_an_answer_enters_a_copy(name: str) -> None:
    response = Response(status=200, headers={name: "s3cret", "x-kept": "kept"}, cookies=("s3cret",))
    payload = copied(response=response).payload()
    assert b"s3cret" not in payload
    assert b"kept" in payload


@given(json_values)
def test_what_is_no_copy_is_refused_with_a_malformed_error_and_no_other(payload: object) -> None:
    with pytest.raises(MalformedError):
        Copy.from_payload(payload)


@pytest.mark.parametrize(
    "change",
    [
        {"marker": "shadow-canary/1"},
        {"event": None},
        {"withheld": None},
        {"user": None},
        {"response": None},
        {"response": {"status": 200}},
        {"sent_at": "now"},
        {"deadline_ms": None},
        {"variant": "another"},
    ],
)
def test_a_copy_with_one_wrong_member_is_refused(change: dict[str, Any]) -> None:
    sound = json.loads(copied().payload())
    with pytest.raises(MalformedError):
        Copy.from_payload({**sound, **change})
