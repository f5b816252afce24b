"""Which headers and statuses a client would notice, and what a pair of answers proves."""

import gzip
from typing import Any

import pytest

from shadow_runtime.compare import (
    AllBut,
    Comparison,
    PairClass,
    Rules,
    Verdict,
    compare,
    pair_class,
)
from shadow_runtime.http import Response
from tests.runtime.compared import text


def answer(status: int = 200, body: str | bytes = "{}", **headers: str) -> Response:
    return text(body, status=status, **headers)


def paths(comparison: Comparison) -> list[str]:
    return [f"{d.path} {d.kind}" for d in comparison.differences]


@pytest.mark.parametrize(
    ("status", "counts"), [(201, True), (301, True), (302, True), (307, True), (200, False)]
)
def test_where_a_client_is_sent_counts_where_it_goes_there(status: int, counts: bool) -> None:
    here, there = answer(status, location="/orders/1"), answer(status, Location="/orders/2")
    assert paths(compare(here, there)) == ["headers.location header"] * counts
    assert paths(compare(here, answer(status))) == ["headers.location header"] * counts


def test_a_generated_location_may_have_a_shape_or_be_present() -> None:
    here, there = answer(201, location="/orders/1"), answer(201, location="/orders/2")
    for rules in (
        Rules(shape={"headers.location": r"/orders/\d+"}),
        Rules(present=["headers.Location"]),
        Rules(ignore=["headers.*"]),
        Rules(ignore=["headers.loc*"]),
    ):
        assert compare(here, there, rules).excused_by == set(rules.names)
    assert not compare(here, answer(201), Rules(present=["headers.location"])).agrees


ZIPPED = gzip.compress(b'{"a": 1}')


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (answer(content_encoding="gzip"), answer(), ["headers.content-encoding header"]),
        (
            answer(body=ZIPPED, content_encoding="gzip"),
            answer(body=ZIPPED),
            ["headers.content-encoding header"],
        ),
        (answer(body=ZIPPED, content_encoding="gzip"), answer(body='{"a":1}'), []),
        (answer(body=ZIPPED, content_encoding="GZIP"), answer(body='{"a":2}'), ["$.a value"]),
        (answer(content_encoding="identity"), answer(), []),
        (answer(content_encoding="br"), answer(), ["headers.content-encoding header"]),
        (answer(content_encoding="br"), answer(content_encoding="gzip"), []),
    ],
)
def test_an_encoding_counts_where_one_side_alone_has_it_and_cannot_be_read_alike(
    control: Response, candidate: Response, expected: list[str]
) -> None:
    assert paths(compare(control, candidate)) == expected
    assert paths(compare(candidate, control)) == expected


@pytest.mark.parametrize(
    ("control", "candidate", "body", "agrees"),
    [
        ("application/json", "Application/JSON; charset=UTF-8", "{}", True),
        ("application/json; charset=utf8", 'application/json;charset="utf-8"', "{}", True),
        ("application/json; charset=iso-8859-1", "application/json", "{}", False),
        ("text/plain; charset=iso-8859-1", "text/plain; charset=utf-8", "{}", False),
        ("text/plain; charset=us-ascii", "text/plain; charset=utf-8", "{}", True),
        ("text/html", "text/html; charset=utf-8", "plain", True),
        ("text/html", "text/html; charset=utf-8", "é", False),
        ("text/html; boundary=x", "text/html", "é", True),
        ("text/html", "application/json", "{}", False),
    ],
)
def test_a_charset_counts_where_it_makes_other_text(
    control: str, candidate: str, body: str, agrees: bool
) -> None:
    here, there = (answer(body=body, content_type=named) for named in (control, candidate))
    assert compare(here, there).agrees is agrees
    assert compare(there, here).agrees is agrees


def test_headers_that_a_route_names_are_added_to_those_that_always_count() -> None:
    rules = Rules(headers=["ETag"])
    assert paths(compare(answer(etag="a"), answer(ETAG="b"), rules)) == ["headers.etag header"]
    assert paths(compare(answer(), answer(content_type="text/html"), rules)) == [
        "headers.content-type header"
    ]
    assert compare(answer(etag="a"), answer(etag="b")).agrees


def test_a_rule_names_a_header_in_any_case() -> None:
    here, there = answer(etag="a"), answer(etag="b")
    assert compare(here, there, Rules(headers=["etag"], ignore=["headers.ETag"])).agrees
    assert compare(here, there, Rules(headers=["ETAG"], ignore=['headers["eTag"]'])).agrees


def test_all_headers_but_some_may_count() -> None:
    rules = Rules(headers=AllBut("Date", "x-request-id"))
    here = answer(date="1", x_request_id="1", etag="a", cache_control="no-store", set_cookie="a=1")
    there = answer(date="2", x_request_id="2", etag="b", set_cookie="a=2", vary="accept")
    assert paths(compare(here, there, rules)) == [
        "headers.cache-control header",
        "headers.etag header",
        "headers.vary header",
    ]


NO_BODY = Response(status=204)


@pytest.mark.parametrize("body", ["null", "[]", "{ }", '""', ""])
def test_an_answer_without_content_is_equal_to_one_that_says_nothing(body: str) -> None:
    rules = Rules(equal_statuses=[{200, 204}])
    assert compare(answer(body=body), NO_BODY, rules).excused_by == {"equal_statuses 200, 204"}
    assert compare(NO_BODY, answer(body=body), rules).agrees


@pytest.mark.parametrize("body", ["0", "false", '{"a": 1}', "[null]", "x"])
def test_an_answer_without_content_is_not_equal_to_one_with_content(body: str) -> None:
    assert not compare(answer(body=body), NO_BODY, Rules(equal_statuses=[{200, 204}])).agrees


@pytest.mark.parametrize(
    ("compared", "expected"),
    [
        (["$"], ["$.message value", "$.code value", "$.details extra"]),
        (["$.code"], ["$.code value"]),
        (["$.message", "$.details"], ["$.message value", "$.details extra"]),
        (["$.other"], []),
        ([], []),
    ],
)
def test_equal_statuses_say_what_of_the_bodies_is_compared(
    compared: list[str], expected: list[str]
) -> None:
    here = answer(404, body='{"message": "none", "code": 1}')
    there = answer(410, body='{"message": "gone", "code": 2, "details": [1]}')
    comparison = compare(here, there, Rules(equal_statuses={(404, 410): compared}))
    assert paths(comparison) == expected
    assert "equal_statuses 404, 410" in comparison.excused_by
    assert paths(compare(here, there)) == [
        "status status",
        *paths(compare(here, text(there.body, status=404))),
    ]


def test_what_is_said_of_a_body_that_is_not_compared_counts_for_nothing() -> None:
    here, there = answer(404), answer(410, body="<h1>", content_type="text/html")
    assert compare(here, there, Rules(equal_statuses={(404, 410): []})).agrees
    assert not compare(here, there, Rules(equal_statuses=[(404, 410)])).agrees


def test_equal_statuses_leave_bodies_of_one_status_as_they_are() -> None:
    rules = Rules(equal_statuses={(404, 410): []})
    assert not compare(answer(404, body="1"), answer(404, body="2"), rules).agrees


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (answer(body='{"a": 1}'), PairClass.CONTENT),
        (answer(body="0"), PairClass.CONTENT),
        (answer(body='" "'), PairClass.CONTENT),
        (answer(body='""'), PairClass.EMPTY),
        (answer(body=b"\xff\xd8"), PairClass.CONTENT),
        (answer(body=b"\x1f\x8bdamaged", content_encoding="gzip"), PairClass.CONTENT),
        (answer(302, body="", location="/x"), PairClass.CONTENT),
        (answer(body=" null\n"), PairClass.EMPTY),
        (answer(body="[ ]"), PairClass.EMPTY),
        (answer(body=b"\xef\xbb\xbf{}"), PairClass.EMPTY),
        (answer(body=gzip.compress(b"[]"), content_encoding="gzip"), PairClass.EMPTY),
        (answer(body=""), PairClass.EMPTY),
        (Response(status=204, body="x"), PairClass.EMPTY),
        (answer(304, body=""), PairClass.EMPTY),
        (answer(404, body='{"message": "Not Found"}'), PairClass.REFUSED),
        (answer(503), PairClass.FAILED),
    ],
)
def test_a_pair_proves_what_control_answered(control: Response, expected: PairClass) -> None:
    assert pair_class(control) is expected


def test_what_differs_again_in_the_same_place_is_repeated() -> None:
    def of(control: Any, candidate: Any) -> Comparison:
        return compare(Response.json({"rows": control}), Response.json({"rows": candidate}))

    first = of([{"n": 1, "m": 1}, {"n": 2, "m": 1}], [{"n": 1, "m": 1}, {"n": 3, "m": 1}])
    assert of([{"n": 4, "m": 1}], [{"n": 5, "m": 1}]).repeats(first)
    assert not of([{"n": 4, "m": 1}], [{"n": 4, "m": 2}]).repeats(first)
    assert not of([], []).repeats(first)


def test_an_encoding_that_cannot_be_read_here_is_undecided() -> None:
    here, there = answer(body=b"\x0b\x02\x80{}\x03", content_encoding="br"), answer()
    comparison = compare(here, there)
    assert comparison.verdict is Verdict.UNDECIDED
    assert comparison.undecided == {"$"}
    assert not comparison.agrees
    assert compare(here, answer(404)).verdict is Verdict.MISMATCHED
    assert compare(here, here).verdict is Verdict.MATCHED
