"""The chances of an alarm are those that one gets by hand, or by counting everything."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.power import Parts
from analysis.power.counts import Poisson, ever_m_of_n, last_m_of_n
from tests.unit.alarms import rate_alarm

MINUTE = rate_alarm(minimum=2)
CHANCES = [0.5, 0.1, 0.7, 0.3, 0.3, 0.2]


def test_two_bad_requests_or_more_in_a_minute_are_1_minus_2_over_e() -> None:
    by_hand = 1 - 2 / math.e
    assert MINUTE.at_least([(1, 1)], Parts.of(100)) == pytest.approx(by_hand, abs=1e-6)
    twice = 1 - (2 / math.e) ** 2
    assert MINUTE.at_least([(2, 1)], Parts.of(100)) == pytest.approx(twice, abs=1e-6)


@pytest.mark.parametrize(
    ("bad", "good", "is_over"),
    [(1, 0, False), (2, 0, True), (2, 8, True), (2, 97, True), (2, 98, False), (3, 146, True)],
)
def test_a_share_is_over_with_two_bad_requests_that_are_over_2_percent(
    bad: int, good: int, is_over: bool
) -> None:
    assert (good in rate_alarm(minimum=10).good_beside(bad)) is is_over


@pytest.mark.parametrize(("bad", "is_over"), [(20, False), (21, True)])
def test_a_share_of_few_requests_is_one_of_the_minimum(bad: int, is_over: bool) -> None:
    assert (0 in rate_alarm(minimum=1_000).good_beside(bad)) is is_over


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 2), (2, 3), (3, 5)])
def test_m_of_n_counts_every_course_that_six_periods_can_take(m: int, n: int) -> None:
    by_hand = sum(
        _chance(course)
        for course in product([False, True], repeat=6)
        if any(sum(course[max(0, end - n) : end]) >= m for end in range(1, 7))
    )
    assert ever_m_of_n([(1, chance) for chance in CHANCES], m=m, n=n) == pytest.approx(by_hand)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 3), (3, 5), (6, 6), (4, 20)])
def test_m_of_the_last_n_counts_every_course_too(m: int, n: int) -> None:
    courses = product([False, True], repeat=6)
    by_hand = sum(_chance(course) for course in courses if sum(course[-n:]) >= m)
    assert last_m_of_n([(1, chance) for chance in CHANCES], m=m, n=n) == pytest.approx(by_hand)


@pytest.mark.parametrize("m", [100, 144, 180])
def test_many_periods_lie_under_a_bell(m: int) -> None:
    exactly = 1 - sum(math.comb(1_440, k) * 0.1**k * 0.9 ** (1_440 - k) for k in range(m))
    assert last_m_of_n([(1_440, 0.1)], m=m, n=1_440) == pytest.approx(exactly, abs=0.005)


def test_a_settled_chain_goes_on_as_one_that_is_stepped() -> None:
    in_one = ever_m_of_n([(10_080, 0.02)], m=3, n=5)
    stepped = ever_m_of_n([(5, 0.02)] * 2_016, m=3, n=5)
    assert in_one == pytest.approx(stepped, rel=1e-4)


@pytest.mark.parametrize("mean", [0, 0.3, 7, 199, 201, 5_000, 1e8])
@pytest.mark.parametrize("deviations", [-1, 0, 2])
def test_a_count_is_as_likely_as_the_exponential_series_says(
    mean: float, deviations: float
) -> None:
    most = max(0, round(mean + deviations * math.sqrt(mean)))
    by_hand = sum(
        math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) if mean else float(k == 0)
        for k in range(max(0, most - 60_000), most + 1)
    )
    assert Poisson(mean).within(range(most + 1)) == pytest.approx(by_hand, abs=0.01)
    assert sum(chance for count, chance in Poisson(mean) if count <= most) == pytest.approx(
        by_hand, abs=0.05 if mean > 200 else 1e-5
    )


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 9)), max_size=5), st.integers(1, 40))
def test_periods_are_counted_back_from_the_last_minute(
    minutes: list[tuple[int, float]], period: int
) -> None:
    each = [requests for count, requests in minutes for _ in range(count)]
    by_hand = [sum(each[max(0, end - period) : end]) for end in range(len(each), 0, -period)]
    found = [
        requests for count, requests in rate_alarm(period).periods(minutes) for _ in range(count)
    ]
    assert found[::-1] == pytest.approx(by_hand)


def _chance(course: tuple[bool, ...]) -> float:
    return math.prod(p if over else 1 - p for p, over in zip(CHANCES, course, strict=True))
