"""Credentials stay out of copies, nothing else does, and who needed one there is told apart."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.credentials import HEADERS, headers_without, stripped, watched, without_headers
from shadow_runtime.front_doors import HTTP_API, REST_API, headers
from tests.runtime.test_front_doors import DOORS, OF_HTTP_API, OF_REST_API

SECRETS: dict[str, dict[str, Any]] = {
    "a header": {"headers": {"Authorization": "s3cret", "accept": "*/*"}},
    "a header of many values": {"multiValueHeaders": {"authorization": ["s3cret"]}},
    "a cookie": {"cookies": ["session=s3cret"]},
    "a cookie's header": {"headers": {"cookie": "session=s3cret"}},
    "a bearer token in the query": {
        "rawQueryString": "page=2&Access%5FToken=s3cret",
        "queryStringParameters": {"page": "2", "Access_Token": "s3cret"},
        "multiValueQueryStringParameters": {"page": ["2"], "Access_Token": ["s3cret"]},
    },
    "what a Lambda authorizer hands on, 1.0": {
        "requestContext": {"authorizer": {"userId": "ada", "accessToken": "s3cret"}}
    },
    "what a Lambda authorizer hands on, 2.0": {
        "requestContext": {"authorizer": {"lambda": {"id_token": "s3cret"}}}
    },
    "an IAM key": {"requestContext": {"authorizer": {"iam": {"accessKey": "s3cret"}}}},
    "an API key": {"requestContext": {"identity": {"apiKey": "s3cret", "sourceIp": "::1"}}},
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_credential_enters_a_copy(secret: dict[str, Any]) -> None:
    kept, withheld = stripped({"requestContext": {}, **secret})
    assert "s3cret" not in json.dumps(kept)
    assert withheld


@given(st.sampled_from(sorted(HEADERS)), st.data())
def test_a_credentials_header_is_known_however_it_is_spelled(
    name: str, data: st.DataObject
) -> None:
    spelled = "".join(data.draw(st.sampled_from([c, c.upper()])) for c in name)
    assert headers_without({spelled: "s3cret", "accept": "*/*"}) == {"accept": "*/*"}


def test_the_credentials_kept_back_are_these() -> None:
    assert {"authorization", "cookie", "set-cookie", "x-api-key"} <= HEADERS


@pytest.mark.parametrize("query", ["key=a", "code=DE", "token=next", "sig=4", "secret=santa"])
def test_a_parameter_with_an_everyday_name_is_no_credential(query: str) -> None:
    name, _, value = query.partition("=")
    event = {**OF_HTTP_API, "rawQueryString": query, "queryStringParameters": {name: value}}
    kept, _ = stripped(event)
    assert (kept["rawQueryString"], kept["queryStringParameters"]) == (query, {name: value})


@pytest.mark.parametrize("event", [event for event, _ in DOORS.values()], ids=DOORS)
def test_what_is_no_credential_stays_and_shares_nothing_with_the_event(
    event: dict[str, Any],
) -> None:
    before = copy.deepcopy(event)
    kept, withheld = stripped(event)
    missing = {".".join(path).lower() for path in withheld}
    assert missing <= {"cookies", "headers.cookie", "multivalueheaders.cookie"}
    assert kept["requestContext"] == event["requestContext"]
    kept["requestContext"].clear()
    assert event == before


def test_the_claims_of_a_token_are_no_credential() -> None:
    kept, _ = stripped(OF_HTTP_API)
    assert HTTP_API.request(kept).claims == {"sub": "ada"}


def test_a_candidate_is_handed_all_but_what_the_route_withholds() -> None:
    event = {**OF_HTTP_API, "headers": {"Authorization": "Bearer e30", "accept": "*/*"}}
    left = without_headers(event, {"authorization", "cookie"})
    assert left["headers"] == {"accept": "*/*"}
    assert "cookies" not in left
    assert event["headers"]["Authorization"], "the event itself is as it was"
    rest = [name for name in event if name not in ("headers", "cookies")]
    assert all(left[name] is event[name] for name in rest)


def asked_for(event: dict[str, Any], look: Any) -> list[str]:
    """What a handler that does `look` wanted and was not given."""
    kept, withheld = stripped(event)
    asked: list[str] = []
    look(watched(kept, withheld, asked))
    return asked


LOOKS: dict[str, tuple[Any, bool]] = {
    "by name": (lambda event: event["headers"].get("cookie"), True),
    "in another case": (lambda event: event["headers"].get("COOKIE"), True),
    "whether it is there": (lambda event: "Cookie" in event["headers"], True),
    "for another": (lambda event: event["headers"].get("accept"), False),
    "at all of them": (lambda event: [*event["headers"].items(), *event], False),
    "as JSON": (json.dumps, False),
    "at our headers": (headers, False),
    "at our headers by name": (lambda event: headers(event).get("cookie"), True),
}


@pytest.mark.parametrize("event", [OF_HTTP_API, OF_REST_API], ids=["HTTP API", "REST API"])
@pytest.mark.parametrize(("look", "wanted"), LOOKS.values(), ids=LOOKS)
def test_who_looks_for_what_was_withheld_is_noticed_and_nobody_else(
    event: dict[str, Any], look: Any, wanted: bool
) -> None:
    assert bool(asked_for(event, look)) is wanted


def test_whoever_takes_it_for_granted_fails_as_they_would_without_us_and_is_noticed() -> None:
    def look(event: Any) -> None:
        with pytest.raises(KeyError, match="cookies"):
            event["cookies"]

    assert asked_for(OF_HTTP_API, look) == ["cookies"]


def test_a_typed_handler_that_reads_its_cookies_is_noticed_and_one_that_does_not_is_not() -> None:
    for event, door in ((OF_HTTP_API, HTTP_API), (OF_REST_API, REST_API)):
        assert asked_for(event, lambda event, door=door: door.request(event).cookies)
        assert not asked_for(event, lambda event, door=door: door.request(event).claims)


def test_nobody_is_noticed_where_nothing_was_withheld() -> None:
    bare = {**OF_HTTP_API, "cookies": []}
    assert asked_for(bare, lambda event: event["headers"].get("cookie")) == []
