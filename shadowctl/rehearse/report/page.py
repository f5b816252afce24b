"""The page of a report: text, tables and plots in one file."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from analysis.alarms.alarm import Alarm
from analysis.simulation.curves import ROLLOUTS
from analysis.simulation.rehearsal import Rehearsed
from analysis.simulation.scenario import ASSUMED, Scenario
from shadowctl.rehearse import words
from shadowctl.rehearse.act import Act, beside
from shadowctl.rehearse.report.figures import Figure, detection, timeline, trade
from shadowctl.rehearse.rows import rows

_HERE = Path(__file__).parent


def page(acts: Sequence[Act], scenario: Scenario) -> str:
    """The report of `acts`, all played in `scenario`, as HTML.

    It needs no network and no script; it is legible in light, in dark and on paper.
    """
    rollout = acts[0].rollout
    return Template(_read("page.html")).substitute(
        style=_read("style.css"),
        route=escape(rollout.route),
        lead=escape(f"{scenario.words[0].upper()}{scenario.words[1:]}."),
        facts=escape(
            f"{scenario.rollouts:,} rollouts of {scenario.minutes} minutes, in virtual time · "
            f"{rollout.traffic.description} · stack {rollout.stack}, ceiling {rollout.ceiling} · "
            f"clean-up on {rollout.clean_up:%-d %B %Y at %H:%M %Z}"
        ),
        cards="\n".join(_cards(acts)),
        sections="\n".join(_sections(acts)),
        guards="\n".join(_guards(acts)),
        assumed="\n".join(f"<li>{escape(line)}</li>" for line in [*scenario.facts, *ASSUMED]),
        footer=escape(
            f"shadowctl rehearse {rollout.stack} --seed {scenario.seed}: the same numbers again."
        ),
    )


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _cards(acts: Sequence[Act]) -> Iterator[str]:
    for place, act, each in beside(acts):
        said = rows(each)
        lines = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in said.items()
            if name not in {"rolled back", "first to act"}
        )
        yield (
            f'<article class="card canary-{place}">'
            f"<h3>{escape(_titled(each, act, acts))}</h3>"
            f'<p class="setting">{escape(each.canary.setting)}</p>'
            f'<p class="big">{said["rolled back"]} <small>went back</small></p>'
            f'<p class="setting">first to act: {escape(said["first to act"])}</p>'
            f"<table><tbody>{lines}</tbody></table></article>"
        )


def _sections(acts: Sequence[Act]) -> Iterator[str]:
    timelines = [timeline(each, _titled(each, act, acts)) for _, act, each in beside(acts)]
    yield _section(
        "Rollouts over time",
        "Each column of a plot is a minute; its colours are what became of the rollouts by then.",
        timelines,
    )
    yield _section(
        "Which failures are seen",
        f"The same with more or fewer requests that fail; {ROLLOUTS:,} rollouts a point. "
        "A time is shown where more than 5 % go back.",
        detection(acts),
    )
    yield _section(
        "What another percentage trades",
        f"The same with a larger or smaller canary, the alarms left as they are; {ROLLOUTS:,} "
        "rollouts a point.",
        trade(acts),
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


def _guards(acts: Sequence[Act]) -> Iterator[str]:
    for _, act, each in beside(acts):
        lines = "".join(
            _guard(name, alarm, each.outcome.by) for name, alarm in each.canary.alarms.items()
        )
        yield (
            f'<table class="guards"><thead><tr><th>{escape(_titled(each, act, acts))}</th>'
            "<th>looks at</th><th>red in</th><th>took back</th></tr></thead>"
            f"<tbody>{lines}</tbody></table>"
        )


def _guard(name: str, alarm: Alarm, by: Mapping[str, float]) -> str:
    return (
        f"<tr><td>{escape(name)}</td>"
        f"<td><code>{escape(alarm.formula.text)}</code> is {alarm.comparison.words} "
        f"{alarm.threshold:g}</td>"
        f"<td>{alarm.datapoints_to_alarm} of {alarm.evaluation_periods} × "  # noqa: RUF001
        f"{words.minutes(alarm.period / 60)}</td>"
        f"<td>{words.percent(by[name])}</td></tr>"
    )


def _titled(rehearsed: Rehearsed, act: Act, acts: Sequence[Act]) -> str:
    title = rehearsed.canary.title
    return f"{title}, {act.source}" if len(acts) > 1 else title
