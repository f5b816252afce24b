"""An ordered list is compared in place, whatever the rules; only what then differs is an order."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shadow_runtime.compare import Rules, Tolerance, Verdict
from tests.runtime.compared import found, of

HALF = {"$[*]": Tolerance(absolute=0.5)}


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


def temperatures(draw: random.Random) -> tuple[Any, Any, Rules]:
    values = [round(draw.gauss(20, 0.3), 1) for _ in range(7)]
    near = [round(value + draw.uniform(-0.4, 0.4), 2) for value in values]
    return values, near, Rules(numeric=HALF)


def sparse(draw: random.Random) -> tuple[Any, Any, Rules]:
    rows = [{"n": draw.randint(0, 1), "x": draw.choice([None, 1])} for _ in range(5)]
    bare = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return rows, bare, Rules(null_is_absent=True)


def generated(draw: random.Random) -> tuple[Any, Any, Rules]:
    kinds = [draw.choice("ab") for _ in range(6)]
    rows, again = ([{"kind": kind, "at": draw.random()} for kind in kinds] for _ in range(2))
    return rows, again, Rules(ignore=["$[*].at"])


def names(draw: random.Random) -> tuple[Any, Any, Rules]:
    values = [draw.choice(["Ada", "ada", "ADA ", "Bob"]) for _ in range(6)]
    return values, [draw.choice([v.upper(), f" {v}"]) for v in values], Rules(fold=["$[*]"])


def times(draw: random.Random) -> tuple[Any, Any, Rules]:
    seconds = [draw.randint(0, 5) for _ in range(6)]
    late = [second + draw.randint(0, 2) for second in seconds]
    control, candidate = ([f"2024-05-01T10:00:{s:02}Z" for s in side] for side in (seconds, late))
    return control, candidate, Rules(timestamps={"$[*]": timedelta(seconds=2)})


def numbers(draw: random.Random) -> tuple[Any, Any, Rules]:
    values = [draw.randint(0, 2) for _ in range(6)]
    return values, [draw.choice([value, float(value)]) for value in values], Rules()


SHAPES = [temperatures, sparse, generated, names, times, numbers]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("unordered", [False, True])
def test_no_healthy_route_is_called_bad(
    shape: Callable[[random.Random], tuple[Any, Any, Rules]], unordered: bool
) -> None:
    draw = random.Random(7)
    for _ in range(300):
        control, candidate, rules = shape(draw)
        if unordered:
            draw.shuffle(candidate)
            rules = Rules(
                unordered=["$"],
                **{
                    kind: getattr(rules, kind)
                    for kind in ("ignore", "numeric", "fold", "timestamps", "null_is_absent")
                },
            )
        assert of(control, candidate, rules).agrees
