"""What the comparison of two answers promises."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shadow_runtime.compare import (
    ABSENT,
    Kind,
    Rules,
    StaleRules,
    Tolerance,
    Verdict,
    compare,
)
from shadow_runtime.http import Response
from tests.runtime.compared import found, of, text


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
