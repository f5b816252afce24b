"""How often a healthy route is called bad: answers that rules hold equal, drawn by the thousand.

`python -m bench.compare_shapes`, with `lambdas` on the path, prints the table.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from rich import box
from rich.padding import Padding
from rich.table import Table

from bench.report import console
from shadow_runtime.compare import Rules, Tolerance, compare
from shadow_runtime.http import Response

TITLE = "(h) False mismatches, and wrong answers that are found"
INCLUDES = (
    "Of each shape so many pairs of lists that the rules hold equal; then with one element that is "
    "wrong. In any order: shuffled, with `unordered`."
)
PAIRS = 2_000
HALF = {"$[*]": Tolerance(absolute=0.5)}

Drawn = tuple[Any, Any, Rules]
"""Control's list, the candidate's, and the rules that hold them equal."""


def temperatures(draw: random.Random) -> Drawn:
    """Seven temperatures, measured twice."""
    values = [round(draw.gauss(20, 0.3), 1) for _ in range(7)]
    near = [round(value + draw.uniform(-0.4, 0.4), 2) for value in values]
    return values, near, Rules(numeric=HALF)


def sparse(draw: random.Random) -> Drawn:
    """Rows of which one side leaves out what is null."""
    rows = [{"n": draw.randint(0, 1), "x": draw.choice([None, 1])} for _ in range(5)]
    bare = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return rows, bare, Rules(null_is_absent=True)


def generated(draw: random.Random) -> Drawn:
    """Rows with the time at which they were made."""
    kinds = [draw.choice("ab") for _ in range(6)]
    rows, again = ([{"kind": kind, "at": draw.random()} for kind in kinds] for _ in range(2))
    return rows, again, Rules(ignore=["$[*].at"])


def names(draw: random.Random) -> Drawn:
    """Names in other letters and with other spaces."""
    values = [draw.choice(["Ada", "ada", "ADA ", "Bob"]) for _ in range(6)]
    return values, [draw.choice([v.upper(), f" {v}"]) for v in values], Rules(fold=["$[*]"])


def times(draw: random.Random) -> Drawn:
    """Times that may be two seconds late."""
    seconds = [draw.randint(0, 5) for _ in range(6)]
    late = [second + draw.randint(0, 2) for second in seconds]
    control, candidate = ([f"2024-05-01T10:00:{s:02}Z" for s in side] for side in (seconds, late))
    return control, candidate, Rules(timestamps={"$[*]": timedelta(seconds=2)})


def numbers(draw: random.Random) -> Drawn:
    """Whole numbers, of which some are written with a fraction."""
    values = [draw.randint(0, 2) for _ in range(6)]
    return values, [draw.choice([value, float(value)]) for value in values], Rules()


def points(draw: random.Random) -> Drawn:
    """Points on a map, each coordinate a little off."""
    places = [{"x": draw.randint(0, 3), "y": round(draw.uniform(0, 9), 1)} for _ in range(8)]
    moved = [{"x": p["x"], "y": round(p["y"] + draw.uniform(-0.4, 0.4), 2)} for p in places]
    return places, moved, Rules(numeric={"$[*].*": HALF["$[*]"]})


def grown(draw: random.Random) -> Drawn:
    """Rows to which the candidate adds a member."""
    rows = [{"n": draw.randint(0, 3)} for _ in range(6)]
    return rows, [{**row, "new": draw.random()} for row in rows], Rules(extra_allowed=["$[*]"])


SHAPES: tuple[Callable[[random.Random], Drawn], ...] = (
    *(temperatures, sparse, generated, names, times, numbers, points, grown),
)


def false_mismatches(
    shape: Callable[[random.Random], Drawn], pairs: int, *, in_any_order: bool, wrong: bool = False
) -> int:
    """How many of so many drawn pairs are no match, of which one element is `wrong` or none."""
    draw, found = random.Random(7), 0
    for _ in range(pairs):
        control, candidate, rules = shape(draw)
        if wrong:
            candidate[draw.randrange(len(candidate))] = ["wrong"]
        if in_any_order:
            draw.shuffle(candidate)
            rules = replace(rules, unordered=["$"])
        found += not compare(Response.json(control), Response.json(candidate), rules).agrees
    return found


def main() -> None:
    """Draw, and print the table."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("shape")
    for title in ("pairs", "false mismatches", "in any order", "wrong ones found", "in any order"):
        table.add_column(title, justify="right")
    for shape in SHAPES:
        counts = [
            false_mismatches(shape, PAIRS, in_any_order=in_any_order, wrong=wrong)
            for wrong in (False, True)
            for in_any_order in (False, True)
        ]
        table.add_row(shape.__name__, f"{PAIRS:,}", *(f"{count:,}" for count in counts))
    console.print(f"[bold]{TITLE}[/]", highlight=False)
    console.print(table, Padding(INCLUDES, (0, 0, 1, 2)), highlight=False)


if __name__ == "__main__":
    main()
