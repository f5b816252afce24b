"""What `status` shows: the same lines on a terminal, in a pipe and in a log."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analysis.format import count, duration
from judge import Verdict, about
from operations.dataset_function import DatasetStatus
from operations.flag import Deployment
from operations.transitions import Writer
from shadow_runtime.contract import Stage
from shadowctl.dataset.screen import verified
from shadowctl.diffs import counted
from shadowctl.distance import Distance
from shadowctl.screen import bar
from shadowctl.status.next_steps import next_steps
from shadowctl.status.seen import Guard, Status, Unseen, lacking

_LABEL = 9
_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}

Section = tuple[str, list[Text]]
"""A label, and the lines that stand beside it."""


def screen(status: Status, *, is_watched: bool = False) -> RenderableType:
    """One route, for a terminal of 80 columns and 24 lines or more."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", width=_LABEL, no_wrap=True)
    grid.add_column(ratio=1)
    for label, told in sections(status, is_watched=is_watched):
        for number, line in enumerate(told):
            grid.add_row("" if number else label, line)
    return Group(_title(status), grid)


def lines(status: Status) -> Iterator[str]:
    """The same without a terminal: a line each, with its label, and nothing that is only drawn."""
    yield _title(status).plain
    for label, told in sections(status, is_drawn=False):
        yield from (f"{label:<{_LABEL}} {line.plain}" for line in told)


def overview(seen: Sequence[Status | Unseen]) -> RenderableType:
    """All routes, a line each; below, those that could not be looked at."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name not in _LONG)
    for status in seen:
        if isinstance(status, Status):
            table.add_row(*_cells(status))
    unseen = [Text(f"{each.name}: {each.why}", "red") for each in seen if isinstance(each, Unseen)]
    return Group(table, *unseen)


def overview_lines(seen: Iterable[Status | Unseen]) -> Iterator[str]:
    """The same without a terminal: fields are separated by tabs."""
    yield "\t".join(_COLUMNS)
    for each in seen:
        cells = _cells(each) if isinstance(each, Status) else map(Text, (each.name, each.why))
        yield "\t".join(cell.plain for cell in cells)


_COLUMNS = ("route", "stage", "guards", "verdict", "to go", "clean-up")
_LONG = {"route", "guards"}


def sections(
    status: Status, *, is_drawn: bool = True, is_watched: bool = False
) -> Iterator[Section]:
    """What is known, in the order in which one asks for it at night.

    What a small screen cuts off is at the end. What `is_drawn` has bars, and no line of the history
    is longer than the screen.
    """
    yield "answers", [Text(status.answers, "" if status.deployed.is_ours else "bold red")]
    yield "flag", [*_flag(status)]
    yield "guards", [*_guards(status, is_drawn=is_drawn)]
    yield "verdict", [*_verdict(status)]
    yield "evidence", [*_evidence(status)]
    if status.decision is not None:
        yield "ramp", [Text(str(status.decision))]
    if status.dataset is not None:
        yield "data", [_data(status)]
    yield "next", [*_next(status, is_watched=is_watched)]
    yield "clean-up", [_clean_up(status)]
    yield "changes", [_change(each, status) for each in reversed(status.history)]


def _next(status: Status, *, is_watched: bool) -> Iterator[Text]:
    steps = next_steps(status)[:1]
    if is_watched and not (status.red or status.needed is None) and status.needed:
        steps = steps if status.stage == Stage.OFF else ["nothing to type: it takes time"]
    yield from (Text(step, "bold") for step in steps)


def _title(status: Status) -> Text:
    return Text.assemble(
        (status.name, "bold"), "  ", _stage(status), (f"  {status.now:%F %T} UTC", "dim")
    )


def _stage(status: Status) -> Text:
    ceiling = "" if status.stage == status.ceiling else f", ceiling {status.ceiling}"
    style = "green" if status.stage == Stage.COMPLETE else "bold"
    return Text.assemble((f"{status.stage}", style), ceiling)


def _flag(status: Status) -> Iterator[Text]:
    if running := status.running:
        yield Text.assemble(
            (f"deployment {running.number} {running.state}", "yellow"),
            f", {running.percent:g} % of the environments may have it",
        )
    elif status.history:
        newest = status.history[-1]
        since = newest.completed or newest.started
        yield Text(f"deployment {newest.number} {newest.state} since {_at(since, status)}")
    if (position := status.deployed.stage) and position > status.ceiling:
        yield Text(
            f"it says {position}, but the ceiling in git holds it: raise `ceiling` in the route's "
            "stack and deploy",
            "yellow",
        )
    if status.deployed.is_paused:
        yield Text(f"the ramp is paused: `shadowctl resume {status.asked}`", "yellow")


def _guards(status: Status, *, is_drawn: bool) -> Iterator[Text]:
    width = max((len(_short(guard, status)) for guard in status.guards), default=0)
    for guard in status.guards:
        drawn = _bar(guard.distance) if is_drawn else ""
        yield Text.assemble(
            _state(guard), f" {_short(guard, status):<{width}} ", drawn, _distance(guard.distance)
        )
        yield from (Text(f"cannot act: {fault}", "bold red") for fault in guard.faults)
    yield from (Text(notice, "yellow") for notice in status.notices)


def _short(guard: Guard, status: Status) -> str:
    return _less(guard.name, status).removeprefix("candidate-")


def _less(text: str, status: Status) -> str:
    """Without what the names of a route's alarms begin with."""
    return text.replace(f"{status.name.replace('/', '-')}-", "")


def _state(guard: Guard) -> tuple[str, str]:
    if guard.is_red:
        return "RED   ", "bold red"
    if guard.faults:
        return "NONE  ", "bold red"
    return ("green ", "green") if guard.state == "OK" else ("unsure", "yellow")


def _bar(distance: Distance | None) -> tuple[str, str] | str:
    if distance is None or distance.worst is None:
        return " " * len(bar(0) + " ")
    style = "red" if distance.bad else "yellow" if distance.share > _NEAR else "green"
    return f"{bar(min(1, distance.share))} ", style


def _distance(distance: Distance | None) -> str:
    if distance is None:
        return "its distance cannot be told"
    if distance.worst is None:
        return "nothing to look at"
    worst, threshold = count(distance.worst), f"{distance.threshold:g}"
    return f"{worst}, limit {threshold}; {distance.bad} of {distance.needed} over"


_NEAR = 0.5


def _verdict(status: Status) -> Iterator[Text]:
    verdict = status.judgement.verdict
    beside = f"; {' and '.join(status.beside)} answers beside it" if status.beside else ""
    since = f" since {_at(status.found.since, status)}" if status.found else ", not asked yet"
    yield Text.assemble((verdict, _STYLES[verdict]), f" of version {status.version}{since}{beside}")
    for result in status.judgement.results:
        own = "" if result.verdict is verdict else f"{result.verdict}: "
        yield Text(own + result.message.removeprefix(f"{result.verdict}: "))
    if verdict is Verdict.INCONCLUSIVE:
        yield Text(_still(status))


def _still(status: Status) -> str:
    if status.needed is None:
        return "no number of pairs decides at these rates: see `shadowctl diffs`"
    pace = status.found.pairs_an_hour(status.now) if status.found else 0
    wanted = f"about {about(status.needed)} more pairs"
    if status.stage == Stage.OFF:
        return f"{wanted}, and none come at off"
    if status.decided_at is None:
        came = f"{count(pace)} an hour" if pace else "none"
        return f"{wanted}, and {came} came in the last day"
    return f"{wanted}, at {count(pace)} an hour by {_at(status.decided_at, status)}"


def _evidence(status: Status) -> Iterator[Text]:
    if status.found is None:
        yield Text("none yet")
        return
    yield Text(status.found.classes)
    asked = status.found.counts.asked
    if asked.total:
        times = counted(int(asked.total), "time")
        yield Text(f"users asked it {times}, it alone failed {asked.worse:,}")


def _data(status: Status) -> Text:
    """Of its dataset: the phase, what waits for a repair, and what is proven."""
    dataset = status.dataset
    if not isinstance(dataset, DatasetStatus):
        return Text(lacking(dataset, Stage.LIVE), "bold red")
    waits = f"{dataset.unreconciled:,} keys unreconciled"
    proven = verified(dataset, status.now.timestamp())
    style = "red" if dataset.unreconciled or dataset.differences else ""
    return Text.assemble(
        f"{dataset.name} at {dataset.phase}, {dataset.phase.authority} is the authority; ",
        (f"{waits}; verified: {proven}", style),
    )


def _clean_up(status: Status) -> Text:
    if status.clean_up is None:
        return Text("no schedule asks for it", "yellow")
    left = status.clean_up - status.now
    when = f"{status.clean_up:%a %-d %b %Y %H:%M} UTC"
    if left < timedelta():
        return Text(f"was due {_long(-left)} ago, {when}", "yellow")
    return Text(f"in {_long(left)}, {when}")


def _change(deployment: Deployment, status: Status) -> Text:
    change, state = deployment.change, deployment.state
    became = "" if state == "COMPLETE" else f", {state}"
    said = "by a console or the template"
    if change is not None:
        who = _LAST_OF_ARN.split(change.who.name)[-1] if change.who.writer is Writer.PERSON else ""
        by = f"{change.who.writer} {who}".rstrip()
        why = _less(change.why, status)
        said = f"{change.before or 'unreadable'} to {change.after} by {by}: {why}"
    line = f"{deployment.started:%-d %b %H:%M}  {said}{became}"
    return Text(line, no_wrap=True, overflow="ellipsis")


_LAST_OF_ARN = re.compile("[:/]")


def _cells(status: Status) -> Iterator[Text]:
    verdict, needed = status.judgement.verdict, status.needed
    yield Text(status.name)
    yield Text(f"→ {status.stage}", "yellow") if status.running else Text(str(status.stage))
    yield _nearest(status)
    yield Text(verdict, _STYLES[verdict])
    yield Text("never" if needed is None else about(needed) if needed else "")
    yield _until(status)


def _nearest(status: Status) -> Text:
    """Of the guards, the one nearest to red."""
    if red := [_short(guard, status) for guard in status.guards if guard.is_red]:
        return Text(f"RED {' '.join(red)}", "bold red")
    if faults := sum(bool(guard.faults) for guard in status.guards):
        return Text(f"{faults} cannot act", "bold red")
    if not status.guards:
        return Text("none", "yellow")
    near = max((guard.distance.share for guard in status.guards if guard.distance), default=0)
    return Text(f"green {100 * near:.0f} %", "green")


def _until(status: Status) -> Text:
    if status.clean_up is None:
        return Text("none", "yellow")
    left = status.clean_up - status.now
    return Text(_long(left)) if left > timedelta() else Text(f"{_long(-left)} ago", "yellow")


def _at(at: datetime, status: Status) -> str:
    """A time in UTC, with its day where that is another one."""
    return f"{at:%H:%M}" if at.date() == status.now.date() else f"{at:%a %-d %b %H:%M}"


def _long(span: timedelta) -> str:
    return duration(span / timedelta(minutes=1))
