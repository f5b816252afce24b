"""Which mismatches are written down: a few of each kind, so that a flood of them stays readable."""

import time
from collections.abc import Callable

EXEMPLARS = 5
"""Log lines of one fingerprint, per execution environment and hour; metrics go on counting."""

_HOUR_SECONDS = 3_600
_MOST_FINGERPRINTS = 1_000


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
