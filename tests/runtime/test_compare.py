"""What the comparison of two answers promises."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shadow_runtime.compare import (
    ABSENT,
    EXACT,
    Comparison,
    Kind,
    Rules,
    StaleRules,
    Tolerance,
    Verdict,
    compare,
)
from shadow_runtime.http import Response

JSON = {"content-type": "application/json"}


def text(body: str | bytes, *, status: int = 200) -> Response:
    return Response(status=status, headers=JSON, body=body)


def of(control: Any, candidate: Any, rules: Rules = EXACT) -> Comparison:
    return compare(Response.json(control), Response.json(candidate), rules)


def found(control: Any, candidate: Any, rules: Rules = EXACT) -> list[str]:
    return [f"{d.path} {d.kind}" for d in of(control, candidate, rules).differences]


@pytest.mark.parametrize(
    ("control", "candidate", "difference"),
    [
        ({"a": 1}, {}, "$.a missing"),
        ({}, {"a": 1}, "$.a extra"),
        ({"a": 1}, {"a": "1"}, "$.a type"),
        ({"a": {}}, {"a": []}, "$.a type"),
        ({"a": None}, {}, "$.a missing"),
        ({"a": "x"}, {"a": "y"}, "$.a value"),
        ({"a": [1, 2, 3]}, {"a": [3, 1, 2]}, "$.a order"),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, "$.a size"),
        ([{"a": [{"b": 1}]}], [{"a": [{"b": 2}]}], "$[0].a[0].b value"),
    ],
)
def test_every_difference_has_a_path_and_a_kind(
    control: Any, candidate: Any, difference: str
) -> None:
    assert found(control, candidate) == [difference]


def test_shallow_differences_come_first() -> None:
    assert found({"deep": {"a": 1}, "b": 1}, {"deep": {"a": 2}, "b": 2}) == [
        "$.b value",
        "$.deep.a value",
    ]


def test_a_missing_element_is_not_reported_once_for_each_that_follows() -> None:
    many = [{"id": i} for i in range(100)]
    assert found(many, many[:40] + many[41:]) == ["$ size"]


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


def test_only_the_chosen_headers_count() -> None:
    control, candidate = (
        Response(status=200, headers={"etag": tag, "date": tag}) for tag in ("a", "b")
    )
    assert compare(control, candidate).agrees
    (difference,) = compare(control, candidate, Rules(headers=["ETag"])).differences
    assert (difference.path, difference.kind) == ("headers.etag", Kind.HEADER)


@pytest.mark.parametrize(
    ("control", "candidate", "verdict"),
    [
        (200, 200, Verdict.MATCHED),
        (200, 404, Verdict.MISMATCHED),
        (404, 404, Verdict.MATCHED),
        (500, 200, Verdict.MISMATCHED),
        (200, 500, Verdict.CANDIDATE_ERRORED),
        (503, 500, Verdict.BOTH_ERRORED),
        (500, 500, Verdict.BOTH_ERRORED),
    ],
)
def test_a_fault_of_the_candidate_is_told_from_a_wrong_answer(
    control: int, candidate: int, verdict: Verdict
) -> None:
    assert compare(text("{}", status=control), text("{}", status=candidate)).verdict is verdict


def test_a_status_is_shown() -> None:
    comparison = compare(text("{}"), text("{}", status=404))
    assert [str(d) for d in comparison.differences] == ["status status 200 ≠ 404"]


def test_a_comparison_stops_at_the_cap_and_says_so() -> None:
    control, candidate = [list(range(start, start + 100)) for start in (0, 1000)]
    exactly = of(control[:50], candidate[:50])
    more = of(control, candidate)
    assert (len(exactly.differences), exactly.capped) == (50, False)
    assert (len(more.differences), more.capped) == (50, True)
    assert len(of(control, candidate, Rules(cap=3)).differences) == 3


def test_a_fingerprint_is_the_same_for_the_same_fault_anywhere() -> None:
    def one(index: int, name: str) -> str:
        wrong = [{"name": "Ada", "n": i} for i in range(3)]
        wrong[index]["name"] = name
        return of([{"name": "Ada", "n": i} for i in range(3)], wrong).fingerprint

    assert one(0, "Grace") == one(2, "Alan")
    assert one(0, "Grace") != of([{"name": "Ada"}], [{"name": 1}]).fingerprint


def test_a_rule_that_never_excused_anything_is_reported() -> None:
    rules = Rules(
        ignore=["$.at", "$.never"],
        fold=["$.name"],
        null_is_absent=True,
        equal_statuses=[{200, 204}],
        clear=["$.name"],
    )
    usage = StaleRules(rules)
    usage.add(of({"at": 1, "name": "Ada"}, {"at": 2, "name": "ADA"}, rules))
    assert usage.after(2) == ()
    usage.add(of({"never": 1}, {"never": 1}, rules))
    assert usage.after(2) == ("ignore $.never", "null_is_absent", "equal_statuses 200, 204")


def test_a_thousand_shuffled_elements_are_paired_in_linear_time() -> None:
    control = [{"id": i, "tags": ["a", str(i)], "price": i / 7} for i in range(1000)]
    candidate = control[::-1]
    rules = Rules(unordered=["$"], numeric={"$[*].price": Tolerance(absolute=0.01)})
    comparison = of(control, candidate, rules)
    assert comparison.verdict is Verdict.IGNORED_ONLY
    assert comparison.excused_by == {"unordered $"}


def test_all_rules_together_excuse_what_they_are_meant_for() -> None:
    rules = Rules(
        ignore=["$.generated_at"],
        unordered=["$.tags"],
        keyed={"$.items": "id"},
        numeric={"$.items[*].price": Tolerance(absolute=0.01)},
        timestamps={"$.**.updated_at": timedelta(seconds=2)},
        fold=["$.name"],
        null_is_absent=True,
        equal_statuses=[{200, 203}],
    )
    control = {
        "generated_at": 1,
        "name": "Ada  Lovelace",
        "gone": None,
        "tags": ["x", "y"],
        "items": [{"id": 1, "price": 1.0, "updated_at": "2024-01-01T00:00:00Z"}, {"id": 2}],
    }
    candidate = {
        "generated_at": 2,
        "name": "ada lovelace",
        "tags": ["y", "x"],
        "items": [{"id": 2}, {"id": 1, "price": 1.001, "updated_at": "2024-01-01T01:00:01+01:00"}],
    }
    comparison = compare(Response.json(control), Response.json(candidate, status=203), rules)
    assert comparison.verdict is Verdict.IGNORED_ONLY
    assert comparison.excused_by == set(rules.names)


def test_a_missing_value_is_told_from_null() -> None:
    (difference,) = of({"a": None}, {}).differences
    assert (difference.control, difference.candidate) == (None, ABSENT)


def test_reported_values_are_numbers_again() -> None:
    (difference,) = of({"a": {"b": [1, 2.5]}}, {}).differences
    assert json.dumps(difference.control) == '{"b": [1, 2.5]}'
