"""A flood of mismatches stays readable, and no copy counts twice."""

from collections import Counter

from shadow_runtime.sampling import AskedAgain, Deduplicator, LogSampler


def test_five_of_a_kind_are_written_an_hour() -> None:
    now = [0.0]
    sampler = LogSampler(clock=lambda: now[0])
    assert sum(sampler.admits("a") for _ in range(1_000)) == 5
    assert sum(sampler.admits("b") for _ in range(1_000)) == 5
    now[0] = 3_600.0
    assert sum(sampler.admits("a") for _ in range(1_000)) == 5


def test_a_flood_of_different_kinds_is_bounded_too() -> None:
    sampler = LogSampler(clock=lambda: 0.0)
    assert sum(sampler.admits(str(number)) for number in range(100_000)) == 1_000


def test_a_second_delivery_does_not_count() -> None:
    deduplicator = Deduplicator(size=3)
    assert [deduplicator.is_first(i) for i in "abab"] == [True, True, False, False]


def test_only_so_many_deliveries_are_remembered() -> None:
    deduplicator = Deduplicator(size=3)
    assert all(deduplicator.is_first(i) for i in "abcd")
    assert [deduplicator.is_first(i) for i in "dcba"] == [False, False, False, True]


def test_control_is_asked_again_for_the_first_copies_of_a_day_and_for_ever_smaller_a_part() -> None:
    days = iter([0.0] * 600_001 + [86_400.0])
    asked_again = AskedAgain(clock=lambda: next(days))
    shares = Counter(asked_again.share() for _ in range(600_000))
    assert shares == {1.0: 5_000, 0.1: 45_000, 0.01: 450_000, 0.001: 100_000}
    bought = sum(share * copies for share, copies in shares.items())
    assert bought == 5_000 + 4_500 + 4_500 + 100, "a budget for a day, whatever the traffic"
    asked_again.share()
    assert asked_again.share() == 1.0, "of the next day"
