"""What the alarms of the two canaries see, from 10,000 plays of the counts that they look at.

Nothing else is drawn, and no template is read. A chance is right within a point, mostly: the
deviation of so many plays is half a point at most. CloudWatch looks each minute; of a period of
over two hours about 120 looks are played, and each minute of its first four hours.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.power.canaries import ExposureRates, watched
from analysis.power.rate_alarm import RateAlarm
from analysis.rules import VISIBLE_AFTER
from analysis.traffic import Shift, Traffic
from analysis.users import Draw, Numbers, Users

PLAYS = 10_000

PerMinute: TypeAlias = NDArray[np.float64]
"""The requests to expect in each minute."""

_UNSEEN = VISIBLE_AFTER // timedelta(minutes=1)
_LOOKS, _FIRST = 120, 240
"""In a period, and the minutes after which it is looked at one by one: few requests are chance."""

_CELLS = 1_000_000
"""Plays times looks that are held at once."""

_NEVER = 1e-4
_NORMAL = 30
"""A mean from which on counts are drawn under a bell, which is several times as fast."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What fails: `percent` of each user's requests, or that share of the users, always.

    With `by_record` a user's record is what the candidate fails at. `unequal_users` are those of
    whom a fifth make four fifths of the requests.

    Raises:
        ValueError: no percentage.
    """

    percent: float
    by_record: bool = False
    unequal_users: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise ValueError(f"what fails is from 0 to 100 percent; got {self.percent!r}")

    def draw(self, traffic: Traffic, percent: float, rng: np.random.Generator) -> Draw:
        """Whom canaries of `percent` hold, and whose requests fail."""
        users = (Users.unequal if self.unequal_users else Users.equal)(traffic.users)
        return users.draw(PLAYS, rng, self.percent / 100, percent=percent, by_record=self.by_record)


@dataclass(frozen=True, slots=True)
class Seen:
    """The chances that the guards of the users are red in time: each of them, and any."""

    errors: float
    mismatches: float
    either: float


def code_seen(
    traffic: Traffic, shift: Shift, alarm: RateAlarm, failure: Failure, *, seed: int = 0
) -> float:
    """The chance that a new version goes back before it has all.

    Example:
        >>> from analysis.rules import CanaryWindows
        >>> traffic = Traffic.per_day(200_000, users=500)
        >>> shift = Shift.canary(minutes=30, percent=1)
        >>> alarm = RateAlarm(2, CanaryWindows.for_code(traffic, shift).error_rate)
        >>> round(code_seen(traffic, shift, alarm, Failure(5)), 1)
        0.6
    """
    rng = np.random.default_rng(seed)
    everybody = failure.draw(traffic, 100, rng)
    share = everybody.part * everybody.failing[0]
    minutes = watched([(n, traffic.per_minute * percent / 100) for n, percent in shift.steps])
    expected = np.repeat([requests for _, requests in minutes], [n for n, _ in minutes])
    return float(np.isfinite(first_red(alarm, expected, 1 - share, share, rng)).mean())


def exposure_seen(
    expected: PerMinute,
    traffic: Traffic,
    percent: float,
    alarms: ExposureRates,
    failure: Failure,
    *,
    minutes: int | None = None,
    seed: int = 0,
) -> Seen:
    """The chances that a candidate with `percent` of the users is left in time.

    `expected` are the requests that come to who knows the flag, which are fewer while it is
    raised, and are played; where `minutes` are more, the rest of them goes on as the later half.
    """
    if not percent:
        return Seen(0.0, 0.0, 0.0)
    rng = np.random.default_rng(seed)
    held = failure.draw(traffic, percent, rng)
    seen = expected[: max(0, expected.size - _UNSEEN)]
    beside = 1 - held.part
    [asked], [copied] = held.failing, held.failing_others
    asked_good, asked_bad = held.part * (1 - asked), held.part * asked
    copied_good, copied_bad = beside * (1 - copied), beside * copied
    errors = first_red(alarms.errors, seen, asked_good, asked_bad, rng)
    mismatches = first_red(alarms.mismatches, seen, asked_good + copied_good, copied_bad, rng)
    return Seen(
        *(
            _in_time(red_at, seen.size, minutes or expected.size)
            for red_at in (errors, mismatches, np.minimum(errors, mismatches))
        )
    )


def _in_time(red_at: Numbers, played: int, minutes: int) -> float:
    calm, half = (float((red_at > end).mean()) for end in (played, played / 2))
    further = max(0, minutes - _UNSEEN - played) / max(1, played / 2)
    return float(1 - calm * (calm / half if half else 0.0) ** further)


def first_red(
    alarm: RateAlarm, expected: PerMinute, good: Numbers, bad: Numbers, rng: np.random.Generator
) -> Numbers:
    """For each play the minutes until `alarm` is red; infinite for never.

    `good` and `bad` are the parts of the expected requests that come out so, of each play. Nothing
    is counted before the first minute.
    """
    period = alarm.window.minutes
    step = next(n for n in range(max(1, period // _LOOKS), 0, -1) if period % n == 0)
    looks, first = period // step, -(-_FIRST // step)
    periods = min(alarm.window.evaluation_periods, -(-expected.size // period))
    span = max(1, periods * looks)
    red_at = np.full(good.size, np.inf)
    if alarm.window.datapoints_to_alarm > periods:
        return red_at
    each = np.pad(expected, (0, -expected.size % (step * span))).reshape(-1, span, step)
    begun = each[0, :first].ravel()
    able = np.flatnonzero(_may_be_red(alarm, expected, bad))
    for some in np.array_split(able, max(1, able.size * span * 2 // _CELLS)):
        minutes = _counts(good[some], bad[some], begun, rng)
        red_at[some] = _red_while_filling(alarm, minutes, expected.size)
        stays = np.isinf(red_at[some])
        alive, past = some[stays], np.zeros((2, stays.sum(), span), dtype=np.int32)
        head = minutes[:, stays].reshape(2, alive.size, begun.size // step, step).sum(axis=3)
        for place, flow in enumerate(each.sum(axis=2)):
            now = _counts(good[alive], bad[alive], flow[head.shape[2] :], rng)
            now = np.concatenate([head, now], axis=2)
            red = _red(alarm, np.concatenate([past, now], axis=2), periods, looks)
            ends = step * (1 + place * span + np.arange(span))
            red &= ends < expected.size + step
            found = red.any(axis=1)
            red_at[alive[found]] = ends[red[found].argmax(axis=1)]
            alive, past = alive[~found], now[:, ~found]
            head = past[:, :, :0]
            if not alive.size:
                break
    return red_at


def _counts(
    good: Numbers, bad: Numbers, flow: PerMinute, rng: np.random.Generator
) -> NDArray[np.int32]:
    return np.stack([_drawn(part[:, np.newaxis] * flow, rng) for part in (good, bad)])


def _red_while_filling(alarm: RateAlarm, minutes: NDArray[np.int32], end: int) -> Numbers:
    """The first of `minutes` after which a single period that fills is over; infinite for none."""
    if alarm.window.datapoints_to_alarm > 1:
        return np.full(minutes.shape[1], np.inf)
    filling = minutes[:, :, : min(alarm.window.minutes, end)]
    over = _over(alarm, *np.cumsum(filling, axis=2, dtype=np.int64))
    return np.where(over.any(axis=1), 1.0 + over.argmax(axis=1), np.inf)


def _may_be_red(alarm: RateAlarm, expected: PerMinute, bad: Numbers) -> NDArray[np.bool_]:
    """Where a period may ever have enough failures, but for a chance of 1 in 10,000.

    By Chernoff's bound of a Poisson count, once for each minute.
    """
    least = alarm.fewest
    busiest = expected.max(initial=0) * alarm.window.minutes
    mean = np.clip(busiest * bad, _NEVER * least, least)
    chance = np.exp(least - mean + least * np.log(mean / least))
    may: NDArray[np.bool_] = expected.size * chance > _NEVER
    return may


def _drawn(mean: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int32]:
    """Poisson counts. A bell leans as they do by the first term of Cornish and Fisher (1938)."""
    if mean.size and mean.max() > _NORMAL:
        z = rng.standard_normal(mean.shape, dtype=np.float32)
        bell = mean + np.sqrt(mean) * z + (z * z - 1) / 6
        few = mean < _NORMAL
        counts = np.maximum(np.rint(bell), 0)
        counts[few] = rng.poisson(mean[few])
        return counts.astype(np.int32)
    return rng.poisson(mean).astype(np.int32)


def _red(
    alarm: RateAlarm, counts: NDArray[np.int32], periods: int, looks: int
) -> NDArray[np.bool_]:
    """At each look of the later half of `counts`, good and bad, whether the alarm is red."""
    window, span = alarm.window, periods * looks
    total = np.cumsum(counts, axis=2, dtype=np.int64)
    total[:, :, looks:] -= total[:, :, :-looks].copy()
    over = _over(alarm, *total)
    if periods == 1:
        return over[:, span:]
    rows = over.reshape(over.shape[0], 2 * periods, looks).cumsum(axis=1, dtype=np.int16)
    rows[:, periods:] -= rows[:, :-periods].copy()
    red: NDArray[np.bool_] = rows[:, periods:].reshape(-1, span) >= window.datapoints_to_alarm
    return red


def _over(alarm: RateAlarm, good: NDArray[np.int64], bad: NDArray[np.int64]) -> NDArray[np.bool_]:
    over: NDArray[np.bool_] = (bad >= alarm.fewest) & (
        100 * bad > alarm.threshold_percent * (good + bad)
    )
    return over
