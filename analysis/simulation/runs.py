"""What became of many rollouts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
"""One for each rollout."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Rollouts of one canary, one entry each.

    Attributes:
        guards: the alarms that may take a rollout back.
        guard: which one did, by its place in `guards`; -1 for none.
        red_at: minutes from the start until it was red; infinite for none.
        back_at: minutes from the start until everybody is back; infinite for none.
        errors: requests whose user saw an error.
        users: users who saw one or more.
        fallbacks: requests that control answered for a candidate that failed.
        wrong: wrong answers that were served.
    """

    guards: tuple[str, ...]
    guard: NDArray[np.int8]
    red_at: Numbers
    back_at: Numbers
    errors: Numbers
    users: Numbers
    fallbacks: Numbers
    wrong: Numbers

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All rollouts of `parts`, in their order."""
        _, *arrays = (field.name for field in fields(cls))
        whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
        return cls(parts[0].guards, **whole)


def distinct(events: Numbers, among: Numbers | float) -> Numbers:
    """How many of `among` users have one of so many events, each of which may be anybody's."""
    among = np.maximum(among, 1)
    return among * -np.expm1(events * np.log1p(-1 / np.maximum(among, 1 + 1e-9)))
