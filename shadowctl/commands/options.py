"""What commands have in common to ask: where, of which route, since when, why."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from shadow_runtime.contract import ShadowCanaryError
from shadowctl.verb import Result

if TYPE_CHECKING:
    import boto3

    from shadowctl.status.seen import Clock

progress = Console(stderr=True, highlight=False)

Stack = Annotated[str, typer.Argument(metavar="ROUTE", help="name of the route's stack")]
Embedded = Annotated[bool, typer.Option("--local", help="on the embedded AWS, not in your account")]
Since = Annotated[
    str, typer.Option(help="`release`, a time in UTC, or how long ago, such as 2h", metavar="TIME")
]
Why = Annotated[str, typer.Option(metavar="REASON", help="kept with the change")]
Override = Annotated[
    str | None, typer.Option(metavar="REASON", help="to skip a stage; kept, never over the ceiling")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="say what would happen, and change nothing")
]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]
CdkOut = Annotated[
    Path | None, typer.Option(help="assembly to read; by default one is made of this tree")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="until Ctrl-C")]


def session(*, embedded: bool) -> "boto3.Session":
    """The embedded AWS, or the account of the operator's credentials."""
    import boto3

    from localaws.up import Local

    return Local.load().session() if embedded else boto3.Session()


def clock(*, embedded: bool) -> "Clock":
    """How alarms are looked at there."""
    from shadowctl.status.seen import AWS

    if not embedded:
        return AWS
    from localaws.up import Local

    return Local.load().clock()


class DeclinedError(ShadowCanaryError):
    """A person was asked, and did not say yes."""


def confirmed(question: str, *, yes: bool) -> None:
    """Asks before something that is not taken back lightly, unless told not to.

    Raises:
        DeclinedError: nobody said yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise DeclinedError(f"{question}: nothing was changed; add --yes where that is meant")
    try:
        answer = progress.input(f"{question}. Go on? [y/N] ", markup=False)
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise DeclinedError("nothing was changed")


def as_they_come(lines: Iterator[str], *, follow: bool) -> Result:
    """What is written goes on, as long as anybody looks."""
    if follow:
        return Result(until_ctrl_c(lines), None)
    return Result(found := [*lines], {"lines": found})


def until_ctrl_c(lines: Iterator[str]) -> Iterator[str]:
    """The lines, which end quietly where somebody has seen enough."""
    with suppress(KeyboardInterrupt):
        yield from lines
