"""The chances of an alarm are those that one gets by hand, or by counting everything."""

import math
from collections import defaultdict
from functools import cache
from itertools import product

import pytest

from analysis.power.distribution import ever_m_of_n
from analysis.power.rate_alarm import Flow, ever_while_filling, over_threshold
from tests.unit.alarms import rate_alarm

MINUTE = rate_alarm(minimum=2)
FIVE = rate_alarm(minimum=5)


def test_two_bad_requests_or_more_in_a_minute_are_1_minus_2_over_e() -> None:
    by_hand = 1 - 2 / math.e
    assert over_threshold(MINUTE, Flow(0, 1)) == pytest.approx(by_hand, abs=1e-6)
    assert MINUTE.detection([(1, 1)], failing_percent=100) == pytest.approx(by_hand, abs=1e-6)
    twice = 1 - (2 / math.e) ** 2
    assert MINUTE.detection([(2, 1)], failing_percent=100) == pytest.approx(twice, abs=1e-6)


def test_of_single_minutes_a_false_alarm_is_as_exact_as_a_right_one() -> None:
    sees, errs = (
        tell([(30, 3)], failing_percent=5) for tell in (MINUTE.detection, MINUTE.false_alarm)
    )
    assert errs == pytest.approx(sees, abs=1e-6)


@pytest.mark.parametrize(
    ("bad", "good", "is_over"),
    [(1, 0, False), (2, 7, False), (2, 8, True), (2, 97, True), (2, 98, False), (3, 146, True)],
)
def test_a_share_is_over_with_enough_requests_two_bad_ones_and_over_2_percent(
    bad: int, good: int, is_over: bool
) -> None:
    alarm = rate_alarm(minimum=10)
    assert (good in alarm.good_beside(bad)) is is_over
    assert (bad > alarm.most_failures(good + bad)) is is_over


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 2), (2, 3), (3, 5)])
def test_m_of_n_counts_every_course_that_six_periods_can_take(m: int, n: int) -> None:
    chances = [0.5, 0.1, 0.7, 0.3, 0.3, 0.2]
    by_hand = sum(
        math.prod(p if over else 1 - p for p, over in zip(chances, course, strict=True))
        for course in product([False, True], repeat=6)
        if any(sum(course[max(0, end - n) : end]) >= m for end in range(1, 7))
    )
    assert ever_m_of_n([(1, chance) for chance in chances], m=m, n=n) == pytest.approx(by_hand)


def test_a_settled_chain_goes_on_as_one_that_is_stepped() -> None:
    in_one = ever_m_of_n([(10_080, 0.02)], m=3, n=5)
    stepped = ever_m_of_n([(80, 0.02)] * 126, m=3, n=5)
    assert in_one == pytest.approx(stepped, rel=1e-9)


@pytest.mark.parametrize("failing", [0.1, 1, 5, 20, 100])
@pytest.mark.parametrize(
    ("a_minute", "minutes"), [(0.05, 60), (0.3, 60), (0.8, 20), (4, 12), (15, 6)]
)
def test_a_filling_window_is_within_a_tenth_of_a_point_of_counting_everything(
    a_minute: float, minutes: int, failing: float
) -> None:
    minutely = [Flow.of(a_minute, failing)] * minutes
    assert ever_while_filling(FIVE, minutely) == pytest.approx(
        counting_everything(minutely), abs=0.001
    )


def test_a_window_that_fills_faster_and_faster_is_counted_as_exactly() -> None:
    rising = [Flow.of(a_minute, 2) for a_minute in (0.4, 30, 70)]
    assert ever_while_filling(FIVE, rising) == pytest.approx(counting_everything(rising), abs=0.001)


def counting_everything(minutes: list[Flow]) -> float:
    never = {(0, 0): 1.0}
    for flow in minutes:
        moved: dict[tuple[int, int], float] = defaultdict(float)
        for (good, bad), chance in never.items():
            for more_good, p in enumerate(poisson(flow.good)):
                for more_bad, q in enumerate(poisson(flow.bad)):
                    if chance * p * q > 1e-11:
                        moved[good + more_good, bad + more_bad] += chance * p * q
        never = {at: p for at, p in moved.items() if at[1] <= FIVE.most_failures(sum(at))}
    return 1 - sum(never.values())


@cache
def poisson(mean: float) -> list[float]:
    counts = range(int(mean + 8 * math.sqrt(mean)) + 10)
    return [mean**k * math.exp(-mean) / math.factorial(k) for k in counts]
