"""No pair of answers makes a comparison run away, in time or in memory."""

import time
import tracemalloc

import pytest

from bench.compare_worst import CASES, SIZES, asked_of, seconds_asked
from shadow_runtime.compare import Verdict, compare

LITTLE = 96
"""Bytes held at most for each byte of both bodies, and a megabyte."""

DECIDED = {
    "unordered numbers, nearly all equal, one wrong": Verdict.MISMATCHED,
    "unordered numbers, a few near each, one wrong": Verdict.MISMATCHED,
    "unordered rows with nothing in common": Verdict.MISMATCHED,
    "points with a coarse first coordinate": Verdict.IGNORED_ONLY,
    "integers with equal hashes": Verdict.MISMATCHED,
    "integers with equal hashes as keys": Verdict.MISMATCHED,
    "lists each one longer": Verdict.MISMATCHED,
    "400 {discount, price}, or as many as fit": Verdict.IGNORED_ONLY,
    "long texts, almost of one shape": Verdict.MISMATCHED,
    "long names, almost of one pattern": Verdict.MISMATCHED,
}
"""Where an API may well answer so, the budget suffices."""


@pytest.mark.parametrize("case", CASES)
def test_the_worst_pairs_of_100_kb_end_within_a_second(case: str) -> None:
    control, candidate, rules = asked_of(case, SIZES["100 KB"])
    started = time.process_time()
    found = compare(control, candidate, rules)
    assert time.process_time() - started < seconds_asked(len(control.body))
    assert found.verdict is DECIDED.get(case, Verdict.UNDECIDED)


@pytest.mark.parametrize("case", CASES)
def test_they_hold_little_more_than_the_bodies(case: str) -> None:
    control, candidate, rules = asked_of(case, 30_000)
    tracemalloc.start()
    compare(control, candidate, rules)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LITTLE * (len(control.body) + len(candidate.body)) + 1e6
