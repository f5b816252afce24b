"""The page of a report: text, tables and plots in one file, without network or script."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from analysis.alarms import Alarm
from analysis.format import duration
from analysis.simulation.canaries import SimulatedCodeCanary
from analysis.simulation.rehearsal import (
    CANARY_PERCENTS,
    FAILING_PERCENTS,
    ROLLOUTS,
    Curves,
    Point,
    Rehearsal,
    RehearsedCanary,
    Summary,
    beside,
)
from analysis.simulation.scenario import ASSUMED, Scenario
from shadowctl.rehearse.report.plot import Plot, Scale
from shadowctl.rehearse.screen import percent, rows

_HERE = Path(__file__).parent

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


def timeline(rehearsed: RehearsedCanary, name: str) -> Figure:
    """Where the rollouts are, minute by minute, as far as anything changes."""
    canary, shift = rehearsed.canary, rehearsed.canary.rollout.shift.minutes
    end = _settled(rehearsed)
    title = f"Where the rollouts are: {name}"
    plot = Plot(title, Scale.even("minutes since the start", end), _SHARE)
    floor, full = [0.0] * (end + 1), [100.0] * (end + 1)
    legend = {}
    for place, (guard, shares) in enumerate(rehearsed.summary.by_minute.items()):
        top = [low + 100 * share for low, share in zip(floor, shares, strict=False)]
        if shares[-1]:
            plot.steps(floor, top, f"guard-{place}")
            legend[f"taken back by {guard}"] = f"guard-{place}"
        floor = top
    plot.steps(floor, full, "under-way")
    legend[canary.under_way] = "under-way"
    if isinstance(canary, SimulatedCodeCanary) and shift < end:
        plot.steps(floor[shift:], full[shift:], "unwatched", start=shift)
        plot.rule(shift, "it has all")
        legend["has all invocations, unwatched"] = "unwatched"
    if canary.scenario.failure_starts:
        plot.rule(canary.scenario.failure_starts, "it fails")
    return Figure(title, plot.svg(), legend)


def _settled(rehearsed: RehearsedCanary) -> int:
    """Minutes until a while after the last change that can be seen."""
    scenario, shift = rehearsed.canary.scenario, rehearsed.canary.rollout.shift.minutes
    total = [sum(each) for each in zip(*rehearsed.summary.by_minute.values(), strict=True)]
    last = next(at for at, share in enumerate(total) if share > total[-1] - 0.002)
    return min(scenario.minutes, max(12, round(1.5 * max(last, shift, scenario.failure_starts))))


def detection(rehearsals: Sequence[Rehearsal]) -> list[Figure]:
    """How likely and how soon a failure is seen, by how much fails."""
    return [
        _lines(
            "How likely a failure is seen",
            rehearsals,
            lambda curves: _share(curves.by_failing),
            (_FAILING, lambda _: _SHARE),
        ),
        _lines(
            "How soon all are back, median",
            rehearsals,
            lambda curves: _minutes(curves.by_failing),
            (_FAILING, _time),
        ),
    ]


def trade(rehearsals: Sequence[Rehearsal]) -> list[Figure]:
    """What another percentage would change, with the alarms as they are."""
    return [
        _lines(
            "Chance that it is taken back",
            rehearsals,
            lambda curves: _share(curves.by_percent),
            (_TAKEN, lambda _: _SHARE),
            width=_NARROW,
        ),
        _lines(
            "How soon all are back, median",
            rehearsals,
            lambda curves: _minutes(curves.by_percent),
            (_TAKEN, _time),
            width=_NARROW,
        ),
        _lines(
            "Requests that fail, wait or go wrong",
            rehearsals,
            lambda curves: [(point.at, _hurt(point.summary)) for point in curves.by_percent],
            (_TAKEN, lambda values: Scale.around("requests, mean", values, least=0.1)),
            width=_NARROW,
        ),
    ]


def _share(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(point.at, 100 * point.summary.rolled_back) for point in points]


def _minutes(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [
        (point.at, point.summary.minutes_p50 or 0)
        for point in points
        if point.summary.rolled_back > _RARE
    ]


def _time(values: Sequence[float]) -> Scale:
    return Scale.even("minutes", max([1, *values]))


def _hurt(outcome: Summary) -> float:
    return outcome.errors + outcome.fallbacks + outcome.wrong


def _lines(
    title: str,
    rehearsals: Sequence[Rehearsal],
    points: Callable[[Curves], list[tuple[float, float]]],
    scales: tuple[Scale, Callable[[Sequence[float]], Scale]],
    *,
    width: int = _WIDE,
) -> Figure:
    """One line for each canary of each rehearsal; `scales` are x, and y by what it must hold."""
    lines = {name: (kind, points(curves)) for name, kind, curves in _named(rehearsals)}
    x, y = scales
    plot = Plot(
        title, x, y([value for _, line in lines.values() for _, value in line]), width=width
    )
    for kind, line in lines.values():
        plot.line(line, kind)
    return Figure(title, plot.svg(), {name: kind for name, (kind, _) in lines.items()})


def _named(rehearsals: Sequence[Rehearsal]) -> Iterator[tuple[str, str, Curves]]:
    for rehearsal, other in zip(rehearsals, ("", " other"), strict=False):
        for place, (rehearsed, curves) in enumerate(
            zip(rehearsal.canaries, rehearsal.curves, strict=True)
        ):
            source = f", {rehearsal.source}" if len(rehearsals) > 1 else ""
            yield f"{rehearsed.canary.title}{source}", f"canary-{place}{other}", curves


def page(rehearsals: Sequence[Rehearsal], scenario: Scenario) -> str:
    """The report of `rehearsals`, all played in `scenario`, as HTML.

    It needs no network and no script; it is legible in light, in dark and on paper.
    """
    rollout = rehearsals[0].rollout
    return Template(_read("page.html")).substitute(
        style=_read("style.css"),
        route=escape(rollout.name),
        lead=escape(f"{scenario.description[0].upper()}{scenario.description[1:]}."),
        facts=escape(
            f"{scenario.rollouts:,} rollouts of {scenario.minutes} minutes, in virtual time · "
            f"{rollout.traffic.description} · stack {rollout.stack}, ceiling {rollout.ceiling} · "
            f"clean-up on {rollout.clean_up:%-d %B %Y at %H:%M %Z}"
        ),
        cards="\n".join(_cards(rehearsals)),
        sections="\n".join(_sections(rehearsals)),
        guards="\n".join(_guards(rehearsals)),
        assumed="\n".join(f"<li>{escape(line)}</li>" for line in [*scenario.facts, *ASSUMED]),
        footer=escape(
            f"shadowctl rehearse {rollout.stack} --seed {scenario.seed}: the same numbers again."
        ),
    )


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _cards(rehearsals: Sequence[Rehearsal]) -> Iterator[str]:
    for place, rehearsal, each in beside(rehearsals):
        said = rows(each)
        lines = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in said.items()
            if name not in {"rolled back", "first to act"}
        )
        yield (
            f'<article class="card canary-{place}">'
            f"<h3>{escape(_titled(each, rehearsal, rehearsals))}</h3>"
            f'<p class="setting">{escape(each.canary.setting)}</p>'
            f'<p class="big">{said["rolled back"]} <small>went back</small></p>'
            f'<p class="setting">first to act: {escape(said["first to act"])}</p>'
            f"<table><tbody>{lines}</tbody></table></article>"
        )


def _sections(rehearsals: Sequence[Rehearsal]) -> Iterator[str]:
    timelines = [
        timeline(each, _titled(each, rehearsal, rehearsals))
        for _, rehearsal, each in beside(rehearsals)
    ]
    yield _section(
        "Rollouts over time",
        "Each column of a plot is a minute; its colours are what became of the rollouts by then.",
        timelines,
    )
    yield _section(
        "Which failures are seen",
        f"The same with more or fewer requests that fail; {ROLLOUTS:,} rollouts a point. "
        "A time is shown where more than 5 % go back.",
        detection(rehearsals),
    )
    yield _section(
        "What another percentage trades",
        f"The same with a larger or smaller canary, the alarms left as they are; {ROLLOUTS:,} "
        "rollouts a point.",
        trade(rehearsals),
    )


def _section(title: str, text: str, figures: Sequence[Figure]) -> str:
    three = " three" if len(figures) == 3 else ""
    drawn = "\n".join(map(_figure, figures))
    return (
        f'<section class="plots">\n<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>\n'
        f'<div class="figures{three}">\n{drawn}\n</div>\n</section>'
    )


def _figure(figure: Figure) -> str:
    legend = "".join(
        f"<li>{_swatch(kind)}{escape(name)}</li>" for name, kind in figure.legend.items()
    )
    return (
        f"<figure>\n<figcaption>{escape(figure.title)}</figcaption>\n{figure.svg}\n"
        f'<ul class="legend">{legend}</ul>\n</figure>'
    )


def _swatch(kind: str) -> str:
    if kind.startswith("canary"):
        drawn = f'<line class="line {kind}" x1="0" y1="6" x2="26" y2="6"/>'
    else:
        drawn = f'<rect class="area {kind}" width="26" height="12" rx="2"/>'
    return f'<svg viewBox="0 0 26 12" aria-hidden="true">{drawn}</svg>'


def _guards(rehearsals: Sequence[Rehearsal]) -> Iterator[str]:
    for _, rehearsal, each in beside(rehearsals):
        lines = "".join(
            _guard(name, alarm, each.summary.by) for name, alarm in each.canary.alarms.items()
        )
        title = escape(_titled(each, rehearsal, rehearsals))
        yield (
            f'<table class="guards"><thead><tr><th>{title}</th>'
            "<th>looks at</th><th>red in</th><th>took back</th></tr></thead>"
            f"<tbody>{lines}</tbody></table>"
        )


def _guard(name: str, alarm: Alarm, by: Mapping[str, float]) -> str:
    return (
        f"<tr><td>{escape(name)}</td>"
        f"<td><code>{escape(alarm.formula.text)}</code> is {alarm.comparison.description} "
        f"{alarm.threshold:g}</td>"
        f"<td>{alarm.datapoints_to_alarm} of {alarm.evaluation_periods} × "  # noqa: RUF001
        f"{duration(alarm.period / 60)}</td>"
        f"<td>{percent(by[name])}</td></tr>"
    )


def _titled(
    rehearsed: RehearsedCanary, rehearsal: Rehearsal, rehearsals: Sequence[Rehearsal]
) -> str:
    title = rehearsed.canary.title
    return f"{title}, {rehearsal.source}" if len(rehearsals) > 1 else title
