"""The rehearsal's model as one would write it first: a loop over rollouts, minutes and alarms.

Nothing of it is shared with `shadowctl.rehearse` but the scenario's numbers, so that it is a second
opinion too. It stops a rollout as soon as an alarm is red. Only the traffic of a busy route is
right: no minute may be without requests.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from statistics import NormalDist
from types import CodeType
from typing import NamedTuple

import numpy as np

from analysis.alarms import Alarm, Metric
from analysis.rollout import Rollout
from analysis.simulation.scenario import Scenario

Counts = dict[str, int]
"""What one minute wrote, by metric and variant; `beyond` counts the slowest 5 % of a side."""

_NORMAL = NormalDist()
_P95 = 0.95


class Ended(NamedTuple):
    """The guard that took a rollout back, and when its alarm was red."""

    guard: str | None
    red_at: float


def code_canary(rollout: Rollout, scenario: Scenario, rng: np.random.Generator) -> Ended:
    """One rollout of a new version."""
    alarms = _Alarms(rollout.code_alarms, scenario)
    part = rollout.ceiling.candidate_percent / 100
    healthy, wrong = scenario.healthy_percent / 100, scenario.mismatch_percent / 100

    def minutes() -> Iterator[Counts]:
        for length, percent in rollout.shift.steps:
            for _ in range(length):
                new = rng.poisson(rollout.traffic.per_minute * percent / 100)
                bad = rng.binomial(new, scenario.failing_percent / 100)
                differ = rng.binomial(new - bad, wrong)
                yield {
                    "Invocations": new,
                    "Errors": bad,
                    "Failed": rng.binomial(new, healthy * part),
                    "Compared": new - bad,
                    "Wrong": differ + rng.binomial(new - bad - differ, healthy * (1 - part)),
                    "beyond Duration": rng.binomial(new, 1 - _P95),
                    "of Duration": new,
                }

    return alarms.first_red(minutes(), until=min(rollout.shift.minutes, scenario.minutes))


def exposure(rollout: Rollout, scenario: Scenario, rng: np.random.Generator) -> Ended:
    """One rollout of the flag."""
    alarms = _Alarms(rollout.exposure_alarms, scenario)
    failing, wrong = scenario.failing_percent / 100, scenario.mismatch_percent / 100
    everyone, a_minute = rollout.traffic.users, rollout.traffic.per_minute
    held = rng.binomial(everyone, rollout.ceiling.candidate_percent / 100) / everyone

    def minutes() -> Iterator[Counts]:
        for minute in range(scenario.minutes):
            raised = rollout.raising.percent_after(minute) / 100
            asked = rng.poisson(a_minute * held * raised)
            faults = rng.binomial(asked, failing)
            control = rng.poisson(a_minute * (1 - held) * raised)
            failed = rng.binomial(control, failing)
            everybody_else = control + rng.poisson(a_minute * (1 - raised))
            yield {
                "Requests candidate": asked,
                "Requests control": everybody_else,
                "Faults candidate": faults,
                "Compared": asked - faults + control,
                "Wrong": rng.binomial(asked - faults + control - failed, wrong) + failed,
                "beyond Latency candidate": rng.binomial(asked, 1 - _P95),
                "of Latency candidate": asked,
                "beyond Latency control": rng.binomial(everybody_else, 1 - _P95),
                "of Latency control": everybody_else,
            }

    return alarms.first_red(minutes(), until=scenario.minutes)


class _Alarms:
    """Alarms, looked at after each minute."""

    def __init__(self, alarms: Mapping[str, Alarm], scenario: Scenario) -> None:
        self._alarms = {name: (alarm, _compiled(alarm)) for name, alarm in alarms.items()}
        self._delay = scenario.delay_minutes
        self._mean = math.log(scenario.control_p50_ms)
        self._deviation = (math.log(scenario.control_p95_ms) - self._mean) / _NORMAL.inv_cdf(_P95)

    def first_red(self, minutes: Iterator[Counts], *, until: int) -> Ended:
        """The first of them that can be seen red in time."""
        past: list[Counts] = []
        points: dict[str, list[float]] = {name: [] for name in self._alarms}
        for minute, counts in enumerate(minutes):
            past.append(counts)
            if minute + 1 + self._delay > until:
                break
            for name, (alarm, formula) in self._alarms.items():
                points[name].append(self._point(alarm, formula, past))
                recent = points[name][:: -(alarm.period // 60)][: alarm.evaluation_periods]
                if sum(point > alarm.threshold for point in recent) >= alarm.datapoints_to_alarm:
                    return Ended(name, minute + 1 + self._delay)
        return Ended(None, math.inf)

    def _point(self, alarm: Alarm, formula: CodeType, past: list[Counts]) -> float:
        period = past[-(alarm.period // 60) :]
        names: dict[str, float | Callable[..., float]] = {"IF": _if, "TIME_SERIES": float}
        for name, metric in alarm.metrics.items():
            written = _written(metric)
            if metric.statistic == "Sum":
                names[name] = sum(minute.get(written, 0) for minute in period)
            else:
                of, beyond = (
                    sum(minute[f"{what} {written}"] for minute in period)
                    for what in ("of", "beyond")
                )
                names[name] = self._p95(of, beyond)
        try:
            return float(eval(formula, names))
        except ZeroDivisionError:
            return 0.0

    def _p95(self, requests: int, beyond: int) -> float:
        above = (1 - _P95) * (requests + 1)
        if beyond >= above:
            level = 1 - (1 - _P95) * above / (beyond + 1)
        else:
            level = _P95 * (1 - (above - beyond) / (requests - beyond + 1))
        return math.exp(self._mean + self._deviation * _NORMAL.inv_cdf(level))


def _compiled(alarm: Alarm) -> CodeType:
    return compile(alarm.formula.text.replace(" AND ", " and "), "formula", "eval")


def _if(condition: bool, then: float, otherwise: float) -> float:
    return then if condition else otherwise


def _written(metric: Metric) -> str:
    return f"{metric.name} {dict(metric.dimensions).get('Variant', '')}".strip()
