"""A recorded request keeps its form, so that it can be asked again, and nothing of a user's."""

import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shadow_runtime.front_doors import HTTP_API, front_door
from shadow_runtime.http import Request
from shadow_runtime.recorded import _read
from shadow_runtime.recording import form, masked, text

KEY = b"secret"
ASKED = Request(
    method="GET",
    path="/prod/users/ada%20lovelace/orders/8127",
    user="ada lovelace",
    id="Z67rFiaQS3QA1A=",
    route_key="GET /users/{id}/orders/{order}",
    stage="prod",
    path_parameters={"id": "ada lovelace", "order": "8127"},
    query="page=2&q=ada%40example.com&ada%40example.com=1",
    headers={
        "accept": "application/json;q=0.9",
        "accept-language": "ada@example.com",
        "user-agent": "Ada's phone",
        "x-forwarded-for": "203.0.113.7",
        "x-tenant-id": "Analytical-12",
        "x-ada@example.com": "1",
        "host": "api.example.com",
        "if-none-match": '"ada"',
    },
    source_ip="203.0.113.7",
    authorizer={"jwt": {"claims": {"sub": "ada lovelace", "exp": 1_796_029_014, "admin": True}}},
    body="a secret",
)
PRIVATE = (
    "ada",
    "lovelace",
    "8127",
    "Analytical",
    "203.0",
    "secret",
    "Z67r",
    "1796029014",
    "phone",
)


def test_a_line_has_the_form_of_a_request_and_no_value_of_it() -> None:
    line = masked(ASKED, KEY)
    user = line["user"]
    assert re.fullmatch(r"[a-z]{3} [a-z]{8}", user)
    order = line["path_parameters"]["order"]
    assert line["path"] == f"/prod/users/{user.replace(' ', '%20')}/orders/{order}"
    assert line["path_parameters"]["id"] == user
    assert line["authorizer"]["jwt"]["claims"]["sub"] == user
    assert line["authorizer"]["jwt"]["claims"]["admin"] is True
    page, search, other = parse_qs(line["query"])
    assert (page, search) == ("page", "q")
    assert "@" in other
    assert line["headers"].keys() == {"accept", "x-tenant-id"}
    assert line["headers"]["accept"] == "application/json;q=0.9"
    written = json.dumps(line).lower()
    assert not [private for private in PRIVATE if private.lower() in written]


def test_what_is_recorded_can_be_asked_again() -> None:
    line = masked(ASKED, KEY)
    event, status = _read({**line, "status": 200})
    again = front_door(event).request(event, line["user"])
    assert status == 200
    assert (again.path, again.query, again.user) == (line["path"], line["query"], line["user"])
    assert again.claims["sub"] == line["user"]


def test_another_key_masks_otherwise() -> None:
    assert masked(ASKED, KEY) == masked(ASKED, KEY)
    assert masked(ASKED, KEY)["user"] != masked(ASKED, b"another")["user"]


@pytest.mark.parametrize(
    ("route_key", "path", "kept"),
    [
        ("GET /users/{id}", "/users/ada", ["users"]),
        ("GET /users/{proxy+}", "/users/ada/orders", ["users"]),
        ("GET /users/me", "/users/me", ["users", "me"]),
        ("$default", "/users/ada", []),
        ("", "/users/ada", []),
        ("GET /{id}/users", "/users/ada", []),
    ],
    ids=["a parameter", "a greedy one", "a literal", "no route", "none at all", "elsewhere"],
)
def test_only_what_the_api_names_stays_of_a_path(
    route_key: str, path: str, kept: list[str]
) -> None:
    asked = Request(method="GET", path=path, route_key=route_key)
    line = masked(asked, KEY)
    assert [part for part in line["path"].split("/") if part in path.split("/") and part] == kept
    assert line["path"].count("/") == path.count("/")


@given(st.text())
def test_a_mask_keeps_length_and_kind_and_hides_every_letter_and_digit(value: str) -> None:
    found = text(value, KEY)
    assert len(found) == len(value)
    assert found == text(value, KEY)
    for before, after in zip(value, found, strict=True):
        if before.isdecimal():
            assert after.isdecimal()
        elif before.isascii() and not before.isalnum():
            assert after == before
        else:
            assert after.isascii()
            assert after.isalpha()


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=6), st.binary(min_size=16))
def test_a_value_of_some_length_is_never_its_own_mask(value: str, key: bytes) -> None:
    assume(len({*value}) > 3)
    assert text(value, key) != value


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), anything), st.text(), st.text(), st.text())
def test_whatever_a_client_sends_can_be_masked(
    authorizer: dict[str, Any], path: str, query: str, user: str
) -> None:
    asked = Request(method="GET", path=f"/{path}", query=query, user=user, authorizer=authorizer)
    line = masked(asked, KEY)
    json.dumps(line)
    assert HTTP_API.event(Request(**line))["rawPath"] == line["path"]


def test_requests_of_one_form_differ_in_what_is_masked_alone() -> None:
    def of(path: str, query: str = "page=1") -> str:
        asked = Request(method="GET", path=path, query=query, route_key="GET /users/{id}")
        return form(masked(asked, KEY))

    assert of("/users/ada") == of("/users/bob", "page=7")
    assert of("/users/ada") != of("/users/ada", "page=1&size=3")
    assert form(None) == ""
