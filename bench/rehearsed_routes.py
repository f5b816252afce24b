"""Routes of every size: the sample's template, read as `shadowctl rehearse` does, and fitted."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Self

from analysis.alarms import Alarm
from analysis.metric_math import Formula
from analysis.power.played import Failure
from analysis.rollout import Alarms, Rollout
from analysis.rules import AlarmKind, AlarmName, CanaryWindows, Window
from analysis.traffic import Shift, Traffic
from bench.contest import ROOT
from shadow_runtime.contract import Stage
from shadowctl.synthesis import synthesize


@dataclass(frozen=True)
class Route:
    """What a team says of one: traffic, the percentage and bake of both canaries, and a window."""

    traffic: Traffic
    percent: int
    minutes: int = 10
    window: Window | None = None


@dataclass(frozen=True)
class Setting:
    """A route and what fails of it, drawn by chance."""

    route: Route
    failure: Failure
    guard: str
    minutes: int

    @classmethod
    def drawn(cls, draw: Random, guards: Sequence[str]) -> Self:
        """From 1,000 to 100,000,000 requests a day; half of the windows are a team's own."""
        requests = 10 ** draw.uniform(3, 8)
        periods = draw.choice([1, 2, 3, 5])
        window = Window(
            period=timedelta(minutes=draw.choice([1, 5, 10, 60, 360])),
            evaluation_periods=periods,
            datapoints_to_alarm=draw.randint(1, periods),
            minimum_requests=draw.choice([3, 10, 50]),
            minimum_failures=draw.choice([2, 5]),
        )
        route = Route(
            Traffic.per_day(round(requests, -2), users=round(10 ** draw.uniform(1, 5))),
            draw.choice([1, 2, 5, 10, 20, 50]),
            minutes=draw.choice([10, 30, 60, 240]),
            window=draw.choice([None, window]),
        )
        failure = Failure(
            draw.choice([0.5, 1, 2, 3, 5, 20, 100]),
            by_record=draw.random() < 0.5,
            unequal_users=draw.random() < 0.5,
        )
        return cls(route, failure, draw.choice(guards), draw.choice([60, 240, 480]))


def rollouts(routes: Iterable[Route]) -> Iterator[Rollout]:
    """Those of `routes`: the sample's, with their traffic, percentage, shift and windows."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = Path(folder, "cdk.out")
        synthesize(ROOT, assembly)
        sample = Rollout.load(assembly, "GetUser")
    for route in routes:
        yield _fitted(sample, route)


def _fitted(sample: Rollout, route: Route) -> Rollout:
    shift = Shift.canary(minutes=route.minutes, percent=route.percent)
    of_code = CanaryWindows.for_code(route.traffic, shift, given=route.window)
    of_users = CanaryWindows.for_exposure(
        route.traffic, route.percent, within=timedelta(days=7), given=route.window
    )
    windows = {
        AlarmName.CODE_ERROR_RATE: of_code.error_rate,
        AlarmName.CODE_LATENCY: of_code.latency,
        AlarmName.CODE_MISMATCH_RATE: of_code.mismatch_rate,
        AlarmName.CANDIDATE_ERROR_RATE: of_users.error_rate,
        AlarmName.CANDIDATE_LATENCY_RATIO: of_users.latency,
        AlarmName.CANDIDATE_MISMATCH_RATE: of_users.mismatch_rate,
    }

    def fitted(alarms: Alarms) -> Alarms:
        return {name: _looking(alarm, windows[AlarmName(name)]) for name, alarm in alarms.items()}

    return replace(
        sample,
        traffic=route.traffic,
        ceiling=Stage.canary(percent=route.percent),
        shift=shift,
        code_alarms=fitted(sample.code_alarms),
        exposure_alarms=fitted(sample.exposure_alarms),
    )


def _looking(alarm: Alarm, window: Window) -> Alarm:
    """As the construct would write it with `window`: a rate asks for failures too."""
    assert alarm.rule is not None
    least, text = window.minimum_requests, alarm.formula.text
    if alarm.rule.kind is AlarmKind.RATE:
        text = re.sub(r">= \d+,", f">= {window.minimum_failures},", text)
        text = re.sub(r"> \d+, (\w+), \d+\)", rf"> {least}, \1, {least})", text)
    else:
        text = re.sub(r">= \d+", f">= {least}", text)
    return replace(
        alarm,
        formula=Formula.parse(text),
        period=60 * window.minutes,
        evaluation_periods=window.evaluation_periods,
        datapoints_to_alarm=window.datapoints_to_alarm,
        rule=replace(alarm.rule, window=window),
    )
