"""Chances of counts: of requests and users, and of periods over a threshold."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from operator import mul
from typing import Self

_NOTHING = 1e-8
"""A count at either end that is less likely is left out."""

_WIDE = 6
"""Standard deviations, and ten more counts, to either side; what is beyond is left out too."""


class Distribution:
    """The chances of consecutive counts: of `first`, of the next one, and so on.

    Example:
        >>> heads = Distribution.binomial(10, 0.5)
        >>> round(heads.within(range(4, 7)), 3)
        0.656
    """

    def __init__(self, first: int, chances: list[float]) -> None:
        self.first = first
        self.chances = chances
        self._below: list[float] = []

    @classmethod
    def poisson(cls, mean: float) -> Self:
        """How often something happens that happens `mean` times on average."""
        if not mean:
            return cls(0, [1.0])
        first, last = _reach(mean, math.sqrt(mean))
        start = math.exp(first * math.log(mean) - mean - math.lgamma(first + 1))
        return cls._from(first, last, start, lambda count: mean / count)

    @classmethod
    def binomial(cls, trials: int, chance: float) -> Self:
        """How many of `trials` come out, each with `chance`."""
        if chance in (0, 1):
            return cls(int(trials * chance), [1.0])
        mean, odds = trials * chance, chance / (1 - chance)
        first, last = _reach(mean, math.sqrt(mean * (1 - chance)))
        ways = math.lgamma(trials + 1) - math.lgamma(first + 1) - math.lgamma(trials - first + 1)
        start = math.exp(ways + first * math.log(chance) + (trials - first) * math.log1p(-chance))
        return cls._from(
            first, min(trials, last), start, lambda count: odds * (trials - count + 1) / count
        )

    @classmethod
    def _from(cls, first: int, last: int, start: float, ratio: Callable[[int], float]) -> Self:
        ratios = map(ratio, range(first + 1, last + 1))
        return cls(first, list(accumulate(ratios, mul, initial=start))).trimmed()

    @classmethod
    def mixture(cls, parts: Iterable[tuple[float, Self]]) -> Self:
        """The sum of `parts`, each times its weight."""
        parts = list(parts)
        first = min(counts.first for _, counts in parts)
        total = [0.0] * (max(counts.stop for _, counts in parts) - first)
        for weight, counts in parts:
            there = slice(counts.first - first, counts.stop - first)
            total[there] = [
                sum_ + weight * more
                for sum_, more in zip(total[there], counts.chances, strict=True)
            ]
        return cls(first, total)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return enumerate(self.chances, self.first)

    @property
    def stop(self) -> int:
        """The count after the last one."""
        return self.first + len(self.chances)

    @property
    def total(self) -> float:
        """The chance of any of these counts."""
        return sum(self.chances)

    def within(self, counts: range) -> float:
        """The chance of one of consecutive `counts`."""
        self._below = self._below or list(accumulate(self.chances, initial=0.0))
        start = min(max(counts.start, self.first), self.stop)
        stop = min(max(counts.stop, start), self.stop)
        return self._below[stop - self.first] - self._below[start - self.first]

    def plus(self, more: Self) -> Self:
        """The sum of this count and of another one that does not depend on it."""
        edge = [0.0] * (len(more.chances) - 1)
        padded = [*edge, *self.chances, *edge]
        backwards = more.chances[::-1]
        ends = range(len(backwards), len(padded) + 1)
        chances = [sum(map(mul, backwards, padded[end - len(backwards) : end])) for end in ends]
        return type(self)(self.first + more.first, chances)

    def split(self, start: float, stop: float) -> tuple[float, Self]:
        """The chance from `start` to `stop`, and the counts without it.

        A count reaches half a step to both sides, so that an edge takes its part of it.
        """
        left = list(self.chances)
        low = max(self.first, math.floor(start + 0.5))
        for count in range(low, min(self.stop, math.ceil(stop + 0.5))):
            part = min(stop, count + 0.5) - max(start, count - 0.5)
            left[count - self.first] *= 1 - max(0.0, part)
        return self.total - sum(left), type(self)(self.first, left)

    def trimmed(self) -> Self:
        """Without the counts at both ends that hardly ever come."""
        likely = [at for at, chance in enumerate(self.chances) if chance >= _NOTHING] or [0, -1]
        start, stop = likely[0], likely[-1] + 1
        return type(self)(self.first + start, self.chances[start:stop])


def _reach(mean: float, deviation: float) -> tuple[int, int]:
    around = math.ceil(_WIDE * deviation) + 10
    return max(0, int(mean) - around), int(mean) + around


_MANY = 100
"""Users in a canary from which on their number hardly varies."""

_RARE = 1e-5


def chance_of_anybody(users: int, percent: float) -> float:
    """The chance that a canary of `percent` holds one of `users` or more.

    Example:
        >>> round(chance_of_anybody(50, 1), 3)
        0.395
    """
    return 1 - (1 - percent / 100) ** users


def parts_held(users: int, percent: float) -> list[tuple[float, float]]:
    """The part of all `users` that a canary may hold, each with its chance.

    Not every number is listed, where there are many of them. Under a bell, numbers one standard
    deviation apart stand for all of them; in a large canary, three do, which have its first five
    moments. What changes smoothly with the number moves by less than 0.1 points.
    """
    part = percent / 100
    mean, deviation = users * part, math.sqrt(users * part * (1 - part))
    if mean > _MANY:
        aside = math.sqrt(3) * deviation
        numbers = [(1 / 6, mean - aside), (2 / 3, mean), (1 / 6, mean + aside)]
    else:
        apart = max(1, int(deviation))
        some = list(Distribution.binomial(users, part))[::apart]
        likely = [(chance, number) for number, chance in some if chance * apart > _RARE]
        total = sum(chance for chance, _ in likely)
        numbers = [(chance / total, number) for chance, number in likely]
    return [(chance, number / users) for chance, number in numbers]


_SETTLED = 16
"""Windows after which a chain has forgotten how it began."""


def ever_m_of_n(periods: Iterable[tuple[int, float]], *, m: int, n: int) -> float:
    """The chance that `m` of the last `n` periods are ever over the threshold.

    `periods` are runs: how many, and the chance of each. A Markov chain over the last `n` - 1 of
    them, as bits. Once it has settled, each further period takes the same part of what is left.
    10 periods take 20 ms; each more doubles that.

    Example:
        >>> ever_m_of_n([(3, 0.5)], m=2, n=2)
        0.375
    """
    never = {0: 1.0}
    for count, chance in periods:
        steps = min(count, _SETTLED * n)
        part = 1.0
        for _ in range(steps):
            before = sum(never.values())
            never = _one_more(never, chance, m, n)
            part = sum(never.values()) / before if before else 0.0
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
