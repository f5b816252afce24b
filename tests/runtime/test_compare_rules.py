"""What each rule of a comparison excuses, and what it does not."""

from datetime import timedelta
from typing import Any

import pytest

from shadow_runtime.compare import Comparison, Rules, Tolerance, compare
from shadow_runtime.http import Response


def of(control: Any, candidate: Any, rules: Rules) -> Comparison:
    return compare(Response.json(control), Response.json(candidate), rules)


def found(control: Any, candidate: Any, rules: Rules) -> list[str]:
    return [f"{d.path} {d.kind}" for d in of(control, candidate, rules).differences]


@pytest.mark.parametrize(
    "path",
    [
        "$",
        "$.**",
        "$.user",
        "$.user.**",
        "$.user.tags",
        "$.user.tags[1]",
        "$.user.tags[*]",
        "$.user.tags.*",
        "$.*.tags",
        "$.**.tags",
        "$.**.tags[1]",
        "$.**.**[1]",
        '$["user"].tags',
    ],
)
def test_a_path_reaches_what_it_says(path: str) -> None:
    rules = Rules(ignore=[path])
    assert found({"user": {"tags": [1, 2]}}, {"user": {"tags": [1, 9]}}, rules) == []


@pytest.mark.parametrize(
    "path",
    ["$.use", "$.user.tags[0]", "$[*].tags", "$.tags", "$.user.*.*.*", '$.user.tags["1"]'],
)
def test_a_path_reaches_nothing_else(path: str) -> None:
    control, candidate = {"a": 1, "user": {"tags": [1, 2]}}, {"a": 1, "user": {"tags": [1, 9]}}
    assert found(control, candidate, Rules(ignore=[path])) == ["$.user.tags[1] value"]


def test_an_odd_key_can_be_named() -> None:
    assert found({"a.b": 1}, {"a.b": 2}, Rules(ignore=['$["a.b"]'])) == []


def test_an_ignored_value_may_be_missing() -> None:
    assert found({"at": {"x": 1}}, {}, Rules(ignore=["$.at"])) == []


def test_ignored_elements_may_be_more_or_fewer() -> None:
    assert found([1, 2], [1], Rules(ignore=["$[*]"])) == []


def test_numbers_may_be_apart_by_a_tolerance() -> None:
    rules = Rules(
        numeric={"$.a": Tolerance(absolute=0.5), "$.r": Tolerance(relative=0.1)},
    )
    assert found({"a": 1, "r": 100}, {"a": 1.5, "r": 109.0}, rules) == []
    assert found({"a": 1, "r": 100}, {"a": 1.6, "r": 120}, rules) == ["$.a value", "$.r value"]


@pytest.mark.parametrize("other", [True, "1", None, [1]])
def test_a_tolerance_is_for_numbers_alone(other: Any) -> None:
    assert found({"a": 1}, {"a": other}, Rules(numeric={"$.a": Tolerance(absolute=5)})) == [
        "$.a type"
    ]


@pytest.mark.parametrize(
    ("candidate", "is_near"),
    [
        ("2024-05-01T10:00:02Z", True),
        ("2024-05-01T12:00:00+02:00", True),
        ("2024-05-01T10:00:03Z", False),
        ("2024-05-01T10:00:00", False),
        ("yesterday", False),
    ],
)
def test_times_may_be_apart_by_a_span(candidate: str, is_near: bool) -> None:
    rules = Rules(timestamps={"$.at": timedelta(seconds=2)})
    assert of({"at": "2024-05-01T10:00:00Z"}, {"at": candidate}, rules).agrees is is_near


def test_folded_text_may_differ_in_case_and_space() -> None:
    rules = Rules(fold=["$.name"])
    assert of({"name": " Ada\tLovelace"}, {"name": "ADA LOVELACE"}, rules).agrees
    assert not of({"name": "Ada L"}, {"name": "AdaL"}, rules).agrees


def test_null_may_be_absent_at_any_depth() -> None:
    control, candidate = {"a": {"b": None}, "c": 1}, {"a": {}, "c": 1, "d": None}
    assert of(control, candidate, Rules(null_is_absent=True)).agrees
    assert found(control, candidate, Rules()) == ["$.d extra", "$.a.b missing"]
    assert found({"a": None}, {"a": 0}, Rules(null_is_absent=True)) == ["$.a type"]


def test_statuses_may_mean_the_same() -> None:
    rules = Rules(equal_statuses=[{200, 204}, range(400, 500)])
    verdicts = [
        compare(Response(status=a), Response(status=b), rules).agrees
        for a, b in [(200, 204), (404, 410), (204, 404)]
    ]
    assert verdicts == [True, True, False]


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ({"ignore": "$.a"}, r"ignore takes several texts, got '\$.a'; write \['\$.a'\]"),
        ({"ignore": [1]}, "ignore takes texts, got 1"),
        ({"ignore": ["a.b"]}, r"ignore: 'a.b' is no path; write \$.user.name"),
        ({"fold": ["$.a["]}, "fold: .* is no path"),
        ({"keyed": ["$.a"]}, "keyed takes what to apply by path"),
        ({"keyed": {"$.a": None}}, "without one use unordered"),
        ({"numeric": {"$.a": 0.1}}, r"write Tolerance\(absolute=0.1\)"),
        ({"timestamps": {"$.a": 2}}, "a span of time is a timedelta of 0 or more, got 2"),
        ({"timestamps": {"$.a": timedelta(-1)}}, "timedelta of 0 or more"),
        ({"equal_statuses": [200, 204]}, r"groups of two statuses or more.* got 200"),
        ({"equal_statuses": [{200}]}, "groups of two"),
        ({"cap": 0}, "cap is a number of differences, 1 or more, got 0"),
        ({"cap": True}, "cap is a number"),
        ({"headers": "etag"}, "headers takes several texts"),
    ],
)
def test_a_rule_that_could_not_work_is_refused_with_a_remedy(
    rules: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Rules(**rules)


@pytest.mark.parametrize(
    "tolerance", [{}, {"absolute": -1}, {"relative": 1}, {"absolute": float("inf")}]
)
def test_a_tolerance_that_makes_no_sense_is_refused(tolerance: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        Tolerance(**tolerance)


def test_keys_in_the_answers_never_make_the_rules_grow() -> None:
    rules = Rules(ignore=["$.**.at"])
    of({f"k{i}": {"at": i} for i in range(500)}, {f"k{i}": {"at": -i} for i in range(500)}, rules)
    scopes = rules.scope._by_ends.values()
    assert len(scopes) < 6
    assert all(len(scope._next) < 4 for scope in scopes)


def test_places_where_the_same_rules_hold_share_one_scope() -> None:
    below = Rules(ignore=["$.**.at"]).scope.step("$")
    assert below.step("x") is below.step("y").step(3).step("z") is not below.step("at")
