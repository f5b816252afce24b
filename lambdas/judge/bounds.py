"""Bounds of a rate that hold however often one looks: a confidence sequence.

It is the two-sided beta-binomial mixture of Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform,
nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49 (2021), arXiv
1810.08240. Somebody bets against a rate, on others. Were it the true one, the bet would be fair,
and Ville's inequality says that a fair bet ever multiplies its stake by 1 / `alpha` with a chance
of `alpha` at most. So a rate is out of bounds once the bet against it has done that.
"""

from collections.abc import Callable
from math import lgamma, log, log1p
from typing import NamedTuple

_PRIOR = 0.5
"""What the spread of the bets is worth, in bad ones, at any rate.

So the bounds depend on how many were bad and how many were to be expected: they are as good for 1
in 10,000 as for 1 in 10. Half a bad one is the uniform distribution at a rate of a half.
"""

_HALVINGS = 40
_LEAST_RATE = 1e-12
"""Floating point tells no rate below it from none."""

_MOST = 1_000_000_000
"""More pairs than anybody will wait for."""


class Bounds(NamedTuple):
    """What a rate or a difference of two lies between, as a share, not in percent."""

    low: float
    high: float


def rate_bounds(bad: float, total: float, *, alpha: float) -> Bounds:
    """What the rate lies between that made `bad` ones of `total`.

    The chance that the true rate is ever outside, at any of any number of looks, is `alpha` at
    most. That takes one true rate: a new version is counted anew.

    Example:
        >>> low, high = rate_bounds(10, 10_000, alpha=0.05)
        >>> f"between {low:.3%} and {high:.3%}"
        'between 0.029% and 0.232%'
    """
    return Bounds(_low(bad, total, alpha), 1 - _low(total - bad, total, alpha))


def pairs_needed(
    tolerance_percent: float, *, alpha: float = 0.05, mismatch_percent: float = 0
) -> int:
    """The pairs after which the judge says PASS while `mismatch_percent` of them differ.

    None of them is taken for control's own noise.

    Raises:
        ValueError: a tolerance that is no percentage, or that is not clearly over the mismatches;
            an `alpha` that is no chance.

    Example:
        >>> pairs_needed(0.1), pairs_needed(1)
        (4876, 487)
    """
    check_alpha(alpha)
    if not 0 <= mismatch_percent < tolerance_percent < 100:
        raise ValueError(
            "pairs_needed takes a tolerance over the mismatches and under 100, both in percent; "
            f"got a tolerance of {tolerance_percent!r} and {mismatch_percent!r} that differ"
        )
    tolerance, rate = tolerance_percent / 100, mismatch_percent / 100
    found = fewest(lambda n: rate_bounds(n * rate, n, alpha=alpha / 2).high < tolerance)
    if found is None:
        raise ValueError(
            f"a billion pairs do not tell {mismatch_percent!r} % that differ from a tolerance of "
            f"{tolerance_percent!r} %; tolerate more"
        )
    return found


def check_alpha(alpha: float) -> None:
    """Refuses what is no chance to err.

    Raises:
        ValueError: `alpha` is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is the chance to err, over 0 and under 1; got {alpha!r}")


def fewest(enough: Callable[[int], bool], *, over: int = 0) -> int | None:
    """The least number over `over` that is `enough`; None when a billion is not.

    What is enough stays so for all that is more.
    """
    below, above = over, over + 1
    while not enough(above):
        if above > _MOST:
            return None
        below, above = above, 2 * above
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if enough(middle) else (middle, above)
    return above


def _low(bad: float, total: float, alpha: float) -> float:
    """The least rate in bounds, by bisection: the bet is the better, the further a rate is off."""
    if not bad:
        return 0.0
    low, high = 0.0, bad / total
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_out = _log_wealth(middle, bad, total) > -log(alpha)
        low, high = (middle, high) if is_out else (low, middle)
    return low if low > _LEAST_RATE else 0.0


def _log_wealth(rate: float, bad: float, total: float) -> float:
    """Log of what a stake of 1 has become that bets against `rate`.

    It is the likelihood of the rates bet on, spread by a beta distribution with the mean `rate`,
    over that of `rate`.
    """
    a, b = _PRIOR / (1 - rate), _PRIOR / rate
    likelihood = bad * log(rate) + (total - bad) * log1p(-rate)
    return _log_beta(a + bad, b + total - bad) - _log_beta(a, b) - likelihood


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
