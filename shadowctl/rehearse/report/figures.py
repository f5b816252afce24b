"""The plots of a report: what each shows, and in which words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from analysis.simulation.code_canary import CodeCanary
from analysis.simulation.curves import CANARY_PERCENTS, FAILING_PERCENTS, Curves, Point
from analysis.simulation.outcome import Outcome
from analysis.simulation.rehearsal import Rehearsed
from shadowctl.rehearse.act import Act
from shadowctl.rehearse.report.plot import Plot
from shadowctl.rehearse.report.scale import Scale

_SHARE = Scale.even("rollouts, %", 100)
_FAILING = Scale.by_factors("requests that fail, %", FAILING_PERCENTS)
_TAKEN = Scale.by_factors("percentage of the canary", CANARY_PERCENTS)

_WIDE, _NARROW = 460, 320

_RARE = 0.05
"""Chance to go back under which a time would be that of accidents."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot under its title; `legend` says in words what a class of the style sheet draws."""

    title: str
    svg: str
    legend: dict[str, str]


def timeline(rehearsed: Rehearsed, name: str) -> Figure:
    """Where the rollouts are, minute by minute, as far as anything changes."""
    canary, shift = rehearsed.canary, rehearsed.canary.rollout.shift.minutes
    end = _settled(rehearsed)
    title = f"Where the rollouts are: {name}"
    plot = Plot(title, Scale.even("minutes since the start", end), _SHARE)
    floor, full = [0.0] * (end + 1), [100.0] * (end + 1)
    legend = {}
    for place, (guard, shares) in enumerate(rehearsed.outcome.by_minute.items()):
        top = [low + 100 * share for low, share in zip(floor, shares, strict=False)]
        if shares[-1]:
            plot.steps(floor, top, f"guard-{place}")
            legend[f"taken back by {guard}"] = f"guard-{place}"
        floor = top
    plot.steps(floor, full, "under-way")
    legend[canary.under_way] = "under-way"
    if isinstance(canary, CodeCanary) and shift < end:
        plot.steps(floor[shift:], full[shift:], "unwatched", start=shift)
        plot.rule(shift, "it has all")
        legend["has all invocations, unwatched"] = "unwatched"
    if canary.scenario.failure_starts:
        plot.rule(canary.scenario.failure_starts, "it fails")
    return Figure(title, plot.svg(), legend)


def _settled(rehearsed: Rehearsed) -> int:
    """Minutes until a while after the last change that can be seen."""
    scenario, shift = rehearsed.canary.scenario, rehearsed.canary.rollout.shift.minutes
    total = [sum(each) for each in zip(*rehearsed.outcome.by_minute.values(), strict=True)]
    last = next(at for at, share in enumerate(total) if share > total[-1] - 0.002)
    return min(scenario.minutes, max(12, round(1.5 * max(last, shift, scenario.failure_starts))))


def detection(acts: Sequence[Act]) -> list[Figure]:
    """How likely and how soon a failure is seen, by how much fails."""
    return [
        _lines(
            "How likely a failure is seen",
            acts,
            lambda curves: _share(curves.by_failing),
            (_FAILING, lambda _: _SHARE),
        ),
        _lines(
            "How soon all are back, median",
            acts,
            lambda curves: _minutes(curves.by_failing),
            (_FAILING, _time),
        ),
    ]


def trade(acts: Sequence[Act]) -> list[Figure]:
    """What another percentage would change, with the alarms as they are."""
    return [
        _lines(
            "Chance that it is taken back",
            acts,
            lambda curves: _share(curves.by_percent),
            (_TAKEN, lambda _: _SHARE),
            width=_NARROW,
        ),
        _lines(
            "How soon all are back, median",
            acts,
            lambda curves: _minutes(curves.by_percent),
            (_TAKEN, _time),
            width=_NARROW,
        ),
        _lines(
            "Requests that fail, wait or go wrong",
            acts,
            lambda curves: [(point.at, _hurt(point.outcome)) for point in curves.by_percent],
            (_TAKEN, lambda values: Scale.around("requests, mean", values, least=0.1)),
            width=_NARROW,
        ),
    ]


def _share(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(point.at, 100 * point.outcome.rolled_back) for point in points]


def _minutes(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [
        (point.at, point.outcome.minutes_p50 or 0)
        for point in points
        if point.outcome.rolled_back > _RARE
    ]


def _time(values: Sequence[float]) -> Scale:
    return Scale.even("minutes", max([1, *values]))


def _hurt(outcome: Outcome) -> float:
    return outcome.errors + outcome.fallbacks + outcome.wrong


def _lines(
    title: str,
    acts: Sequence[Act],
    points: Callable[[Curves], list[tuple[float, float]]],
    scales: tuple[Scale, Callable[[Sequence[float]], Scale]],
    *,
    width: int = _WIDE,
) -> Figure:
    """One line for each canary of each act; `scales` are x, and y by what it must hold."""
    lines = {name: (kind, points(curves)) for name, kind, curves in _named(acts)}
    x, y = scales
    plot = Plot(
        title, x, y([value for _, line in lines.values() for _, value in line]), width=width
    )
    for kind, line in lines.values():
        plot.line(line, kind)
    return Figure(title, plot.svg(), {name: kind for name, (kind, _) in lines.items()})


def _named(acts: Sequence[Act]) -> Iterator[tuple[str, str, Curves]]:
    for act, other in zip(acts, ("", " other"), strict=False):
        for place, (rehearsed, curves) in enumerate(zip(act.rehearsed, act.curves, strict=True)):
            source = f", {act.source}" if len(acts) > 1 else ""
            yield f"{rehearsed.canary.title}{source}", f"canary-{place}{other}", curves
