"""A rehearsal in words: the lines of its table, and what the terminal shows."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from analysis.format import chance, count, duration
from analysis.simulation.rehearsal import Rehearsal, RehearsedCanary, beside
from analysis.simulation.scenario import Scenario
from shadow_runtime.contract import Stage

_NO_BREAK = "\N{NO-BREAK SPACE}"


def rows(rehearsed: RehearsedCanary) -> dict[str, str]:
    """What is said of one canary, under the name of the line."""
    outcome, scenario = rehearsed.summary, rehearsed.canary.scenario
    return {
        "rolled back": percent(outcome.rolled_back),
        "first to act": acted(rehearsed),
        "all back after, p50": minutes(outcome.minutes_p50),
        "all back after, p95": minutes(outcome.minutes_p95),
        "requests with an error, mean": count(outcome.errors),
        "requests with an error, p95": count(outcome.errors_p95),
        "users harmed, mean": count(outcome.users),
        "answered by control, mean": count(outcome.fallbacks),
        "wrong answers served, mean": count(outcome.wrong),
        f"false rollbacks in {scenario.minutes} min": percent(rehearsed.false_rollbacks),
    }


def acted(rehearsed: RehearsedCanary) -> str:
    """Which guards took rollouts back, the busiest first."""
    by = sorted(rehearsed.summary.by.items(), key=lambda each: -each[1])
    said = [f"{name} {percent(share)}" for name, share in by if share]
    return ", ".join(said) or "nobody"


def shown(rehearsals: Sequence[Rehearsal], scenario: Scenario) -> Iterator[Table | Text]:
    """What was played, the table, and what nobody should forget."""
    rollout = rehearsals[0].rollout
    yield Text.assemble(
        (rollout.name, "bold"),
        f": {scenario.rollouts:,} rollouts of {scenario.minutes} minutes, "
        f"{rollout.traffic.description}; {scenario.description}",
    )
    yield _table(rehearsals)
    for rehearsal in rehearsals:
        if rehearsal.ramp:
            yield _ramp(rehearsal)
    for rehearsal in rehearsals:
        yield from _notes(rehearsal)


def _table(rehearsals: Sequence[Rehearsal]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    columns = []
    for _, rehearsal, each in beside(rehearsals):
        source = f"\n[dim]{rehearsal.source}[/]" if len(rehearsals) > 1 else ""
        table.add_column(f"{each.canary.title}{source}\n[dim]{each.canary.setting}[/]")
        columns.append(rows(each))
    for name in columns[0]:
        told = (column[name].replace(" %", f"{_NO_BREAK}%") for column in columns)
        table.add_row(name, *told)
    return table


def _ramp(rehearsal: Rehearsal) -> Table:
    """By candidate; beside it one step to where the ramp ends."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="")
    steps = rehearsal.rollout.ramp.stages if rehearsal.rollout.ramp else ()
    table.title = f"ramp: {', '.join(map(str, steps))}"
    table.add_column("candidate")
    for name in ("at its end", "after, p50", "p95", "goes to", "users harmed", "by one step"):
        table.add_column(name, justify="right")
    for each in rehearsal.ramp:
        table.add_row(
            each.candidate,
            percent(each.done).replace(" %", f"{_NO_BREAK}%"),
            _days(each.days_p50),
            _days(each.days_p95),
            each.furthest,
            count(each.users),
            count(each.one_step),
        )
    return table


def _days(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}{_NO_BREAK}days"


def _notes(rehearsal: Rehearsal) -> Iterator[Text]:
    rollout = rehearsal.rollout
    clean_up = f"clean-up on {rollout.clean_up:%-d %B %Y at %H:%M %Z}"
    yield Text(f"{rehearsal.source}: {clean_up}", "dim")
    if rollout.ceiling <= Stage.SHADOW:
        ceiling = f"the ceiling is {rollout.ceiling}"
        yield Text(f"{rehearsal.source}: {ceiling}, no user meets the candidate", "dim")


def percent(share: float) -> str:
    """A share of the rollouts: of 10,000, a hundredth of a percent is one."""
    return chance(share, decimals=1)


def minutes(value: float | None) -> str:
    """A time in minutes; None is never."""
    return "never" if value is None else duration(value, decimals=1)
