"""When two bodies are the same to a client, however they are written."""

import gzip
from typing import Any

import pytest

from shadow_runtime.compare import Kind, Rules, Verdict, compare
from shadow_runtime.compare.bodies import LARGEST
from shadow_runtime.http import Response
from tests.runtime.compared import found, of, text


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
        ("1e400", "10E+399"),
        ("0.10", "1e-1"),
        ("9007199254740993", "9007199254740993.0"),
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('"\\ud800"', ' "\\ud800"'),
        ("9" * 5000, " " + "9" * 5000),
    ],
)
def test_two_ways_to_write_one_value_are_equal(control: str, candidate: str) -> None:
    assert compare(text(control), text(candidate)).verdict is Verdict.MATCHED


@pytest.mark.parametrize(
    ("control", "candidate"),
    [
        ("NaN", "Infinity"),
        ("9" * 5000, "8" * 5000),
        ("1e5", "1e6"),
        ("1e999", "1e1000"),
        ("1e999", "Infinity"),
        ("0.1", "0.1000000000000000055511151231257827"),
        ("9007199254740993.0", "9007199254740992.0"),
        ("12345678901234567890.12", "12345678901234567890.13"),
    ],
)
def test_numbers_that_differ_are_a_value(control: str, candidate: str) -> None:
    (difference,) = compare(text(control), text(candidate)).differences
    assert difference.kind is Kind.VALUE


def test_huge_integers_are_compared_to_the_last_digit() -> None:
    assert found(10**30, 10**30 + 1) == ["$ value"]


@pytest.mark.parametrize("body", ["{", '"abc', "nul", b"\xff", "{}{}", "[1]\n{", "\u00a01"])
def test_a_body_that_is_no_readable_json_is_compared_as_text(body: str | bytes) -> None:
    longer = body + " " if isinstance(body, str) else body + b" "
    (difference,) = compare(text(body), text(longer)).differences
    assert (difference.path, difference.kind) == ("$", Kind.VALUE)


@pytest.mark.parametrize("depth", [*range(100, 1100, 100), 10_000, 100_000])
@pytest.mark.parametrize("unordered", [[], ["$.**"]])
def test_what_is_nested_too_deep_is_undecided_and_never_a_false_difference(
    depth: int, unordered: list[str]
) -> None:
    def nested(leaf: str) -> Response:
        return text("[" * depth + leaf + "]" * depth)

    rules = Rules(unordered=unordered)
    same = compare(nested("[1, 2]"), nested("[1,2]"), rules)
    assert same.verdict is (Verdict.UNDECIDED if same.undecided else Verdict.MATCHED)
    assert not same.undecided or depth > 800
    other = compare(nested("[1,2]"), nested("[2,3]"), rules)
    assert other.verdict is (Verdict.UNDECIDED if other.undecided else Verdict.MISMATCHED)
    assert compare(nested("1"), nested("1"), rules).verdict is Verdict.MATCHED


def test_what_differs_beside_something_too_deep_is_a_difference_all_the_same() -> None:
    def nested(value: int) -> Response:
        deep = "[" * 600 + f"1,{value}" + ",1]" * 600
        return text(f'{{"a": {value}, "b": {deep}}}')

    comparison = compare(nested(2), nested(3), Rules(unordered=["$.**"]))
    assert comparison.verdict is Verdict.MISMATCHED
    assert comparison.differences[0].path == "$.a"


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


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "application/json",
        "application/problem+json; charset=utf-8",
        "application/vnd.api+json",
        "application/x-amz-json-1.1",
        "text/json",
    ],
)
def test_a_body_that_is_json_is_json_whatever_it_is_called(media_type: str | None) -> None:
    headers = {"content-type": media_type} if media_type else {}
    control, candidate = (
        Response(status=200, headers=headers, body=body) for body in ('{"a": 1}', '{"a":1.0}')
    )
    assert compare(control, candidate).verdict is Verdict.MATCHED


@pytest.mark.parametrize("body", ["\ufeff{}", b"\xef\xbb\xbf{}"])
def test_a_byte_order_mark_is_skipped(body: str | bytes) -> None:
    assert compare(text(body), text(" {} ")).verdict is Verdict.MATCHED


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/jsonl", None])
def test_lines_of_json_are_a_list(media_type: str | None) -> None:
    headers = {"content-type": media_type} if media_type else {}

    def lines(body: str) -> Response:
        return Response(status=200, headers=headers, body=body)

    control = lines('{"id": 1}\n{"id": 2}\n')
    rules = Rules(keyed={"$": "id"})
    assert compare(control, lines('{"id":1}\r\n\n{"id":2.0}')).verdict is Verdict.MATCHED
    assert compare(control, lines('{"id":2}\n{"id":1}'), rules).agrees
    (difference,) = compare(control, lines('{"id":1}\n{"id":3}')).differences
    assert difference.path == "$[1].id"


def test_a_single_line_is_a_list_too_where_the_content_type_says_so() -> None:
    headers = {"content-type": "application/x-ndjson"}
    control, candidate = (
        Response(status=200, headers=headers, body=body) for body in ('{"a": 1}', "")
    )
    assert [f"{d.path} {d.kind}" for d in compare(control, candidate).differences] == ["$ size"]


def zipped(body: str, level: int = 9) -> Response:
    return text(gzip.compress(body.encode(), level), content_encoding="gzip")


def test_gzip_is_compared_by_what_it_holds() -> None:
    assert compare(zipped('{"a": 1}'), zipped('{"a":1.0}', level=0)).verdict is Verdict.MATCHED
    assert [d.path for d in compare(zipped('{"a": 1}'), zipped('{"a": 2}')).differences] == ["$.a"]
    members = text(zipped("[1,").body + zipped("2]").body, content_encoding="gzip")  # type: ignore[operator]
    assert compare(members, text("[1, 2]")).verdict is Verdict.MATCHED


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b" " * (LARGEST + 1)),
        gzip.compress(b" " * LARGEST) * 3,
        gzip.compress(b"{}")[:-3],
        gzip.compress(b"{}") + b"more",
    ],
    ids=["too large", "too large in all", "cut off", "more behind it"],
)
def test_gzip_that_is_damaged_or_too_large_is_undecided(body: bytes) -> None:
    bomb = text(body, content_encoding="gzip")
    assert compare(text("{}"), bomb).verdict is Verdict.UNDECIDED
    assert compare(bomb, bomb).verdict is Verdict.MATCHED


def test_an_empty_body_may_be_like_one_that_says_nothing() -> None:
    rules = Rules(null_is_absent=True, empty_is_absent=["$"])
    assert compare(text(""), text("null"), rules).agrees
    assert compare(text("{}"), text(""), rules).agrees
    assert [d.kind for d in compare(text("null"), text("")).differences] == [Kind.MISSING]
