"""A breaker opens after failures in a row, and tries again by the clock."""

from shadow_runtime.circuit_breaker import CircuitBreaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, pause=10, clock=clock)
    for _ in range(3):
        assert breaker.allows()
        breaker.record(ok=False)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    assert not opened(Clock()).allows()


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = CircuitBreaker(failures=2, clock=Clock())
    for ok in (False, True, False):
        breaker.record(ok=ok)
    assert breaker.allows()


def test_after_the_pause_one_request_tries_and_no_second_beside_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 10.0
    assert [breaker.allows(), breaker.allows()] == [True, False]


def test_a_failed_try_keeps_it_open_for_another_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 10.0
    breaker.allows()
    clock.now = 12.0
    breaker.record(ok=False)
    clock.now = 21.0
    assert not breaker.allows()
    clock.now = 22.0
    assert breaker.allows()


def test_a_good_try_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = 10.0
    breaker.allows()
    breaker.record(ok=True)
    assert all(breaker.allows() for _ in range(10))


def test_a_clock_that_went_back_does_not_keep_it_open() -> None:
    clock = Clock()
    clock.now = 1_000_000.0
    breaker = opened(clock)
    clock.now = 0.0
    assert breaker.allows()
