"""What comparing two answers costs, against `==`, DeepDiff, jsondiff and dictdiffer.

`python -m bench.compare`, with `lambdas` on the path, prints the table. Peers that are not
installed are left out.

Everybody gets two bodies as text and parses them, because that is the work a comparison is given.
Where both texts are the same, `==` gets the values parsed already and is still the slower one.
"""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from shadow_runtime.compare import EXACT, Rules, Tolerance, compare
from shadow_runtime.http import Response

ROOT = Path(__file__).parent.parent
BRISK = ("--processes=3", "--values=3", "--min-time=0.02", "--inherit-environ=PYTHONPATH")

SIZES = {"0.2 KB": 0, "0.7 KB": 2, "5 KB": 20, "100 KB": 420}
COUNTS = {"1 difference": 1, "50 differences": 50}
EQUAL, DIFFERING = 3.0, 1 / 50
"""The ratios asked for: to `==` when equal, to DeepDiff at 5 KB when not."""

RULES = Rules(
    ignore=["$.generated_at"],
    unordered=["$.tags"],
    keyed={"$.items": "id"},
    numeric={"$.items[*].price": Tolerance(absolute=0.01)},
    timestamps={"$.**.updated_at": timedelta(seconds=2)},
)

Work = Callable[[], object]
Diff = Callable[[Any, Any], object]


class Contest(NamedTuple):
    """One job, done by us and by each peer; `target` is the ratio asked for, if any is."""

    name: str
    ours: Work
    peers: dict[str, Work]
    target: float | None


def main() -> list[dict[str, Any]]:
    """Measure everything, print the table, and return its lines; times are medians in seconds."""
    seconds = _measured()
    lines = [_line(contest, peer, seconds) for contest in contests() for peer in contest.peers]
    for line in lines:
        print(
            "{name:<40} {ours:>9} {peer_name:>22} {peer:>9} {ratio:>14}  {met}".format(
                **_text(line)
            )
        )
    return lines


def contests() -> Iterator[Contest]:
    """Every job that is measured."""
    for size, items in SIZES.items():
        control = answer(items)
        yield _same_text(size, control)
        yield _other_text(f"{size}, equal", control, EXACT)
        yield _other_text(f"{size}, equal, rules on", control, RULES)
        for label, count in COUNTS.items() if items * 3 >= 50 else [("1 difference", 1)]:
            yield _differing(f"{size}, {label}, rules on", control, changed(control, count), size)


def answer(items: int) -> dict[str, Any]:
    """An answer such as a shop's API gives; 20 items make 5 KB."""
    return {
        "generated_at": "2024-05-01T10:00:00Z",
        "request": "GET /v1/warehouses/north/items",
        "total": items,
        "next": None,
        "tags": ["public", "cached", "north"],
        "items": [
            {
                "id": f"item-{n}",
                "name": f"Article {n} of the catalogue",
                "price": n * 7 / 3,
                "stock": n * 5,
                "active": n % 3 > 0,
                "updated_at": "2024-05-01T09:00:00Z",
                "tags": ["new", "sale"],
                "address": {"street": f"{n} Main Street", "city": "Springfield"},
            }
            for n in range(items)
        ],
    }


def changed(control: dict[str, Any], count: int) -> dict[str, Any]:
    """`control` with `count` wrong values, and later by a second: which the rules excuse."""
    candidate: dict[str, Any] = json.loads(json.dumps(control))
    candidate["generated_at"] = "2024-05-01T10:00:01Z"
    wrong = itertools.product(("name", "stock", "address"), candidate["items"] or [candidate])
    for member, item in itertools.islice(wrong, count):
        item[member] = "wrong"
    return candidate


def _same_text(size: str, control: dict[str, Any]) -> Contest:
    body, again = json.dumps(control), json.dumps(control)
    left, right = _response(body), _response(again)
    one, other = json.loads(body), json.loads(again)
    return Contest(
        f"{size}, equal, same text",
        lambda: compare(left, right),
        {"== of parsed values": lambda: one == other},
        EQUAL,
    )


def _other_text(name: str, control: dict[str, Any], rules: Rules) -> Contest:
    body, rewritten = json.dumps(control), json.dumps(control, sort_keys=True, indent=1)
    left, right = _response(body), _response(rewritten)
    return Contest(
        f"{name}, other text",
        lambda: compare(left, right, rules),
        {"parse and ==": lambda: json.loads(body) == json.loads(rewritten)},
        EQUAL,
    )


def _differing(name: str, control: dict[str, Any], candidate: dict[str, Any], size: str) -> Contest:
    one, other = json.dumps(control), json.dumps(candidate)
    left, right = _response(one), _response(other)

    def parsing(diff: Diff) -> Work:
        return lambda: diff(json.loads(one), json.loads(other))

    return Contest(
        name,
        lambda: compare(left, right, RULES),
        {peer: parsing(diff) for peer, diff in _peers()},
        DIFFERING if size == "5 KB" else None,
    )


def _peers() -> Iterator[tuple[str, Diff]]:
    """Each with those of the rules that it knows, as far as they work together."""
    for name, prepare in (
        ("deepdiff", _deepdiff),
        ("jsondiff", _jsondiff),
        ("dictdiffer", _dictdiffer),
    ):
        if importlib.util.find_spec(name):
            yield name, prepare(importlib.import_module(name))


def _deepdiff(module: Any) -> Diff:
    return lambda control, candidate: module.DeepDiff(
        control,
        candidate,
        exclude_paths=["root['generated_at']"],
        ignore_order=True,
        significant_digits=2,
    )


def _jsondiff(module: Any) -> Diff:
    diff: Diff = module.diff
    return diff


def _dictdiffer(module: Any) -> Diff:
    return lambda control, candidate: [
        *module.diff(control, candidate, ignore={"generated_at"}, absolute_tolerance=0.01)
    ]


def _response(body: str) -> Response:
    return Response(status=200, headers={"content-type": "application/json"}, body=body)


def _line(contest: Contest, peer: str, seconds: dict[str, float]) -> dict[str, Any]:
    ours, theirs = seconds[contest.name], seconds[f"{contest.name}, {peer}"]
    target = contest.target if peer in ("deepdiff", "parse and ==", "== of parsed values") else None
    return {
        "name": contest.name,
        "ours": ours,
        "peer": theirs,
        "peer_name": peer,
        "ratio": ours / theirs,
        "target": target,
        "met": None if target is None else ours / theirs <= target,
    }


def _text(line: dict[str, Any]) -> dict[str, str]:
    ratio = line["ratio"]
    return {
        "name": line["name"],
        "ours": f"{line['ours'] * 1e6:.1f} µs",
        "peer": f"{line['peer'] * 1e6:.1f} µs",
        "peer_name": line["peer_name"],
        "ratio": f"{1 / ratio:.0f} x faster" if ratio < 0.5 else f"{ratio:.2f} x",
        "met": {None: "", True: "met", False: "MISSED"}[line["met"]],
    }


def _measured() -> dict[str, float]:
    """Seconds by what was measured: pyperf runs each in processes of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "suite.json")
        path = os.pathsep.join([str(ROOT), str(ROOT / "lambdas")])
        subprocess.run(
            [sys.executable, "-m", "bench.compare", "--quiet", f"--output={file}", *BRISK],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        suite = _pyperf().BenchmarkSuite.load(str(file))
        return {benchmark.get_name(): benchmark.median() for benchmark in suite}


def _pyperf() -> Any:
    """By name, because neither it nor the peers are installed where types are checked."""
    return importlib.import_module("pyperf")


def _measure() -> None:
    runner = _pyperf().Runner(program_args=("-m", "bench.compare"))
    for contest in contests():
        runner.bench_func(contest.name, contest.ours)
        for peer, work in contest.peers.items():
            runner.bench_func(f"{contest.name}, {peer}", work)


if __name__ == "__main__":
    _measure() if len(sys.argv) > 1 else main()
