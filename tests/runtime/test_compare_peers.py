"""What other people's test suites say of two answers, the comparison says too."""

import tomllib
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from shadow_runtime.compare import Rules, Tolerance, compare
from shadow_runtime.http import Response
from tests.runtime.compared import JSON

BLOCKS = tomllib.loads(Path(__file__).with_name("peers.toml").read_text())["block"]
PAIRS = {
    f"{block['peer']}: {pair['is']}": (pair, block.get("rules", {}))
    for block in BLOCKS
    for pair in block["pairs"]
}


def rules(written: dict[str, Any]) -> Rules:
    """The rules, as a file can hold them."""
    given = dict(written)
    for path, by in given.pop("numeric", {}).items():
        given.setdefault("numeric", {})[path] = Tolerance(**by)
    for path, seconds in given.pop("timestamps", {}).items():
        given.setdefault("timestamps", {})[path] = timedelta(seconds=seconds)
    if given.pop("zone", None):
        given["zone"] = UTC
    return Rules(**given)


@pytest.mark.parametrize(("pair", "by"), PAIRS.values(), ids=PAIRS)
def test_a_pair_of_a_peers_kind_has_the_verdict_of_its_clients(
    pair: dict[str, Any], by: dict[str, Any]
) -> None:
    control, candidate = (
        Response(status=status, headers=headers, body=body)
        for status, headers, body in zip(
            pair.get("status", (200, 200)),
            pair.get("headers", (JSON, JSON)),
            (pair["control"], pair["candidate"]),
            strict=True,
        )
    )
    comparison = compare(control, candidate, rules(by))
    assert comparison.verdict == pair["verdict"]
    if "found" in pair:
        assert sorted(f"{d.path} {d.kind}" for d in comparison.differences) == pair["found"]


def test_the_pairs_stand_for_many_kinds_of_peers() -> None:
    assert len(PAIRS) == sum(len(block["pairs"]) for block in BLOCKS) > 180
    assert {pair["verdict"] for pair, _ in PAIRS.values()} >= {"matched", "mismatched"}
