"""When two bodies are the same to a client, however they are written."""

from typing import Any

import pytest

from shadow_runtime.compare import EXACT, Comparison, Kind, Rules, Verdict, compare
from shadow_runtime.http import Response

JSON = {"content-type": "application/json"}


def text(body: str | bytes, *, status: int = 200) -> Response:
    return Response(status=status, headers=JSON, body=body)


def of(control: Any, candidate: Any, rules: Rules = EXACT) -> Comparison:
    return compare(Response.json(control), Response.json(candidate), rules)


def found(control: Any, candidate: Any, rules: Rules = EXACT) -> list[str]:
    return [f"{d.path} {d.kind}" for d in of(control, candidate, rules).differences]


@pytest.mark.parametrize(("number", "boolean"), [(1, True), (0, False), ([1], [True])])
def test_a_boolean_is_no_number(number: Any, boolean: Any) -> None:
    assert of({"a": number}, {"a": boolean}).differences[0].kind is Kind.TYPE


@pytest.mark.parametrize(
    ("control", "candidate"),
    [
        ("1", "1.0"),
        ("100", "1e2"),
        ("-0", "0"),
        ("[NaN]", "[ NaN]"),
        ("1e999", "Infinity"),
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('"\\ud800"', ' "\\ud800"'),
        ("9" * 5000, " " + "9" * 5000),
    ],
)
def test_two_ways_to_write_one_value_are_equal(control: str, candidate: str) -> None:
    assert compare(text(control), text(candidate)).verdict is Verdict.MATCHED


@pytest.mark.parametrize(
    ("control", "candidate"), [("NaN", "Infinity"), ("9" * 5000, "8" * 5000), ("1e5", "1e6")]
)
def test_numbers_that_differ_are_a_value(control: str, candidate: str) -> None:
    (difference,) = compare(text(control), text(candidate)).differences
    assert difference.kind is Kind.VALUE


def test_huge_integers_are_compared_to_the_last_digit() -> None:
    assert found(10**30, 10**30 + 1) == ["$ value"]


@pytest.mark.parametrize(
    "body", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, "{", '"abc', "nul", "\ufeff{}", b"\xff"]
)
def test_a_body_that_is_no_readable_json_is_compared_as_text(body: str | bytes) -> None:
    longer = body + " " if isinstance(body, str) else body + b" "
    (difference,) = compare(text(body), text(longer)).differences
    assert (difference.path, difference.kind) == ("$", Kind.VALUE)


@pytest.mark.parametrize("depth", range(100, 1100, 100))
def test_nesting_at_the_edge_of_what_can_be_walked_is_one_difference(depth: int) -> None:
    def nested(leaf: str) -> Response:
        return text("[" * depth + leaf + "]" * depth)

    unordered = Rules(unordered=["$.**"])
    (difference,) = compare(nested("[1,2]"), nested("[2,3]"), unordered).differences
    assert difference.kind is Kind.VALUE
    assert compare(nested("1"), nested(" 1")).agrees or depth > 800


@pytest.mark.parametrize("depth", [600, 1500])
def test_what_was_found_before_a_body_proved_too_deep_is_forgotten(depth: int) -> None:
    def nested(value: int) -> Response:
        return text(f'{{"a": {value}, "b": {"[" * depth}1,{value}{"]" * depth}}}')

    differences = compare(nested(2), nested(3), Rules(unordered=["$.**"])).differences
    paths = [d.path for d in differences]
    assert paths == ["$"] or "$" not in paths


def test_json_is_never_taken_for_the_same_as_text() -> None:
    (difference,) = compare(text('"abc"'), text("abc")).differences
    assert difference.kind is Kind.VALUE


@pytest.mark.parametrize(("body", "kind"), [("x", Kind.MISSING), (b"x", Kind.MISSING)])
def test_an_empty_body_is_missing(body: str | bytes, kind: Kind) -> None:
    assert [d.kind for d in compare(text(body), text("")).differences] == [kind]


def test_text_and_bytes_that_a_client_receives_alike_are_equal() -> None:
    control = Response(status=200, body="héllo")
    candidate = Response(status=200, body="héllo".encode())
    assert compare(control, candidate).verdict is Verdict.MATCHED


def test_bytes_can_hold_json() -> None:
    assert compare(text('{"a": 1}'), text(b'{"a":1}')).verdict is Verdict.MATCHED


def test_bodies_of_another_type_are_compared_as_they_are() -> None:
    plain = {"content-type": "text/plain"}
    control, candidate = (Response(status=200, headers=plain, body=b) for b in ("1", "1.0"))
    assert [d.kind for d in compare(control, candidate).differences] == [Kind.VALUE]


def test_a_wrong_content_type_is_one_difference_not_two() -> None:
    control = text('{"a": 1}')
    candidate = Response(status=200, headers={"content-type": "text/html"}, body='{"a":1}')
    expected = "headers.content-type header str({}) ≠ str({})"
    assert [str(d) for d in compare(control, candidate).differences] == [expected.format(16, 9)]
    assert [str(d) for d in compare(candidate, control).differences] == [expected.format(9, 16)]


def test_every_kind_of_json_is_compared_by_structure() -> None:
    headers = {"content-type": "application/problem+json"}
    control, candidate = (
        Response(status=404, headers=headers, body=body) for body in ('{"a": 1}', '{"a":1.0}')
    )
    assert compare(control, candidate).verdict is Verdict.MATCHED


def test_content_types_are_compared_without_parameters_and_case() -> None:
    control = text("{}")
    candidate = Response(
        status=200, headers={"Content-Type": "Application/JSON; charset=utf-8"}, body="{ }"
    )
    assert compare(control, candidate).verdict is Verdict.MATCHED
