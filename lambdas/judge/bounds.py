"""Bounds of how much more often the candidate is bad than control, however often one looks.

Each request has a score: 1 where the candidate alone was bad, minus 1 where control alone was, and
0 otherwise. Its mean is the candidate's *excess*. What control does where the candidate is good is
only looked for in a share of the requests, so that there it counts for as many: minus 1 / share.

To refute that the excess is `m` at most, one bets on the scores as on a fair game: capital starts
at 1, and each score multiplies it by what is expected to be 1 at most, were `m` true. That capital
ever reaches 1 / `alpha` has a probability of `alpha` at most (Ville's inequality), whatever is bet
and whenever one looks. It takes no same rate at all times, only one that was never over `m`. To
refute that it is `m` at least, one bets on the scores with the other sign. The capital is a mixture
of bets: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B
86 (2024), arXiv 2010.09686; the one-sided mixtures of Howard, Ramdas, McAuliffe and Sekhon, Annals
of Statistics 49 (2021), arXiv 1810.08240, are of this kind.

Either bound errs with all of `alpha`: of a true excess that is within a tolerance only FAIL is
wrong, and of one that is not only PASS.
"""

from collections.abc import Callable, Iterable
from math import exp, log, log1p
from typing import NamedTuple

_ODDS = tuple(2.0**power for power in range(-8, 7))
"""From bets of next to nothing, for a rate near the tolerance, to nearly all of the capital."""

_SHARES = tuple(odds / (1 + odds) for odds in _ODDS)
_LOG_PARTS = tuple(log(share / sum(_SHARES)) for share in _SHARES)
"""Of the capital that each bet starts with: as much as it dares."""

_BISECTIONS = 40

_LARGEST_COUNT = 1_000_000_000
"""More pairs than anybody will wait for."""


class Bounds(NamedTuple):
    """Lower and upper bound of an excess; a share, not in percent. Below 0 control is worse."""

    low: float
    high: float


class Scores(NamedTuple):
    """Of `total` requests the candidate alone was bad in `worse`, control alone in `better`.

    `share` is the share of them, drawn by chance, in which it is known whether control was bad
    alone; 0 where that is never known, so that what differs is taken for the candidate's.

    Example:
        >>> Scores(1_000, worse=3)
        Scores(total=1000, worse=3, better=0, share=0)
    """

    total: float
    worse: float = 0
    better: float = 0
    share: float = 0

    @property
    def weight(self) -> float:
        """For how many requests one stands in which control alone was bad."""
        return 1 / self.share if self.share else 0.0

    def times(self, factor: float) -> "Scores":
        """As they would be after so many times the requests, were all to stay as it is."""
        return Scores(factor * self.total, factor * self.worse, factor * self.better, self.share)


def excess_bounds(scores: Iterable[Scores], *, alpha: float) -> Bounds:
    """The bounds of the true excess, each of them wrong with `alpha` at most at any of its looks.

    Example:
        >>> low, high = excess_bounds([Scores(10_000, worse=10)], alpha=0.05)
        >>> f"at least {low:.3%}, at most {high:.3%}"
        'at least 0.031%, at most 0.231%'
    """
    seen = [each for each in scores if each.total]
    lowest = -min((each.weight for each in seen), default=0.0)
    decisive = -log(alpha)
    low, _ = _bisected(lambda m: _log_capital_against_at_most(m, seen) < decisive, lowest, 1)
    _, high = _bisected(lambda m: _log_capital_against_at_least(m, seen) >= decisive, lowest, 1)
    return Bounds(low, high)


def is_over(scores: Iterable[Scores], rate: float, *, alpha: float) -> bool:
    """Whether the excess is proven to be over `rate`."""
    return _log_capital_against_at_most(rate, [*scores]) >= -log(alpha)


def is_under(scores: Iterable[Scores], rate: float, *, alpha: float) -> bool:
    """Whether the excess is proven to be under `rate`."""
    return _log_capital_against_at_least(rate, [*scores]) >= -log(alpha)


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
        (3503, 349)
    """
    check_alpha(alpha)
    if not 0 <= mismatch_percent < tolerance_percent < 100:
        raise ValueError(
            "pairs_needed takes a tolerance over the mismatches and under 100, both in percent; "
            f"got a tolerance of {tolerance_percent!r} and {mismatch_percent!r} that differ"
        )
    tolerance, rate = tolerance_percent / 100, mismatch_percent / 100
    least = least_count(lambda n: is_under([Scores(n, n * rate)], tolerance, alpha=alpha))
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


def _bisected(is_above: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """Between which two `is_above` turns true."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return low, high


def _log_capital_against_at_most(m: float, scores: list[Scores]) -> float:
    """Log of the capital of bets on a higher excess: on the scores, raised to 0 or more."""
    return _log_capital(
        [
            ((w + 1, each.worse), (w, each.total - each.worse - each.better), (0, each.better))
            for each in scores
            for w in [each.weight]
        ],
        [(each.weight + m, each.total) for each in scores],
    )


def _log_capital_against_at_least(m: float, scores: list[Scores]) -> float:
    """Log of the capital of bets on a lower excess: on how far the scores are under 1."""
    return _log_capital(
        [
            ((0, each.worse), (1, each.total - each.worse - each.better), (1 + w, each.better))
            for each in scores
            for w in [each.weight]
        ],
        [(1 - m, each.total) for each in scores],
    )


def _log_capital(
    seen: list[tuple[tuple[float, float], ...]], allowed: list[tuple[float, float]]
) -> float:
    """Log of the mixture of the product of (1 + odds * value) / (1 + odds * mean).

    The values are 0 or more, and `seen` so often; their mean is the one of `allowed` at most, so
    that no factor is expected to be over 1. Their order does not matter.
    """
    logs = [
        part
        + sum(count * log1p(odds * value) for values in seen for value, count in values if count)
        - sum(total * log1p(odds * mean) for mean, total in allowed)
        for odds, part in zip(_ODDS, _LOG_PARTS, strict=True)
    ]
    largest = max(logs)
    return largest + log(sum(exp(each - largest) for each in logs))
