"""A rehearsal on the terminal."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table

from analysis.simulation.scenario import Scenario
from shadow_runtime.contract import Stage
from shadowctl.rehearse.act import Act, beside
from shadowctl.rehearse.rows import rows


def shown(acts: Sequence[Act], scenario: Scenario) -> Iterator[Table | str]:
    """What was played, the table, and what nobody should forget."""
    rollout = acts[0].rollout
    yield (
        f"[bold]{rollout.route}[/]: {scenario.rollouts:,} rollouts of {scenario.minutes} minutes, "
        f"{rollout.traffic.description}; {scenario.words}"
    )
    yield _table(acts)
    for act in acts:
        yield from _notes(act)


def _table(acts: Sequence[Act]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    columns = []
    for _, act, each in beside(acts):
        source = f"\n[dim]{act.source}[/]" if len(acts) > 1 else ""
        table.add_column(f"{each.canary.title}{source}\n[dim]{each.canary.setting}[/]")
        columns.append(rows(each))
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    return table


def _notes(act: Act) -> Iterator[str]:
    rollout = act.rollout
    yield f"[dim]{act.source}: clean-up on {rollout.clean_up:%-d %B %Y at %H:%M %Z}[/]"
    if rollout.ceiling <= Stage.SHADOW:
        yield f"[dim]{act.source}: the ceiling is {rollout.ceiling}, no user meets the candidate[/]"
