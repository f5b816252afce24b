"""What comparing two answers costs, against `==`, DeepDiff, jsondiff and dictdiffer.

`python -m bench.compare`, with `lambdas` on the path, prints the table. Peers that are not
installed are left out.
"""

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from bench.contest import Contest, Work, is_installed, measure, peer, race
from bench.report import Line, show
from shadow_runtime.compare import EXACT, Rules, Tolerance, compare
from shadow_runtime.http import Response

TITLE = "(c) Comparing two answers of 0.2 to 100 KB (median)"
INCLUDES = (
    "Everybody gets two bodies as text and parses them, because that is the work a comparison is "
    "given. Where both texts are the same, == gets the values parsed already. DeepDiff and "
    "dictdiffer get those of the rules that they know, as far as they work together; jsondiff "
    "knows none."
)

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

Diff = Callable[[Any, Any], object]


def main() -> list[Line]:
    """Measure everything, print the table, and return its lines."""
    # Some peers take seconds here, and no cache is worth a second of warming.
    return show(TITLE, INCLUDES, measure("bench.compare", warmups=0))


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
        {"== of parsed values": EQUAL},
    )


def _other_text(name: str, control: dict[str, Any], rules: Rules) -> Contest:
    body, rewritten = json.dumps(control), json.dumps(control, sort_keys=True, indent=1)
    left, right = _response(body), _response(rewritten)
    return Contest(
        f"{name}, other text",
        lambda: compare(left, right, rules),
        {"parse and ==": lambda: json.loads(body) == json.loads(rewritten)},
        {"parse and ==": EQUAL},
    )


def _differing(name: str, control: dict[str, Any], candidate: dict[str, Any], size: str) -> Contest:
    one, other = json.dumps(control), json.dumps(candidate)
    left, right = _response(one), _response(other)

    def parsing(diff: Diff) -> Work:
        return lambda: diff(json.loads(one), json.loads(other))

    return Contest(
        name,
        lambda: compare(left, right, RULES),
        {rival: parsing(diff) for rival, diff in _peers()},
        {"deepdiff": DIFFERING} if size == "5 KB" else {},
    )


def _peers() -> Iterator[tuple[str, Diff]]:
    """Each with those of the rules that it knows, as far as they work together."""
    for name, prepare in (
        ("deepdiff", _deepdiff),
        ("jsondiff", _jsondiff),
        ("dictdiffer", _dictdiffer),
    ):
        if is_installed(name):
            yield name, prepare(peer(name))


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


if __name__ == "__main__":
    if len(sys.argv) > 1:
        race("bench.compare", contests())
    else:
        main()
