"""What keeps failing is not asked for a while, so that users do not wait for it."""

import time
from collections.abc import Callable


class CircuitBreaker:
    """Opens after `failures` in a row, and lets one request try again every `pause` seconds.

    One execution environment has one breaker: it learns for itself, and forgets when it ends.

    Example:
        >>> breaker = CircuitBreaker(failures=1, clock=lambda: 0.0)
        >>> breaker.record(ok=False)
        >>> breaker.allows()
        False
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        pause: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._pause = pause
        self._clock = clock
        self._failed = 0
        self._retry_at = 0.0

    def allows(self) -> bool:
        """Whether to ask; when it is open, once every `pause`."""
        if self._failed < self._limit:
            return True
        if 0 < self._retry_at - self._clock() <= self._pause:  # longer: the clock went back
            return False
        self._retry_at = self._clock() + self._pause
        return True

    def record(self, *, ok: bool) -> None:
        """What came of asking: one success closes the breaker."""
        self._failed = 0 if ok else self._failed + 1
        if self._failed >= self._limit:
            self._retry_at = self._clock() + self._pause
