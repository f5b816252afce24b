"""The tables of docs/rehearsal.md: what is computed beside what is rehearsed, and two alarms.

`python -m bench.rehearsed`, with `constructs` and `lambdas` on the path, prints them as Markdown
in about ten minutes.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from analysis.alarms import Alarm
from analysis.power import RateAlarm, code_detection, exposure_detection, power_of_exposure
from analysis.rollout import Strategy
from analysis.rules import AlarmName, AlarmRule
from analysis.simulation.canaries import SimulatedCanary, SimulatedCodeCanary, SimulatedExposure
from analysis.simulation.rehearsal import simulate
from analysis.simulation.scenario import Scenario
from bench import first_idea
from bench.contest import progress
from bench.rehearsed_routes import BUSY, MINUTES, Case, cases
from shadowctl.rehearse import screen

FAILING = (1, 5, 20, 100)
A_DAY_MINUTES = 1_440
ALONE = Scenario(rollouts=40_000, healthy_percent=0, delay_minutes=0)
CODE, USERS = AlarmName.CODE_ERROR_RATE, AlarmName.CANDIDATE_ERROR_RATE
AT_ONCE = Strategy(minutes=0, growth_percent=100, bake_minutes=0)

Chances = Callable[[Case, float], Sequence[float]]
"""What is said of a case where so many percent fail."""


def main() -> None:
    """Print the tables."""
    by_rule, busy = (list(cases(window)) for window in (None, BUSY))
    _print("Code canary", CODE, [*by_rule, *busy], code_canary)
    _print(
        "Data-source canary, first period",
        USERS,
        [*by_rule, *busy],
        first_period,
    )
    _print("Data-source canary, a day", USERS, by_rule, first_day)
    first_idea.print_table([c for c in by_rule if c.percent == 1 and c.a_day >= 10_000])


def code_canary(case: Case, failing: float) -> Sequence[float]:
    """The chance within the shift, computed and rehearsed."""
    alarm = case.rollout.code_alarms[CODE]
    alone = replace(case.rollout, code_alarms={CODE: alarm})
    scenario = replace(ALONE, minutes=MINUTES, failing_percent=failing)
    shift = case.rollout.shift
    computed = code_detection(case.traffic, shift, _rate(alarm), failing_percent=failing)
    return computed, _chance(SimulatedCodeCanary(alone, scenario))


def first_period(case: Case, failing: float) -> Sequence[float]:
    """The chance while a single period fills, or in 12 minutes where 3 of 5 are looked at."""
    alarm = case.rollout.exposure_alarms[USERS]
    minutes = alarm.period // 60 if alarm.evaluation_periods == 1 else 12
    days = minutes / A_DAY_MINUTES
    computed = exposure_detection(
        case.traffic, case.percent, _rate(alarm), days=days, failing_percent=failing
    )
    return computed, _chance(_exposure(case, alarm, minutes, failing))


def first_day(case: Case, failing: float) -> Sequence[float]:
    """The chance within a day: the floor that is computed, rehearsed, and the ceiling."""
    alarm = case.rollout.exposure_alarms[USERS]
    looks, rehearsed = _rate(alarm), _exposure(case, alarm, A_DAY_MINUTES, failing)
    floor = exposure_detection(case.traffic, case.percent, looks, days=1, failing_percent=failing)
    most = power_of_exposure(
        case.traffic, case.percent, looks, days=1, healthy_percent=failing
    ).false_rollback
    return floor, _chance(rehearsed), most


def _exposure(case: Case, alarm: Alarm, minutes: int, failing: float) -> SimulatedCanary:
    """One alarm alone, and the flag raised at once."""
    alone = replace(case.rollout, exposure_alarms={USERS: alarm}, raising=AT_ONCE)
    rollouts = min(ALONE.rollouts, 6_000_000 // minutes)
    scenario = replace(ALONE, minutes=minutes, failing_percent=failing, rollouts=rollouts)
    return SimulatedExposure(alone, scenario)


def _chance(canary: SimulatedCanary) -> float:
    return float((simulate(canary).guard >= 0).mean())


def _print(title: str, guard: str, grid: Sequence[Case], chances: Chances) -> None:
    failing = " | ".join(f"{percent} % fail" for percent in FAILING)
    print(f"\n## {title}\n\n| requests a day | canary | red in | {failing} |")
    print("|--:|--:|---|" + "--:|" * len(FAILING))
    furthest = 0.0
    with progress() as bar:
        for case in bar.track(grid, description=title):
            cells = [chances(case, percent) for percent in FAILING]
            furthest = max(furthest, *(abs(cell[0] - cell[1]) for cell in cells))
            said = " | ".join(" / ".join(f"{100 * each:.1f}" for each in cell) for cell in cells)
            alarm = {**case.rollout.code_alarms, **case.rollout.exposure_alarms}[guard]
            print(f"| {case.a_day:,} | {case.percent} % | {_window(alarm)} | {said} |")
    print(f"\nBetween the first two: {100 * furthest:.1f} points at most.")


def _window(alarm: Alarm) -> str:
    long = screen.minutes(alarm.period / 60)
    return f"{alarm.datapoints_to_alarm} of {alarm.evaluation_periods} × {long}"  # noqa: RUF001


def _rate(alarm: Alarm) -> RateAlarm:
    match alarm.rule:
        case AlarmRule() as rule:
            return RateAlarm.of(rule)
    raise ValueError(f"{alarm.name} has no rule beside it")


if __name__ == "__main__":
    main()
