"""Whoever looks after each request, and stops when they like, is misled no more often than alpha.

For one rate the chance is exact: a chain over the count of bad ones takes a step with each request,
and leaves where the judge decides. What has several kinds of scores is simulated.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from judge import Scores, Verdict, bounds
from judge.bounds import excess_bounds
from judge.verdict import Excess

PASS, FAIL, INCONCLUSIVE = Verdict
ALPHA = 0.05
TOLERANCE = 0.001


def chances(rate: float, tolerance: float, *, looks: int) -> dict[Verdict, float]:
    """How likely each verdict is to be the first one that decides, within so many looks."""
    most = int(looks * rate + 10 * math.sqrt(looks * rate) + 20)
    fails, passes = np.array([decided(bad, tolerance, looks) for bad in range(most)]).T
    undecided = np.zeros(most)
    undecided[0] = 1
    found = {PASS: 0.0, FAIL: 0.0}
    for total in range(1, looks + 1):
        undecided[1:] = undecided[1:] * (1 - rate) + undecided[:-1] * rate
        undecided[0] *= 1 - rate
        for verdict, is_found in ((FAIL, total < fails), (PASS, total >= passes)):
            found[verdict] += undecided[is_found].sum()
            undecided[is_found] = 0
    return found | {INCONCLUSIVE: undecided.sum()}


def decided(bad: int, tolerance: float, looks: int) -> tuple[int, int]:
    """Of how many requests so many bad ones are no FAIL any more, and of how many they PASS."""

    def verdict(total: int) -> Verdict:
        return Excess((Scores(total, worse=bad),), tolerance, ALPHA).verdict

    totals = range(looks + 1)
    return (
        bisect_left(totals, True, lo=bad, key=lambda total: verdict(total) is not FAIL),
        bisect_left(totals, True, lo=bad, key=lambda total: verdict(total) is PASS),
    )


@pytest.mark.parametrize(
    ("rate", "looks"), [(0.0001, 20_000), (0.001, 20_000), (0.01, 5_000), (0.1, 1_000), (0.5, 300)]
)
def test_where_the_tolerance_is_the_true_rate_neither_verdict_is_likely(
    rate: float, looks: int
) -> None:
    found = chances(rate, rate, looks=looks)
    assert found[PASS] <= ALPHA
    assert found[FAIL] <= ALPHA
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize("rate", [0, 0.0001, 0.0005, 0.0009])
def test_what_is_within_the_tolerance_hardly_ever_fails(rate: float) -> None:
    assert chances(rate, TOLERANCE, looks=20_000)[FAIL] <= ALPHA


@pytest.mark.parametrize("rate", [0.0011, 0.002, 0.005, 0.05, 0.5])
def test_what_is_over_the_tolerance_hardly_ever_passes(rate: float) -> None:
    assert chances(rate, TOLERANCE, looks=10_000 if rate < 0.01 else 300)[PASS] <= ALPHA


@pytest.mark.parametrize(
    ("rate", "verdict", "looks"),
    [(0, PASS, 3_503), (0.0001, PASS, 20_000), (0.003, FAIL, 20_000), (0.05, FAIL, 300)],
)
def test_what_is_clearly_right_or_wrong_is_decided_in_time(
    rate: float, verdict: Verdict, looks: int
) -> None:
    assert chances(rate, TOLERANCE, looks=looks)[verdict] > 0.99


Stream = NDArray[np.int_]
"""The scores of requests in the order in which they came: 1, 0, -1."""


def decisive_looks(stream: Stream, share: float) -> Iterator[Scores]:
    """The counts at those looks of all at which a verdict can be new.

    FAIL falls with a request in which the candidate alone is bad, and PASS between two of these
    at the last one, if it does at all.
    """
    worse, better = np.cumsum(stream == 1), np.cumsum(stream == -1)
    at = np.flatnonzero(stream == 1)
    for look in sorted({*at, *(at[at > 0] - 1), len(stream) - 1}):
        yield Scores(int(look) + 1, int(worse[look]), int(better[look]), share)


def ever(
    verdict: Verdict, streams: Iterator[Stream], *, tolerance: float = TOLERANCE, share: float = 1
) -> list[bool]:
    """Of which streams it is said at some time."""
    return [
        any(
            Excess((scores,), tolerance, ALPHA).verdict is verdict
            for scores in decisive_looks(stream, share)
        )
        for stream in streams
    ]


def drawn(
    rng: np.random.Generator, *, worse: float, better: float, share: float, looks: int
) -> Stream:
    """Requests of which so many are bad on one side alone; control's are seen for a share."""
    scores = rng.choice([1, -1, 0], size=looks, p=[worse, better, 1 - worse - better])
    scores[(scores == -1) & (rng.random(looks) >= share)] = 0
    return scores


STREAMS = 200
MOST = STREAMS * ALPHA
AT_THE_EDGE = MOST + 3 * math.sqrt(MOST)


@pytest.mark.parametrize("share", [1, 0.1])
@pytest.mark.parametrize(("noise", "looks"), [(0.002, 5_000), (0.02, 1_500), (0.2, 150)])
def test_a_candidate_that_is_as_noisy_as_control_hardly_ever_fails(
    noise: float, looks: int, share: float
) -> None:
    rng = np.random.default_rng(7)
    streams = (
        drawn(rng, worse=noise, better=noise, share=share, looks=looks) for _ in range(STREAMS)
    )
    assert sum(ever(FAIL, streams, share=share)) <= MOST


@pytest.mark.parametrize("share", [1, 0.1])
@pytest.mark.parametrize(("worse", "better"), [(0.3, 0.2), (0.06, 0.05), (0.011, 0.001)])
def test_at_the_edge_of_an_excess_neither_verdict_is_likely(
    worse: float, better: float, share: float
) -> None:
    rng = np.random.default_rng(8)
    said = Counter[Verdict]()
    for _ in range(STREAMS):
        stream = drawn(rng, worse=worse, better=better, share=share, looks=int(30 / worse))
        looks = decisive_looks(stream, share)
        said.update({Excess((seen,), worse - better, ALPHA).verdict for seen in looks})
    assert said[PASS] <= AT_THE_EDGE
    assert said[FAIL] <= AT_THE_EDGE


def test_a_candidate_that_is_as_noisy_as_control_passes() -> None:
    rng = np.random.default_rng(9)
    streams = (drawn(rng, worse=0.0005, better=0.0005, share=1, looks=20_000) for _ in range(100))
    assert sum(ever(PASS, streams)) >= 90


def test_where_one_in_a_hundred_is_wrong_it_fails_within_800_pairs() -> None:
    """With control's noise measured in each pair: half of the streams, and all within 2,500."""
    rng = np.random.default_rng(10)
    at = []
    for _ in range(STREAMS):
        stream = drawn(rng, worse=0.01, better=0, share=1, looks=2_500)
        looks = decisive_looks(stream, 1)
        fails = (s.total for s in looks if Excess((s,), TOLERANCE, ALPHA).verdict is FAIL)
        at.append(next(fails, math.inf))
    assert np.median(at) <= 800
    assert np.quantile(at, 0.99) <= 2_500


def test_what_changes_its_share_on_the_way_is_as_honest() -> None:
    """All of the first 500 are looked at, then a tenth."""
    rng = np.random.default_rng(11)
    failed = 0
    for _ in range(STREAMS):
        first = drawn(rng, worse=0.05, better=0.05, share=1, looks=500)
        begun = Scores(500, int((first == 1).sum()), int((first == -1).sum()), 1)
        later = drawn(rng, worse=0.05, better=0.05, share=0.1, looks=1_000)
        failed += any(ever(FAIL, iter([first]))) or any(
            Excess((begun, scores), TOLERANCE, ALPHA).verdict is FAIL
            for scores in decisive_looks(later, 0.1)
        )
    assert failed <= MOST


def launch(rng: np.random.Generator, *, alike: bool, requests: int = 1_000) -> Stream:
    """A canary of a few users of 50, some of whom have a record that fails on either side.

    A user's share of the traffic is unequal, and 3 % of the answers of either side fail by chance.
    """
    traffic = 1 / np.arange(1, 6)
    users = rng.choice(5, size=requests, p=traffic / traffic.sum())
    unlucky = rng.random(5) < 0.3
    control, candidate = (rng.random(requests) < 0.03 for _ in range(2))
    if not alike:
        candidate |= rng.random(requests) < 0.2
    bad_record = unlucky[users]
    return (~bad_record & ~control & candidate).astype(int) - (~bad_record & control & ~candidate)


def test_two_sides_that_are_alike_hardly_ever_fail_however_unlucky_the_users() -> None:
    rng = np.random.default_rng(12)
    launches = (launch(rng, alike=True) for _ in range(STREAMS))
    assert sum(ever(FAIL, launches, tolerance=0.01)) <= MOST


def test_a_candidate_that_fails_a_fifth_fails_however_unlucky_the_users() -> None:
    rng = np.random.default_rng(13)
    launches = [launch(rng, alike=False, requests=500) for _ in range(STREAMS)]
    with_luck = [stream for stream in launches if (stream != 0).sum() > 30]
    assert sum(ever(FAIL, iter(with_luck), tolerance=0.01)) > 0.97 * len(with_luck)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_where_a_part_of_the_copies_is_compared_their_part_is_as_good_as_known(
    share: float,
) -> None:
    """The share of the answers that were checked is then itself counted, and not by design."""
    rng = np.random.default_rng(14)
    failed = 0
    for _ in range(STREAMS):
        stream = launch(rng, alike=True)
        checked = rng.random(len(stream)) < share
        seen = np.where((stream == -1) & ~checked, 0, stream)
        answered = np.cumsum(stream != 1)
        known = np.cumsum(checked & (stream != 1))
        failed += any(
            Excess((scores._replace(share=known[at] / max(1, answered[at])),), 0.01, ALPHA).verdict
            is FAIL
            for scores in decisive_looks(seen, 1)
            for at in [int(scores.total) - 1]
        )
    assert failed <= MOST


totals = st.integers(1, 10**8)
parts = st.floats(0, 1)
alphas = st.floats(0.0001, 0.5)
shares = st.sampled_from([0, 0.001, 0.1, 1])


@st.composite
def scores(draw: st.DrawFn) -> Scores:
    total = draw(totals)
    worse = int(draw(parts) * total)
    share = draw(shares)
    better = int(draw(parts) * (total - worse) * share)
    return Scores(total, worse, better, share)


@given(scores(), alphas)
def test_bounds_hold_the_excess_that_was_seen(seen: Scores, alpha: float) -> None:
    low, high = excess_bounds([seen], alpha=alpha)
    excess = (seen.worse - seen.weight * seen.better) / seen.total
    assert low - 1e-6 <= max(excess, -seen.weight)
    assert excess <= high + 1e-6


@given(scores(), alphas)
def test_one_more_bad_one_raises_both_bounds(seen: Scores, alpha: float) -> None:
    before = Scores(seen.total + 1, *seen[1:])
    after = before._replace(worse=seen.worse + 1)
    low, high = excess_bounds([before], alpha=alpha)
    low_after, high_after = excess_bounds([after], alpha=alpha)
    assert low <= low_after + 1e-6
    assert high <= high_after + 1e-6


@pytest.mark.parametrize("share", [0, 0.1, 1])
@given(m=st.floats(0, 0.99), bad=st.floats(0, 1))
def test_the_capital_is_expected_to_stay_at_1_where_its_excess_is_the_true_one(
    share: float, m: float, bad: float
) -> None:
    """So that it is a fair game: of each score, at whatever rates."""
    better = bad * (1 - m) / 2 if share else 0.0
    worse = m + better
    chance: dict[Any, float] = {
        Scores(1, worse=1, share=share): worse,
        Scores(1, better=1, share=share): better * share,
        Scores(1, share=share): 1 - worse - better * share,
    }
    for capital in (bounds._log_capital_against_at_most, bounds._log_capital_against_at_least):
        expected = sum(p * math.exp(capital(m, [one])) for one, p in chance.items() if p)
        assert expected == pytest.approx(1)
