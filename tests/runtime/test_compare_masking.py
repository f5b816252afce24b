"""What a difference shows to those who read logs."""

import re
from typing import Any

import pytest

from shadow_runtime.compare import Rules, compare, mask
from shadow_runtime.http import Response
from tests.runtime.compared import of

KEY = b"a secret of the route"


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("Grace", "str(5)"),
        (b"abc", "bytes(3)"),
        (12345, "int"),
        (1.5, "float"),
        (True, "bool"),
        (None, "null"),
        ([1, 2], "list(2)"),
        ({"a": 1}, "dict(1)"),
        ("\ud800", "str(1)"),
    ],
)
def test_a_mask_tells_type_and_length_and_a_keyed_hash(value: object, shape: str) -> None:
    assert re.fullmatch(re.escape(shape) + "#[0-9a-f]{6}", mask(value, KEY))
    assert mask(value, KEY) == mask(value, KEY) != mask(value, b"another secret")
    assert mask(value, b"") == shape


def test_a_mask_is_the_same_for_equal_objects() -> None:
    assert mask({"a": 1, "b": 2}, KEY) == mask({"b": 2, "a": 1}, KEY) != mask({"a": 1}, KEY)


def test_a_mask_of_anything_deep_is_still_a_mask() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert mask(deep, KEY).startswith("list(1)#")


def test_a_difference_is_shown_masked() -> None:
    (difference,) = of({"name": "Grace"}, {"name": "Gracie"}, Rules()).differences
    assert str(difference) == repr(difference) == "$.name value str(5) ≠ str(6)"
    assert re.fullmatch(
        r"\$\.name value str\(5\)#[0-9a-f]{6} ≠ str\(6\)#[0-9a-f]{6}", difference.line(KEY)
    )
    assert difference.record(KEY)["control"] == mask("Grace", KEY)


def test_only_what_the_route_lists_is_shown_clear() -> None:
    rules = Rules(clear=["$.status", "$.more"])
    control = {"status": "a" * 200, "status2": "secret", "more": {"name": "secret"}}
    candidate = {"status": "ürgent", "status2": "secret2", "more": ["secret"]}
    assert [str(d) for d in of(control, candidate, rules).differences] == [
        '$.status value "' + "a" * 99 + ' ≠ "\\u00fcrgent"',
        "$.status2 value str(6) ≠ str(7)",
        "$.more type dict(1) ≠ list(1)",
    ]


@pytest.mark.parametrize(
    "key",
    [
        "ada@example.com",
        "Ada Lovelace",
        "4242424242424242",
        "3f2a6c1e-8f5b-4a7e-9d21-0c9e7b6a5f10",
        "a1b2c3d4e5f6",
        "x" * 65,
        "é",
        "name\n",
        "",
    ],
)
def test_a_key_that_is_no_name_is_masked(key: str) -> None:
    comparison = of({"users": {key: {"n": 1}}}, {"users": {key: {"n": 2}}}, Rules())
    (difference,) = comparison.differences
    assert difference.path == f"$.users{{str({len(key)})}}.n"
    assert difference.folded_path == "$.users{*}.n"
    assert not key or key not in difference.line(KEY) + repr(comparison)


@pytest.mark.parametrize("key", ["name", "updated_at", "line1", "sha256", "x-request-id", "_id"])
def test_a_key_that_is_a_name_is_shown(key: str) -> None:
    (difference,) = of({key: 1}, {key: 2}, Rules()).differences
    assert difference.path == f"$.{key}"


def test_keys_that_a_route_declares_as_data_are_masked() -> None:
    rules = Rules(data_keys=["$.**.users"])
    (difference,) = of(
        {"users": {"ada": {"n": 1}}}, {"users": {"ada": {"n": 2}}}, rules
    ).differences
    assert difference.path == "$.users{str(3)}.n"
    assert difference.line(KEY).startswith("$.users{" + mask("ada", KEY) + "}.n value")


def test_data_keys_do_not_multiply_fingerprints() -> None:
    prints = {of({}, {f"user{i}@example.com": 1}, Rules()).fingerprint for i in range(20)}
    assert len(prints) == 1


def test_a_path_stays_short_however_deep_it_is() -> None:
    deep = Response.json([]).body
    control, candidate = ("[" * 500 + body + "]" * 500 for body in (str(deep), "[1]"))
    headers = {"content-type": "application/json"}
    comparison = compare(
        Response(status=200, headers=headers, body=control),
        Response(status=200, headers=headers, body=candidate),
    )
    assert [len(d.path) for d in comparison.differences] == [len("$" + "[0]" * 31 + "…")]
    assert len(comparison.fingerprint) == 12
