"""Whoever looks after each request, and stops when they like, is misled no more often than alpha.

For one rate the chance is exact: a chain over the count of bad ones takes a step with each request,
and leaves where the judge decides. The difference of two rates is simulated.
"""

import functools
import math
import random
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Verdict, bounds
from judge.bounds import rate_bounds
from judge.verdict import Excess, Rate

PASS, FAIL, INCONCLUSIVE = Verdict
NONE = Rate(0, 0)
ALPHA = 0.05

pytestmark = pytest.mark.xdist_group("judge")  # on one worker, so that bounds are found once
cached_bounds = functools.cache(rate_bounds)


@pytest.fixture(autouse=True)
def _cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("judge.verdict.rate_bounds", cached_bounds)


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
        return Excess(Rate(bad, total), NONE, tolerance, ALPHA).verdict

    totals = range(looks + 1)
    return (
        bisect_left(totals, True, lo=bad, key=lambda total: verdict(total) is not FAIL),
        bisect_left(totals, True, lo=bad, key=lambda total: verdict(total) is PASS),
    )


@pytest.mark.parametrize(
    ("rate", "looks"), [(0.0001, 20_000), (0.001, 20_000), (0.01, 5_000), (0.1, 1_000), (0.5, 300)]
)
def test_where_the_tolerance_is_the_true_rate_hardly_anything_is_ever_decided(
    rate: float, looks: int
) -> None:
    """At the edge either verdict is wrong; half of alpha belongs to the baseline."""
    found = chances(rate, rate, looks=looks)
    assert found[PASS] + found[FAIL] <= ALPHA / 2
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize("rate", [0, 0.0001, 0.0005, 0.0009])
def test_what_is_within_the_tolerance_hardly_ever_fails(rate: float) -> None:
    assert chances(rate, 0.001, looks=20_000)[FAIL] <= ALPHA / 2


@pytest.mark.parametrize("rate", [0.0011, 0.002, 0.005, 0.05, 0.5])
def test_what_is_over_the_tolerance_hardly_ever_passes(rate: float) -> None:
    assert chances(rate, 0.001, looks=10_000 if rate < 0.01 else 300)[PASS] <= ALPHA / 2


@pytest.mark.parametrize(
    ("rate", "verdict", "looks"),
    [(0, PASS, 4_876), (0.0001, PASS, 20_000), (0.003, FAIL, 20_000), (0.05, FAIL, 300)],
)
def test_what_is_clearly_right_or_wrong_is_decided_in_time(
    rate: float, verdict: Verdict, looks: int
) -> None:
    assert chances(rate, 0.001, looks=looks)[verdict] > 0.99


@pytest.mark.parametrize("is_same", [True, False], ids=["same requests", "other requests"])
@pytest.mark.parametrize(("rate", "noise"), [(0.3, 0.2), (0.95, 0.45), (0.02, 0.01)])
def test_at_the_edge_of_an_excess_hardly_anything_is_ever_decided(
    rate: float, noise: float, is_same: bool
) -> None:
    """Also where what is noisy for control is what differs: both counts go up together."""
    chance = random.Random(1)
    streams, looks = 400, 200
    wrong = 0
    for _ in range(streams):
        bad = noisy = 0
        for total in range(1, looks + 1):
            drawn = chance.random()
            bad += drawn < rate
            noisy += (drawn if is_same else chance.random()) < noise
            found = Excess(Rate(bad, total), Rate(noisy, total), rate - noise, ALPHA)
            if found.verdict is not INCONCLUSIVE:
                wrong += 1
                break
    assert wrong <= streams * ALPHA + 3 * math.sqrt(streams * ALPHA)


totals = st.integers(1, 10**8)
shares = st.floats(0, 1)
alphas = st.floats(0.0001, 0.5)


@given(totals, shares, alphas)
def test_bounds_hold_the_rate_that_was_seen(total: int, share: float, alpha: float) -> None:
    bad = int(share * total)
    low, high = rate_bounds(bad, total, alpha=alpha)
    assert 0 <= low <= bad / total <= high <= 1


@given(totals, shares, alphas)
def test_one_more_bad_one_raises_both_bounds(total: int, share: float, alpha: float) -> None:
    bad = int(share * (total - 1))
    low, high = rate_bounds(bad, total, alpha=alpha)
    low_after, high_after = rate_bounds(bad + 1, total, alpha=alpha)
    assert low <= low_after + 1e-9
    assert high <= high_after + 1e-9


@given(totals, shares, alphas)
def test_bad_and_good_are_treated_alike(total: int, share: float, alpha: float) -> None:
    bad = int(share * total)
    low, high = rate_bounds(bad, total, alpha=alpha)
    assert rate_bounds(total - bad, total, alpha=alpha) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("rate", [0.0001, 0.02, 0.5, 0.9])
@pytest.mark.parametrize("total", [1, 7, 60])
def test_the_martingale_is_expected_to_stay_at_1_where_its_rate_is_the_true_one(
    rate: float, total: int
) -> None:
    expected = sum(
        math.comb(total, bad)
        * rate**bad
        * (1 - rate) ** (total - bad)
        * math.exp(bounds._log_martingale(rate, bad, total))
        for bad in range(total + 1)
    )
    assert expected == pytest.approx(1)


def test_the_martingale_is_the_published_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is from the authors' own tests: github.com/gostevehoward/confseq.

    Its mixture is given by a variance of 100 and g = 0.2, h = 0.8; 10 is how many more were bad.
    """
    monkeypatch.setattr(bounds, "_PRIOR_FAILURES", 12.60056 - 0.2 * 0.8)
    assert bounds._log_martingale(0.2, 135, 625) == pytest.approx(-0.6941012, abs=1e-6)
