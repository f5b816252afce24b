"""An ordered list is compared in place, whatever the rules; only what then differs is an order."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bench.compare_shapes import HALF, SHAPES, Drawn, false_mismatches
from shadow_runtime.compare import Rules, Verdict
from tests.runtime.compared import found, of


@pytest.mark.parametrize(
    ("control", "candidate", "rules"),
    [
        ([20.1, 20.2], [20.2, 20.1], {"numeric": HALF}),
        ([1, 2], [2, 1], {"ignore": ["$[*]"]}),
        (["a", "A"], ["A", "a"], {"fold": ["$[*]"]}),
        (
            ["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"],
            ["2024-01-01T00:00:01Z", "2024-01-01T00:00:00Z"],
            {"timestamps": {"$[*]": timedelta(seconds=1)}},
        ),
        ([{"a": None}, {}], [{}, {"a": None}], {"null_is_absent": True}),
        ([{"a": []}, {}], [{}, {"a": []}], {"empty_is_absent": True}),
        ([{"a": 1}, {}], [{"a": 1}, {"a": 1}], {"extra_allowed": ["$[*]"]}),
        ([7, 8], [8, 7], {"present": ["$[*]"]}),
        (["x-1", "x-2"], ["x-2", "x-1"], {"shape": {"$[*]": r"x-\d"}}),
        (["1", 1], [1, "1"], {"as_number": ["$[*]"]}),
        ([[1, 2], [2, 1]], [[2, 1], [1, 2]], {"unordered": ["$[*]"]}),
        (
            [[{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 1}]],
            [[{"id": 2}, {"id": 1}], [{"id": 1}, {"id": 2}]],
            {"keyed": {"$[*]": "id"}},
        ),
        ([{"n": 1}, {"n": 1.2}], [{"n": 1.2}, {"n": 1}], {"numeric": {"$.**": HALF["$[*]"]}}),
    ],
)
def test_elements_that_rules_hold_equal_in_place_are_in_no_other_order(
    control: Any, candidate: Any, rules: dict[str, Any]
) -> None:
    comparison = of(control, candidate, Rules(**rules))
    assert (comparison.verdict, comparison.differences) == (Verdict.IGNORED_ONLY, ())


@pytest.mark.parametrize(
    ("control", "candidate"), [([1, 1.0], [1.0, 1]), ([[1], [1.0]], [[1.0], [1]])]
)
def test_two_ways_to_write_a_number_are_in_no_other_order(control: Any, candidate: Any) -> None:
    assert of(control, candidate).verdict is Verdict.MATCHED


@pytest.mark.parametrize(
    ("control", "candidate", "rules"),
    [
        ([1, 2, 3], [3, 1, 2], {}),
        ([1, 2.0], [2, 1.0], {}),
        ([20.1, 25.2], [25.0, 20.3], {"numeric": HALF}),
        ([{"id": 1, "at": 7}, {"id": 2}], [{"id": 2, "at": 8}, {"id": 1}], {"ignore": ["$[*].at"]}),
        (["Ada", "Bob"], ["BOB", "ADA"], {"fold": ["$[*]"]}),
        (
            [{"n": 1, "m": 5}, {"n": 9, "m": 6}],
            [{"n": 9.4, "m": 6.4}, {"n": 1, "m": 5}],
            {"numeric": {"$.**": HALF["$[*]"]}},
        ),
    ],
)
def test_the_same_elements_in_other_places_are_one_difference(
    control: Any, candidate: Any, rules: dict[str, Any]
) -> None:
    assert found(control, candidate, Rules(**rules)) == ["$ order"]


def test_an_order_is_one_difference_however_long_the_list_and_low_the_cap() -> None:
    many = [{"id": i, "rows": [i, i + 1]} for i in range(200)]
    for cap in (1, 50):
        comparison = of({"a": many, "b": 1}, {"a": many[::-1], "b": 2}, Rules(cap=cap))
        assert {f"{d.path} {d.kind}" for d in comparison.differences} <= {"$.b value", "$.a order"}
        assert comparison.capped is (cap == 1)


def test_lists_in_lists_say_which_of_them_is_in_another_order() -> None:
    control = [{"tags": ["a", "b", "c"]}, {"tags": ["d", "e"]}]
    candidate = [{"tags": ["c", "b", "a"]}, {"tags": ["d", "e"]}]
    assert found(control, candidate) == ["$[0].tags order"]
    assert found([control, 1], [control[::-1], 1]) == ["$[0] order"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("in_any_order", [False, True])
def test_no_healthy_route_is_called_bad_and_no_wrong_one_healthy(
    shape: Callable[[random.Random], Drawn], in_any_order: bool
) -> None:
    """By the thousand: `python -m bench.compare_shapes`."""
    assert false_mismatches(shape, 200, in_any_order=in_any_order) == 0
    assert false_mismatches(shape, 200, in_any_order=in_any_order, wrong=True) == 200
