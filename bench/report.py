"""The lines of the benchmarks: what they hold, and the table that shows them."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypedDict

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

console = Console()


class Line(TypedDict):
    """One of ours beside one peer. `ratio` is ours / peer: below 1, ours is the lesser.

    `ours` and `peer` are seconds, or bytes where the name says size. `target` is the highest
    ratio asked for; None where none is, and then `met` is None too.
    """

    name: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    target: float | None
    met: bool | None


def line(name: str, ours: float, peer_name: str, peer: float, target: float | None = None) -> Line:
    """The line of two measurements."""
    ratio = ours / peer
    return {
        "name": name,
        "ours": ours,
        "peer": peer,
        "peer_name": peer_name,
        "ratio": ratio,
        "target": target,
        "met": None if target is None else ratio <= target,
    }


def show(
    title: str, includes: str, lines: list[Line], unit: Callable[[float], str] | None = None
) -> list[Line]:
    """Prints `lines` under `title`, with what they include, and gives them back."""
    said = unit or seconds
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("ours, then each peer")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("ours / peer", justify="right", no_wrap=True)
    table.add_column("asked for", no_wrap=True)
    for (name, ours), group in groupby(lines, key=lambda each: (each["name"], each["ours"])):
        table.add_row(f"[bold]{name}[/]", f"[bold]{said(ours)}[/]", "", "")
        for each in group:
            table.add_row(f"  {each['peer_name']}", said(each["peer"]), *_verdict(each))
    console.print(f"[bold]{title}[/]", highlight=False)
    console.print(table, Padding(includes, (0, 0, 1, 2)), highlight=False)
    return lines


def missed(lines: Sequence[Line]) -> list[Line]:
    """Those whose target was not met."""
    return [each for each in lines if each["met"] is False]


def seconds(value: float) -> str:
    """A time in the unit that suits it."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if value * factor < 1_000:
            return f"{value * factor:.1f} {unit}"
    return f"{value:.2f} s"


def megabytes(value: float) -> str:
    """A size in bytes, as people say it."""
    return f"{value / 1e6:.2f} MB"


def number(ratio: float) -> str:
    """A ratio in two or three digits, however small it is."""
    return f"{ratio:.2f}" if ratio >= 0.095 else f"{ratio:.2g}"


def _verdict(each: Line) -> tuple[str, str]:
    text, target = number(each["ratio"]), each["target"]
    if target is None:
        return text, ""
    return text, f"≤ {target:g} {'[green]met[/]' if each['met'] else '[bold red]MISSED[/]'}"
