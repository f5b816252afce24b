"""What one execution environment does for all: how often control is asked again, what is logged."""

import time
from collections.abc import Callable

from shadow_runtime.contract import ASKED_AGAIN

ALWAYS_ASKED_AGAIN = 5_000
"""Copies that an execution environment has in a day before control is asked again for fewer."""

EXEMPLARS = 5
"""Log lines of one fingerprint, per execution environment and hour; metrics go on counting."""

_HOUR_SECONDS = 3_600
_DAY_SECONDS = 86_400
_MOST_FINGERPRINTS = 1_000


class AskedAgain:
    """For which share of the copies control is asked again, to learn how it differs from itself.

    For all of the first 5,000 that an execution environment has in a day; for a tenth until they
    are ten times as many, for a hundredth until a hundred times, then for a thousandth. So it is
    asked again for a version's first 5,000 copies wherever they are compared, and environments need
    not know of each other. A share depends on nothing that the copy at hand holds: therefore one of
    the copies drawn may stand for all.

    Example:
        >>> asked_again = AskedAgain(clock=lambda: 0.0)
        >>> shares = [asked_again.share() for _ in range(5_001)]
        >>> shares[0], shares[4_999], shares[5_000]
        (1.0, 1.0, 0.1)
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._day = 0
        self._copies = 0

    def share(self) -> float:
        """That of the next copy."""
        day = int(self._clock() // _DAY_SECONDS)
        if day != self._day:
            self._day, self._copies = day, 0
        passed = [self._copies >= ALWAYS_ASKED_AGAIN / share for share in ASKED_AGAIN[:-1]]
        self._copies += 1
        return ASKED_AGAIN[sum(passed)]


class LogSampler:
    """Lets the first five of a fingerprint through, each hour.

    Example:
        >>> sampler = LogSampler(clock=lambda: 0.0)
        >>> [sampler.admits("c0ffee") for _ in range(6)]
        [True, True, True, True, True, False]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hour = 0
        self._seen: dict[str, int] = {}

    def admits(self, fingerprint: str) -> bool:
        """Whether this mismatch is one to write down."""
        hour = int(self._clock() // _HOUR_SECONDS)
        if hour != self._hour:
            self._hour = hour
            self._seen.clear()
        if fingerprint not in self._seen and len(self._seen) >= _MOST_FINGERPRINTS:
            return False
        self._seen[fingerprint] = self._seen.get(fingerprint, 0) + 1
        return self._seen[fingerprint] <= EXEMPLARS


class Deduplicator:
    """Remembers the last thousand copies, because Lambda may deliver one twice.

    A second delivery to another execution environment is not seen: it counts twice.

    Example:
        >>> deduplicator = Deduplicator()
        >>> deduplicator.is_first("request-1"), deduplicator.is_first("request-1")
        (True, False)
    """

    def __init__(self, size: int = 1_000) -> None:
        self._size = size
        self._seen: dict[str, None] = {}

    def is_first(self, request_id: str) -> bool:
        """Whether this copy has not been delivered here before."""
        if request_id in self._seen:
            return False
        self._seen[request_id] = None
        if len(self._seen) > self._size:
            del self._seen[next(iter(self._seen))]
        return True
