"""Which elements of two lists belong together, and what that may cost."""

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shadow_runtime.compare import Rules, Tolerance
from tests.runtime.compared import found, of


def test_an_unordered_list_may_be_in_any_order() -> None:
    rules = Rules(unordered=["$.tags"])
    assert of({"tags": ["a", {"b": 1}, "a"]}, {"tags": [{"b": 1.0}, "a", "a"]}, rules).agrees
    assert found({"tags": ["a", "a", "b"]}, {"tags": ["b", "b", "a"]}, rules) == ["$.tags[1] value"]
    assert found({"tags": ["a", "b"]}, {"tags": ["b"]}, rules) == ["$.tags size"]
    assert not of({"tags": [True, 2]}, {"tags": [2, 1]}, rules).agrees


@pytest.mark.parametrize(
    ("rules", "element", "other"),
    [
        ({"ignore": ["$[*].at"]}, lambda n: {"n": n, "at": n}, lambda n: {"n": n}),
        ({"ignore": ["$[*].l[0]"]}, lambda n: {"n": n, "l": [n]}, lambda n: {"n": n, "l": [9]}),
        ({"null_is_absent": True}, lambda n: {"n": n, "x": None}, lambda n: {"n": n}),
        ({"fold": ["$[*]"]}, lambda n: f"Text {n}", lambda n: f"TEXT  {n}"),
        ({"unordered": ["$", "$[*].t"]}, lambda n: {"t": [n, 1]}, lambda n: {"t": [1, n]}),
        (
            {"keyed": {"$[*].t": "k"}},
            lambda n: {"t": [{"k": n}, 1]},
            lambda n: {"t": [1, {"k": n}]},
        ),
        ({}, lambda n: n, float),
        ({}, lambda n: [True, 1, 0, False][n], lambda n: [True, 1, 0, False][n]),
        (
            {"unordered": ["$.**"]},
            lambda n: [["a"], {"a": 1}, [], {}][n],
            lambda n: [["a"], {"a": 1}, [], {}][n],
        ),
        ({}, lambda n: [math.nan, math.inf, n], lambda n: [math.nan, math.inf, n]),
        (
            {"numeric": {"$[*][*]": Tolerance(absolute=0.1)}},
            lambda n: [math.nan, math.inf, 10**400, n],
            lambda n: [math.nan, math.inf, 10**400, n + 0.05],
        ),
    ],
)
def test_equal_elements_meet_in_any_order(
    rules: dict[str, Any], element: Callable[[int], Any], other: Callable[[int], Any]
) -> None:
    control, candidate = [element(n) for n in range(4)], [other(n) for n in range(4)]
    everywhere = Rules(**{"unordered": ["$", "$.none"], **rules})
    for turned in range(4):
        assert of(control, candidate[turned:] + candidate[:turned], everywhere).agrees
        assert of(control, (candidate[turned:] + candidate[:turned])[::-1], everywhere).agrees


def test_many_close_numbers_meet_without_trying_all_pairs() -> None:
    control = [{"a": 10.0 * n, "b": -7.0 * n} for n in range(1000)]
    candidate = [{"b": 0.5 - 7 * n, "a": 10 * n - 0.5} for n in reversed(range(1000))]
    rules = Rules(unordered=["$"], numeric={"$[*].*": Tolerance(absolute=1)})
    assert of(control, candidate, rules).agrees


def test_order_is_only_excused_where_it_differs() -> None:
    near = {"$.**.n": Tolerance(absolute=1)}
    control, candidate = (
        [{"id": 1, "n": 1}, {"id": 2, "n": 5}],
        [{"id": 1, "n": 2}, {"id": 2, "n": 5}],
    )
    for rules in Rules(unordered=["$"], numeric=near), Rules(keyed={"$": "id"}, numeric=near):
        assert of(control, candidate, rules).excused_by == {"numeric $.**.n"}


def test_other_rules_hold_inside_an_unordered_list() -> None:
    rules = Rules(
        unordered=["$", "$[*].tags"],
        ignore=["$[*].at"],
        fold=["$[*].name"],
        null_is_absent=True,
        numeric={"$[*].price": Tolerance(absolute=0.1)},
        timestamps={"$[*].seen": timedelta(seconds=1)},
    )
    control = [
        {"at": 1, "name": "Ada", "price": 1, "seen": "2024-01-01T00:00:00Z", "tags": [1, 2]},
        {"at": 2, "name": "Bob", "price": 2, "seen": "2024-01-01T00:00:09Z"},
    ]
    candidate = [
        {"at": 3, "name": "BOB", "price": 2.05, "seen": "2024-01-01T00:00:10Z", "x": None},
        {"name": "ada", "price": 0.95, "seen": "2023-12-31T23:59:59Z", "tags": [2, 1]},
    ]
    comparison = of(control, candidate, rules)
    assert comparison.agrees
    assert comparison.excused_by == set(rules.names)


def test_close_numbers_find_their_partners_even_if_the_nearest_is_taken() -> None:
    rules = Rules(
        unordered=["$"], numeric={"$[*].x": Tolerance(absolute=1), "$[*].y": Tolerance(absolute=10)}
    )
    control = [{"x": 0, "y": 0}, {"x": 0.5, "y": 20}]
    candidate = [{"x": 0.6, "y": 10}, {"x": 0.9, "y": 0}]
    assert of(control, candidate, rules).agrees
    assert of(candidate, control, rules).agrees


def test_no_answer_can_make_the_pairing_run_away() -> None:
    control: Any = 1.0
    candidate: Any = 1.5
    for _ in range(40):
        control, candidate = [control, 0], [0, candidate]
    rules = Rules(unordered=["$.**"], numeric={"$.**": Tolerance(absolute=1)})
    started = time.monotonic()
    of(control, candidate, rules)
    assert time.monotonic() - started < 10


def test_keyed_objects_are_compared_with_their_namesakes() -> None:
    rules = Rules(keyed={"$.items": "id"})
    control = {"items": [{"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": "c", "n": 3}]}
    candidate = {"items": [{"id": 4, "n": 4}, {"id": 2.0, "n": 9}, {"id": 1, "n": 1}]}
    assert found(control, candidate, rules) == [
        "$.items[2] missing",
        "$.items[0] extra",
        "$.items[1].n value",
    ]


def test_objects_that_share_their_key_are_paired_as_they_stand() -> None:
    rules = Rules(keyed={"$": "id"})
    control = [{"id": 1, "n": 1}, {"id": 1, "n": 2}, 5, {"id": [1]}]
    assert of(control, [{"id": [1]}, 5, *control[:2]], rules).agrees
    assert found(control, control[1::-1] + control[2:], rules) == ["$[0].n value", "$[1].n value"]
