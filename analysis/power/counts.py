"""Chances of counts, in a bounded number of steps: what synthesis can afford."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from operator import mul
from statistics import NormalDist

_MANY = 200
"""A mean from which on counts lie under a bell, to half a point; 41 of them then stand for all."""

_WIDE = 5
"""Standard deviations to either side; what is beyond is left out."""
_ASIDE = [_WIDE * at / 20 for at in range(-20, 21)]
_UNDER_BELL = [NormalDist().pdf(aside) * _WIDE / 20 for aside in _ASIDE]


class Poisson:
    """How often something happens that happens `mean` times on average.

    Example:
        >>> requests = Poisson(2)
        >>> round(requests.within(range(2)), 3)  # 3 / e ** 2
        0.406
    """

    def __init__(self, mean: float) -> None:
        self._bell = NormalDist(mean, math.sqrt(mean)) if mean > _MANY else None
        if self._bell:
            self._counts = [round(mean + aside * self._bell.stdev) for aside in _ASIDE]
            self._chances = _UNDER_BELL
        else:
            around = math.ceil(_WIDE * math.sqrt(mean)) + 5
            first = max(0, int(mean) - around)
            self._counts = [*range(first, int(mean) + around + 1)]
            log = first * math.log(mean) - math.lgamma(first + 1) if mean else 0.0
            ratios = (mean / count for count in self._counts[1:])
            self._chances = [*accumulate(ratios, mul, initial=math.exp(log - mean))]
        self._below: list[float] = []

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self._counts, self._chances, strict=True)

    def within(self, counts: range) -> float:
        """The chance of one of consecutive `counts`."""
        if not counts:
            return 0.0
        if self._bell:
            return self._bell.cdf(counts.stop - 0.5) - self._bell.cdf(counts.start - 0.5)
        self._below = self._below or [*accumulate(self._chances, initial=0.0)]
        first, last = self._counts[0], len(self._counts)
        start, stop = (min(max(0, edge - first), last) for edge in (counts.start, counts.stop))
        return self._below[stop] - self._below[start]


def chance_of_anybody(users: int, percent: float) -> float:
    """The chance that a canary of `percent` holds one of `users` or more.

    Example:
        >>> round(chance_of_anybody(50, 1), 3)
        0.395
    """
    return 1 - (1 - percent / 100) ** users


_CROWD = 100
"""Users in a canary from which on their number hardly varies."""

_RARE = 1e-5


def parts_held(users: int, percent: float) -> list[tuple[float, float]]:
    """The part of all `users` that a canary may hold, each with its chance.

    Not every number is listed, where there are many of them. Under a bell, numbers one standard
    deviation apart stand for all of them; in a large canary, three do, which have its first five
    moments. What changes smoothly with the number moves by less than 0.1 points.
    """
    part = percent / 100
    mean, deviation = users * part, math.sqrt(users * part * (1 - part))
    if part in (0, 1):
        return [(1.0, part)]
    if mean > _CROWD:
        aside = math.sqrt(3) * deviation
        numbers = [(1 / 6, mean - aside), (2 / 3, mean), (1 / 6, mean + aside)]
    else:
        apart = max(1, int(deviation))
        some = [
            (chance, held)
            for held in range(0, min(users, int(mean + 6 * deviation) + 10) + 1, apart)
            if (chance := _binomial(users, part, held)) * apart > _RARE
        ]
        total = sum(chance for chance, _ in some)
        numbers = [(chance / total, float(held)) for chance, held in some]
    return [(chance, number / users) for chance, number in numbers]


def _binomial(trials: int, chance: float, count: int) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
    return math.exp(ways + count * math.log(chance) + (trials - count) * math.log1p(-chance))


# Periods over a threshold

PeriodChances = Iterable[tuple[int, float]]
"""Runs of periods: how many, and the chance of each."""

_SETTLED = 1e-7
_HARDLY = 1e-6


def ever_m_of_n(periods: PeriodChances, *, m: int, n: int) -> float:
    """The chance that `m` of the last `n` periods are ever over the threshold.

    A Markov chain over the last `n` - 1 of them, as bits: twice the work for one more. Once it has
    settled, each further period takes the same part of what is left.

    Example:
        >>> ever_m_of_n([(3, 0.5)], m=2, n=2)
        0.375
    """
    never = {0: 1.0}
    for count, chance in periods:
        part, steps = 1.0, 0
        while steps < count and (before := sum(never.values())) > _HARDLY:
            last = part
            never = _one_more(never, chance, m, n)
            part, steps = sum(never.values()) / before, steps + 1
            if steps > n and abs(part - last) < _SETTLED:
                break
        never = {recent: left * part ** (count - steps) for recent, left in never.items()}
    return max(0.0, 1 - sum(never.values()))


def _one_more(never: dict[int, float], chance: float, m: int, n: int) -> dict[int, float]:
    memory = (1 << (n - 1)) - 1
    following: dict[int, float] = defaultdict(float)
    for recent, left in never.items():
        following[recent << 1 & memory] += left * (1 - chance)
        if recent.bit_count() + 1 < m:
            following[(recent << 1 | 1) & memory] += left * chance
    return following


_A_LOT = 30


def last_m_of_n(periods: Sequence[tuple[int, float]], *, m: int, n: int) -> float:
    """The chance that `m` of the last `n` are over it at the end; under a bell where `n` is large.

    Example:
        >>> last_m_of_n([(7, 0.1), (3, 0.5)], m=2, n=3)
        0.5
    """
    last = []
    for count, chance in reversed(periods):
        last.append((min(count, n), chance))
        n -= last[-1][0]
    if sum(count for count, chance in last if chance) < m:
        return 0.0
    if sum(count for count, _ in last) > _A_LOT:
        mean = sum(count * chance for count, chance in last)
        variance = sum(count * chance * (1 - chance) for count, chance in last)
        return 1 - NormalDist(mean, math.sqrt(max(variance, 1e-9))).cdf(m - 0.5)
    fewer = [1.0] + [0.0] * (m - 1)
    for count, chance in last:
        for _ in range(count):
            fewer = [
                none * (1 - chance) + one * chance
                for none, one in zip(fewer, [0.0, *fewer], strict=False)
            ]
    return max(0.0, 1 - sum(fewer))
