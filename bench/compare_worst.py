"""What two answers can cost at worst: time, memory and verdict, up to 1 MB.

`python -m bench.compare_worst`, with `lambdas` on the path, prints the table.
"""

import json
import random
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

from rich import box
from rich.padding import Padding
from rich.table import Table

from bench.report import Line, console, line, megabytes, seconds
from shadow_runtime.compare import Rules, Tolerance, compare
from shadow_runtime.http import Response

TITLE = "(g) The worst pairs: comparing two bodies of 100 KB and of 1 MB"
INCLUDES = (
    "CPU time, and the memory that a fresh process takes more than before; the size is that of one "
    "body. Where the budget ends, the verdict is undecided: the copy is dropped, counted and shown."
)
SIZES = {"100 KB": 100_000, "1 MB": 1_000_000}
ASKED, MOST_SECONDS = "1 s for each 100 KB, as asked for", 1.0

HASHED_ALIKE = 2**61 - 1
"""What Python divides integers by to hash them: its multiples all have one hash."""

DEEPEST = 900
"""Levels that Python's parser of JSON can follow."""


class Pair(NamedTuple):
    """Two values, or two texts of JSON, and the rules between them."""

    control: Any
    candidate: Any
    rules: Rules


class Cost(NamedTuple):
    """What a comparison found, and what it took: CPU seconds, and bytes more than before."""

    verdict: str
    size: int
    seconds: float
    peak: int


def near(path: str, absolute: float, **rules: Any) -> Rules:
    """Numbers at `path` may be so far apart in a list whose order means nothing."""
    return Rules(unordered=["$"], numeric={path: Tolerance(absolute=absolute)}, **rules)


def close_numbers(size: int, draw: random.Random) -> Pair:
    """Numbers that are all near each other, but for one."""
    numbers = [round(20 + draw.random() / 1_000, 5) for _ in range(size // 10)]
    wrong = draw.sample(numbers, len(numbers))
    wrong[len(wrong) // 2] = 99
    return Pair(numbers, wrong, near("$[*]", 0.5))


def spread_numbers(size: int, draw: random.Random) -> Pair:
    """Numbers with a few others near each, and one wrong."""
    numbers = [round(draw.uniform(0, 100), 4) for _ in range(size // 9)]
    wrong = draw.sample(numbers, len(numbers))
    wrong[0] = 1e6
    return Pair(numbers, wrong, near("$[*]", 0.01))


def rows(size: int, side: str) -> list[dict[str, Any]]:
    """Rows of one side, of which the other side has none."""
    return [
        {"id": f"{side}{n}", "name": f"name {n}", "price": n * 1.5, "tags": ["a", "b"]}
        for n in range(size // 64)
    ]


def nothing_in_common(size: int, _: random.Random) -> Pair:
    """Rows in any order, of which no one is on the other side."""
    return Pair(rows(size, "x"), rows(size, "y"), Rules(unordered=["$"]))


def nothing_in_common_under_all_rules(size: int, _: random.Random) -> Pair:
    """The same where rules of every kind hold everywhere, so that no class tells rows apart."""
    everywhere = ["$.**"]
    rules = Rules(
        unordered=everywhere,
        numeric={"$.**": Tolerance(absolute=2)},
        fold=everywhere,
        as_number=everywhere,
        extra_allowed=everywhere,
        null_is_absent=True,
        empty_is_absent=True,
    )
    return Pair(rows(size, "x"), rows(size, "y"), rules)


def coarse_points(size: int, draw: random.Random) -> Pair:
    """Points whose first coordinate hardly tells them apart, moved a little."""
    points = [[draw.randint(0, 3), round(draw.uniform(0, 1_000), 2)] for _ in range(size // 13)]
    moved = [[x, round(y + draw.uniform(-0.05, 0.05), 2)] for x, y in points]
    draw.shuffle(moved)
    return Pair(points, moved, near("$.**", 0.1))


def cloud(size: int, draw: random.Random) -> Pair:
    """Two clouds of points in a room, each point with many others near it."""
    one, other = (
        [[round(draw.random(), 6) for _ in range(3)] for _ in range(size // 32)] for _ in "12"
    )
    return Pair(one, other, near("$.**", 0.1))


def equal_hashes(size: int, _: random.Random) -> Pair:
    """Integers that all have one hash in Python, turned round, and one wrong."""
    numbers = [HASHED_ALIKE * n for n in range(1, size // 24)]
    return Pair(numbers, [*numbers[:0:-1], 7], Rules(unordered=["$"]))


def equal_hashes_as_keys(size: int, _: random.Random) -> Pair:
    """The same as what tells the objects of a list apart."""
    numbers = [{"id": HASHED_ALIKE * n} for n in range(1, size // 32)]
    return Pair(numbers, [*numbers[:0:-1], {"id": 7}], Rules(keyed={"$": "id"}))


def growing(leaf: Callable[[int], str], size: int) -> list[str]:
    """Texts of lists each of which is nested, or reaches, one further."""
    texts: list[str] = []
    while sum(map(len, texts)) < size and len(texts) < DEEPEST:
        texts.append(leaf(len(texts) + 1))
    return texts


def nested_lists(size: int, _: random.Random) -> Pair:
    """Lists each nested one deeper than the one before, turned round."""
    texts = growing(lambda n: "[" * n + "]" * n, size)
    here, there = (f"[{','.join(side)}]" for side in (texts, texts[::-1]))
    return Pair(here, there, Rules(unordered=["$.**"]))


def longer_lists(size: int, _: random.Random) -> Pair:
    """Lists each one element longer than the one before, turned round, and one too long."""
    texts = growing(lambda n: json.dumps([1] * n), size)
    here, there = (f"[{','.join(side)}]" for side in (texts, [*texts[:0:-1], "[1,2]"]))
    return Pair(here, there, Rules(unordered=["$.**"]))


def priced(count: int, draw: random.Random) -> Pair:
    """Objects with two numbers that both vary, in any order."""
    rules = Rules(
        unordered=["$"],
        numeric={
            "$[*].discount": Tolerance(absolute=0.01),
            "$[*].price": Tolerance(absolute=0.01),
        },
    )
    control = [
        {"discount": round(draw.random(), 2), "price": round(draw.uniform(1, 100), 2)}
        for _ in range(count)
    ]
    candidate = [
        {name: round(value + draw.uniform(-0.009, 0.009), 4) for name, value in each.items()}
        for each in control
    ]
    draw.shuffle(candidate)
    return Pair(control, candidate, rules)


def long_texts(size: int, _: random.Random) -> Pair:
    """Nothing but two long texts, which are almost two addresses."""
    return Pair("x://" + "x" * size + " ", "x://" + "x" * size, Rules(shape={"$": "url"}))


def long_names(size: int, _: random.Random) -> Pair:
    """Members with long names, and patterns that almost take them."""
    names = ["a" * (size // 12) + str(n) for n in range(10)]
    here, there = (dict.fromkeys(names, value) for value in (1, 2))
    return Pair(here, there, Rules(ignore=["$.*a*a*a*a*b", "$.**.a*a*a*.*"]))


CASES: dict[str, Callable[[int, random.Random], Pair]] = {
    "unordered numbers, nearly all equal, one wrong": close_numbers,
    "unordered numbers, a few near each, one wrong": spread_numbers,
    "unordered rows with nothing in common": nothing_in_common,
    "the same under all rules at once": nothing_in_common_under_all_rules,
    "points with a coarse first coordinate": coarse_points,
    "two clouds of points": cloud,
    "integers with equal hashes": equal_hashes,
    "integers with equal hashes as keys": equal_hashes_as_keys,
    "lists each nested one deeper": nested_lists,
    "lists each one longer": longer_lists,
    "400 {discount, price}, or as many as fit": lambda size, draw: priced(
        400 if size == SIZES["100 KB"] else size // 36, draw
    ),
    "long texts, almost of one shape": long_texts,
    "long names, almost of one pattern": long_names,
}


def asked_of(name: str, size: int) -> tuple[Response, Response, Rules]:
    """The two answers of a case, with bodies of about `size` bytes, and their rules."""
    pair = CASES[name](size, random.Random(12))
    control, candidate = (
        _json(side if isinstance(side, str) and side[:1] == "[" else json.dumps(side))
        for side in (pair.control, pair.candidate)
    )
    return control, candidate, pair.rules


def cost(name: str, size: int) -> Cost:
    """Compares the pair of a case, in a process that has done nothing else."""
    control, candidate, rules = asked_of(name, size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    found = compare(control, candidate, rules)
    took = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Cost(found.verdict, len(control.body), took, 1_024 * peak)


def seconds_asked(size: int) -> float:
    """What a comparison of bodies of `size` bytes may take."""
    return MOST_SECONDS * max(1.0, size / 100_000)


def main() -> list[Line]:
    """Measure everything, print the table, and return its lines."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("pair", "a body", "time", "memory", "verdict"):
        table.add_column(title, justify="left" if title in ("pair", "verdict") else "right")
    lines: list[Line] = []
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as afresh:
        for name in CASES:
            for said, size in SIZES.items():
                found = afresh.submit(cost, name, size).result()
                asked = seconds_asked(found.size)
                lines.append(line(f"{name}, {said}", found.seconds, ASKED, asked, 1.0))
                table.add_row(
                    name,
                    f"{found.size / 1_000:,.0f} KB",
                    seconds(found.seconds),
                    megabytes(found.peak),
                    found.verdict,
                )
    console.print(f"[bold]{TITLE}[/]", highlight=False)
    console.print(table, Padding(INCLUDES, (0, 0, 1, 2)), highlight=False)
    return lines


def _json(text: str) -> Response:
    return Response(status=200, headers={"content-type": "application/json"}, body=text)


if __name__ == "__main__":
    main()
