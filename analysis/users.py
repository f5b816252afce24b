"""Who uses a route: how much each user asks for, whom a canary holds, and whose requests fail."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
"""One for each rollout."""

_SPREAD = 2 * NormalDist().inv_cdf(0.8)
"""Deviation of a lognormal distribution whose upper fifth holds four fifths of the sum."""

_BUSIEST = 32
"""Users who are told apart; after them, as many as before are taken together."""

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Draw:
    """Whom a canary holds and whose requests fail, an entry for each rollout.

    Attributes:
        users: how many it holds.
        part: of the traffic that they make.
        failing: the shares of their requests that fail, a row for each that was asked for; one
            entry a row where all rollouts have the same.
        failing_others: those of everybody else's.
    """

    users: Numbers
    part: Numbers
    failing: Numbers
    failing_others: Numbers


@dataclass(frozen=True, slots=True)
class Users:
    """Users in groups: how many, and the part of the traffic that each of a group makes.

    Example:
        >>> Users.equal(50).parts
        array([0.02])
        >>> busy = Users.unequal(1_000)
        >>> int(busy.counts.sum()), round(float(busy.counts @ busy.parts), 6)
        (1000, 1.0)
    """

    counts: NDArray[np.int64]
    parts: NDArray[np.float64]

    @classmethod
    def equal(cls, users: int) -> Self:
        """Each makes as many requests as any other."""
        return cls(np.array([users]), np.array([1 / users]))

    @classmethod
    def unequal(cls, users: int) -> Self:
        """Lognormal: a fifth of them make four fifths of the requests, if they are many."""
        ends = [*range(min(users, _BUSIEST) + 1)]
        while ends[-1] < users:
            ends.append(min(users, 2 * ends[-1]))
        counts = np.diff(ends)
        middles = (np.array(ends[:-1]) + counts / 2) / users
        activity = np.exp([-_SPREAD * NormalDist().inv_cdf(middle) for middle in middles])
        return cls(counts, activity / (counts @ activity))

    def draw(
        self,
        rollouts: int,
        rng: np.random.Generator,
        *shares: float,
        percent: float,
        by_record: bool,
    ) -> Draw:
        """A canary of `percent` of them, while each of `shares` fails, from 0 to 1.

        By record, that share of the users always fails, and no one else; otherwise that share of
        everybody's requests.
        """
        shape = (rollouts, self.counts.size)
        held = rng.binomial(self.counts, percent / 100, shape)
        part = np.minimum(1, held @ self.parts)
        everybody = held.sum(axis=1).astype(float)
        if not by_record:
            same = np.array(shares)[:, np.newaxis]
            return Draw(everybody, part, same, same)
        bad, others = (
            np.array([rng.binomial(some, share) @ self.parts for share in shares])
            for some in (held, self.counts - held)
        )
        return Draw(
            everybody,
            part,
            np.minimum(1, bad / np.maximum(part, _NOTHING)),
            np.minimum(1, others / np.maximum(1 - part, _NOTHING)),
        )
