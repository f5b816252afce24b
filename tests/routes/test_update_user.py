"""PUT /users/me: what each side makes of what a client sends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.users import control as users
from routes.update_user import candidate, control
from routes.update_user.body import LARGEST, LONGEST, changes
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import RefusedError, Request
from tests.strategies import json_values


def put(body: str | bytes, *, user: str = "user-001", key: str = "") -> Request:
    headers = {"idempotency-key": key} if key else {}
    return Request(method="PUT", path="/users/me", user=user, id="1", headers=headers, body=body)


GOOD = {
    "all of it": {"name": "Ada", "email": "a@example.com", "plan": "team"},
    "a name": {"name": "Ada"},
    "of other letters": {"name": "\u0646\u0627\u200c\u0645 \U0001f468\u200d\U0001f469"},
    "the longest": {"name": LONGEST * "x"},
}
BAD: dict[str, tuple[str | bytes, int]] = {
    "nothing": ("", 400),
    "no JSON": ("{", 400),
    "deep JSON": (8_000 * "[", 400),
    "no UTF-8": (b"\xff\xfe{}", 400),
    "a number of many digits": (5_000 * "9", 400),
    "too large": (json.dumps({"name": LARGEST * "x"}), 413),
    "too large in bytes": (json.dumps({"name": LARGEST // 2 * "\u00e4"}, ensure_ascii=False), 413),
    "null": ("null", 422),
    "a list": ("[]", 422),
    "an empty object": ("{}", 422),
    "a name of another type": ('{"name": 1}', 422),
    "no name": ('{"name": ""}', 422),
    "NaN": ('{"name": NaN}', 422),
    "null as a name": ('{"name": null}', 422),
    "too long a name": (json.dumps({"name": (LONGEST + 1) * "x"}), 422),
    "another member": ('{"name": "Ada", "id": "user-002"}', 422),
    "another plan": ('{"plan": "gold"}', 422),
    "NUL": ('{"name": "A\\u0000"}', 422),
    "half of a pair": ('{"name": "A\\ud800"}', 422),
    "a line": ('{"name": "A\\nB"}', 422),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_what_may_be_changed_is(body: dict[str, str]) -> None:
    assert changes(put(json.dumps(body))) == body
    assert changes(put(json.dumps(body).encode())) == body


@pytest.mark.parametrize("side", [control, candidate], ids=["control", "candidate"])
@pytest.mark.parametrize(("body", "status"), BAD.values(), ids=BAD)
def test_what_is_no_change_is_refused_by_either_side_before_any_store_is_asked(
    body: str | bytes, status: int, side: Any
) -> None:
    answer = side.handler(HTTP_API.event(put(body)), None)
    assert answer["statusCode"] == status
    [message] = json.loads(answer["body"]).values()
    assert "Ada" not in message


@given(json_values | st.dictionaries(st.sampled_from(["name", "email", "plan"]), st.text()))
def test_any_json_is_a_change_or_refused(value: Any) -> None:
    asked, status = outcome(json.dumps(value))
    assert status in (200, 413, 422)
    if status == 200:
        assert asked == value
        json.dumps(asked, ensure_ascii=False).encode()
        assert "\0" not in "".join(asked.values())


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_any_body_is_a_change_or_refused(body: str | bytes) -> None:
    assert outcome(body)[1] in (200, 400, 422)


def outcome(body: str | bytes) -> tuple[dict[str, str], int]:
    try:
        return changes(put(body)), 200
    except RefusedError as refused:
        return {}, refused.response.status


# Control


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {key: {k: v for k, v in user.items() if k != "id"} for key, user in users.USERS.items()}
    monkeypatch.setattr(users, "store", users.Directory(users.InMemory(), first))


def asked(body: dict[str, str], **of: str) -> tuple[int, Any]:
    answer = control.handler(HTTP_API.event(put(json.dumps(body), **of)), None)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_user_is_changed_once_for_each_key() -> None:
    before = users.USERS["user-001"]
    for _ in range(2):
        assert asked({"plan": "free"}, key="7") == (200, {**before, "plan": "free"})
    held = users.store.load("user-001")
    assert held is not None
    assert held.version == 2
    assert asked({"plan": "team"}, key="7")[0] == 422
    assert asked({"name": "Eve"}, key="8") == (200, {**before, "plan": "free", "name": "Eve"})


def test_nobody_is_not_found() -> None:
    assert asked({"plan": "free"}, user="nobody") == (404, {"message": "Not Found"})


def test_a_key_that_is_too_long_is_refused() -> None:
    assert asked({"plan": "free"}, key=256 * "k")[0] == 400
