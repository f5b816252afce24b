"""The tables of docs/rehearsal.md: what is computed beside what is rehearsed, and two alarms.

`python -m bench.rehearsed`, with `constructs` and `lambdas` on the path, prints them as Markdown
in about ten minutes.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import numpy as np

from analysis.alarms import Alarm
from analysis.format import count, duration
from analysis.power import ExposureRates, RateAlarm
from analysis.power.played import code_seen, exposure_seen
from analysis.rollout import Rollout
from analysis.rules import AlarmName, AlarmRule
from analysis.simulation.canaries import SimulatedCanary, SimulatedCodeCanary, SimulatedExposure
from analysis.simulation.rehearsal import simulate
from analysis.simulation.scenario import Scenario
from analysis.traffic import Traffic
from bench import first_idea
from bench.contest import progress
from bench.rehearsed_routes import Route, Setting, rollouts

SETTINGS = 200
CODE, ERRORS, MISMATCHES = (
    AlarmName.CODE_ERROR_RATE,
    AlarmName.CANDIDATE_ERROR_RATE,
    AlarmName.CANDIDATE_MISMATCH_RATE,
)
EITHER = "either"
_CELLS = 2_400_000
"""Rollouts times minutes: 10,000 of four hours, and at most 20,000."""


def main() -> None:
    """Print the tables."""
    draw = Random(2030)
    settings = [Setting.drawn(draw, (CODE, ERRORS, MISMATCHES, EITHER)) for _ in range(SETTINGS)]
    _print(settings)
    routes = [
        Route(Traffic.per_day(a_day, users=a_day // 20), percent=1)
        for a_day in (10_000, 100_000, 1_000_000, 10_000_000)
    ]
    first_idea.print_table(dict(zip(routes, rollouts(routes), strict=True)))


def _print(settings: list[Setting]) -> None:
    head = (
        "requests a day, users",
        "canary",
        "guard",
        "red in",
        "of",
        "fails",
        "played",
        "rehearsed",
    )
    print(f"| {' | '.join(head)} |\n|--:|--:|---|---|--:|---|--:|--:|")
    furthest = []
    with progress() as bar:
        read = rollouts([setting.route for setting in settings])
        for setting, rollout in bar.track(
            [*zip(settings, read, strict=True)], description="rehearsing"
        ):
            played, rehearsed = _played(setting, rollout), _rehearsed(setting, rollout)
            furthest.append(abs(played - rehearsed))
            chances = (f"{100 * chance:.1f}" for chance in (played, rehearsed))
            print(f"| {' | '.join([*_told(setting, rollout), *chances])} |", flush=True)
    print(
        f"\n{100 * max(furthest):.1f} points apart at most, {100 * np.mean(furthest):.2f} in mean."
    )


def _told(setting: Setting, rollout: Rollout) -> Iterator[str]:
    traffic, failure = setting.route.traffic, setting.failure
    yield f"{count(traffic.requests_per_day)}, {count(traffic.users)}"
    yield f"{setting.route.percent} %"
    yield setting.guard
    yield ", ".join(dict.fromkeys(map(_window, _guards(setting, rollout).values())))
    yield duration(_minutes(setting))
    of = "users" if failure.by_record else "requests"
    yield f"{failure.percent:g} % of {of}{', unequal' if failure.unequal_users else ''}"


def _minutes(setting: Setting) -> int:
    return setting.route.minutes if setting.guard == CODE else setting.minutes


def _guards(setting: Setting, rollout: Rollout) -> dict[str, Alarm]:
    """Those that are looked at, alone."""
    both = {ERRORS, MISMATCHES} if setting.guard == EITHER else {setting.guard}
    alarms = {**rollout.code_alarms, **rollout.exposure_alarms}
    return {name: alarm for name, alarm in alarms.items() if name in both}


def _played(setting: Setting, rollout: Rollout) -> float:
    traffic, failure = setting.route.traffic, setting.failure
    if setting.guard == CODE:
        return code_seen(traffic, rollout.shift, _rate(rollout.code_alarms[CODE]), failure)
    rates = ExposureRates(*(_rate(rollout.exposure_alarms[each]) for each in (ERRORS, MISMATCHES)))
    knowing = [rollout.raising.percent_after(minute) / 100 for minute in range(setting.minutes)]
    expected = traffic.per_minute * np.array(knowing)
    seen = exposure_seen(expected, traffic, setting.route.percent, rates, failure)
    chances: dict[str, float] = {ERRORS: seen.errors, MISMATCHES: seen.mismatches}
    return chances.get(setting.guard, seen.either)


def _rehearsed(setting: Setting, rollout: Rollout) -> float:
    minutes, guards = _minutes(setting), _guards(setting, rollout)
    scenario = Scenario(
        rollouts=min(20_000, _CELLS // minutes),
        minutes=minutes,
        failing_percent=setting.failure.percent,
        by_record=setting.failure.by_record,
        unequal_users=setting.failure.unequal_users,
        healthy_percent=0,
    )
    canary: SimulatedCanary = (
        SimulatedCodeCanary(replace(rollout, code_alarms=guards), scenario)
        if setting.guard == CODE
        else SimulatedExposure(replace(rollout, exposure_alarms=guards), scenario)
    )
    return float((simulate(canary).guard >= 0).mean())


def _window(alarm: Alarm) -> str:
    long = duration(alarm.period / 60)
    if alarm.evaluation_periods == 1:
        return long
    return f"{alarm.datapoints_to_alarm} of {alarm.evaluation_periods} × {long}"  # noqa: RUF001


def _rate(alarm: Alarm) -> RateAlarm:
    match alarm.rule:
        case AlarmRule() as rule:
            return RateAlarm.of(rule)
    raise ValueError(f"{alarm.name} has no rule beside it")


if __name__ == "__main__":
    main()
