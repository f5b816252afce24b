"""Bounds of a rate that hold however often one looks: a confidence sequence.

It is the two-sided beta-binomial mixture of Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform,
nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49 (2021), arXiv
1810.08240. Each rate has a test martingale: the likelihood ratio of a mixture of other rates to it.
Were it the true rate, its martingale would ever reach 1 / `alpha` with a probability of `alpha` at
most (Ville's inequality). So a rate is out of bounds once its martingale has reached that.
"""

from collections.abc import Callable
from math import lgamma, log, log1p
from typing import NamedTuple

_PRIOR_FAILURES = 0.5
"""Prior strength, in pseudo-failures, at a rate near 0.

It does not depend on the rate, so the bounds are as good for 1 in 10,000 as for 1 in 10. At a rate
of a half, half a pseudo-failure is the uniform prior.
"""

_BISECTIONS = 40
_LEAST_RATE = 1e-12
"""In floating point a lower rate is as good as none."""

_LARGEST_COUNT = 1_000_000_000
"""More pairs than anybody will wait for."""


class Bounds(NamedTuple):
    """Lower and upper bound of a rate, or of the difference of two; a share, not in percent."""

    low: float
    high: float


def rate_bounds(failures: float, total: float, *, alpha: float) -> Bounds:
    """The bounds of the true rate when `failures` of a `total` were seen.

    The probability that the true rate is ever out of bounds, at any of any number of looks, is
    `alpha` at most. That takes one true rate: a new version is counted anew.

    Example:
        >>> low, high = rate_bounds(10, 10_000, alpha=0.05)
        >>> f"between {low:.3%} and {high:.3%}"
        'between 0.029% and 0.232%'
    """
    return Bounds(
        _lower_bound(failures, total, alpha), 1 - _lower_bound(total - failures, total, alpha)
    )


def pairs_needed(
    tolerance_percent: float, *, alpha: float = 0.05, mismatch_percent: float = 0
) -> int:
    """The pairs after which the judge says PASS while `mismatch_percent` of them differ.

    Control's own noise is taken for 0.

    Raises:
        ValueError: a tolerance that is no percentage, or that is not clearly over the mismatches;
            an `alpha` that is no probability.

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
    least = least_count(lambda n: rate_bounds(n * rate, n, alpha=alpha / 2).high < tolerance)
    if least is None:
        raise ValueError(
            f"a billion pairs do not tell {mismatch_percent!r} % that differ from a tolerance of "
            f"{tolerance_percent!r} %; tolerate more"
        )
    return least


def check_alpha(alpha: float) -> None:
    """Refuses what is no probability of error.

    Raises:
        ValueError: `alpha` is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a probability of error, over 0 and under 1; got {alpha!r}")


def least_count(is_enough: Callable[[int], bool], *, over: int = 0) -> int | None:
    """The least count over `over` that is enough, by bisection; None when a billion is not.

    Whatever is more than enough must be enough, too.
    """
    below, above = over, over + 1
    while not is_enough(above):
        if above > _LARGEST_COUNT:
            return None
        below, above = above, 2 * above
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if is_enough(middle) else (middle, above)
    return above


def _lower_bound(failures: float, total: float, alpha: float) -> float:
    """By bisection: below the rate that was seen, a lower rate has a larger martingale."""
    if not failures:
        return 0.0
    low, high = 0.0, failures / total
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        is_out = _log_martingale(middle, failures, total) > -log(alpha)
        low, high = (middle, high) if is_out else (low, middle)
    return low if low > _LEAST_RATE else 0.0


def _log_martingale(rate: float, failures: float, total: float) -> float:
    """Log of the likelihood of a beta mixture with the mean `rate`, over that of `rate` itself."""
    a, b = _PRIOR_FAILURES / (1 - rate), _PRIOR_FAILURES / rate
    likelihood = failures * log(rate) + (total - failures) * log1p(-rate)
    return _log_beta(a + failures, b + total - failures) - _log_beta(a, b) - likelihood


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
