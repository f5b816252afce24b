"""What all commands have in common: their options, what they print, and how they end.

A command is a function that returns a `Result`, hung in by `verb`:

    @verb(app)
    def pause(route: RoutePath, embedded: Embedded = False) -> Result:
        "Keep the ramp from moving a route."
        from shadowctl.ramp import pause

        return Result([pause(...)], {"route": ...}, next_steps=[f"shadowctl resume {route}"])

It has `--json` and `--timeout` without a word about them, and may raise what `shadowctl.failures`
knows. Where it answers a question with no, `Result.code` says so.
"""

import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import IntEnum
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from shadowctl.failures import EXPECTED, in_one_line
from shadowctl.times import duration


class ExitCode(IntEnum):
    """How a command ended. Beside these 130 after Ctrl-C, and 141 where nobody reads on."""

    DONE = 0  # or PASS
    ERROR = 1
    USAGE = 2
    INCONCLUSIVE = 3
    FAIL = 4  # or a guard is red
    TIMED_OUT = 5


_STOPPED = 128 + signal.SIGINT
_CLOSED = 128 + signal.SIGPIPE


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found or did.

    Attributes:
        shown: to people, line by line or as Rich draws it, as it comes.
        document: the same to a machine; None where there is no end, and so no document.
        next_steps: commands that an operator would type now, the likeliest first.
        code: how the command ends.

    Example:
        >>> Result(["get-user: at off"], {"stage": "off"}, ["shadowctl stage GetUser shadow"]).code
        <ExitCode.DONE: 0>
    """

    shown: Iterable[RenderableType]
    document: Mapping[str, Any] | None
    next_steps: Sequence[str] = ()
    code: ExitCode = ExitCode.DONE


class TimedOut(BaseException):
    """The time that a command was given is over; no `except Exception` may swallow it."""


@contextmanager
def usage() -> Iterator[None]:
    """Turns a ValueError about what an operator typed into a usage error, exit code 2."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def verb(on: typer.Typer, name: str | None = None) -> Callable[[Callable[..., Result]], None]:
    """Makes a function a command of `on`, under its own name or `name`."""

    def register(work: Callable[..., Result]) -> None:
        def run(*, as_json: bool, timeout: timedelta | None, **given: Any) -> None:
            with ending(as_json=as_json), _time_limit(timeout):
                with redirect_stdout(sys.stderr if as_json else sys.stdout):
                    result = work(**given)
                if given.get("embedded"):
                    result = replace(result, next_steps=[*map(_there, result.next_steps)])
                _print(result, as_json=as_json)
            raise typer.Exit(result.code)

        own, common = inspect.signature(work), inspect.signature(_common)
        parameters = [*own.parameters.values(), *common.parameters.values()]
        run.__signature__ = own.replace(  # type: ignore[attr-defined]
            parameters=[each.replace(kind=each.KEYWORD_ONLY) for each in parameters],
            return_annotation=None,
        )
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.__doc__, run.__name__ = work.__doc__, work.__name__
        on.command(name)(run)

    return register


def _there(step: str) -> str:
    """A next step on the embedded AWS, where the command was."""
    is_ours = step.startswith("shadowctl ") and not step.endswith(" --local")
    return f"{step} --local" if is_ours else step


def _common(
    as_json: Annotated[bool, typer.Option("--json", help="one document, for machines")] = False,
    timeout: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="to give up after, such as 90s"),
    ] = None,
) -> None:
    """The options of every command."""


@contextmanager
def ending(*, as_json: bool = False) -> Iterator[None]:
    """Ends an expected failure, Ctrl-C, a closed pipe and a time limit in one line and its code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more at exit
        raise typer.Exit(_CLOSED) from None
    except KeyboardInterrupt:
        _fail(STOPPED, as_json=as_json, code=_STOPPED)
    except TimedOut as error:
        _fail(str(error), as_json=as_json, code=ExitCode.TIMED_OUT)
    except EXPECTED as error:
        _fail(in_one_line(error), as_json=as_json, code=ExitCode.ERROR)


STOPPED = "stopped; nothing is left running here, and what AWS was asked for goes on there"


def _fail(line: str, *, as_json: bool, code: int) -> None:
    if as_json:
        print(json.dumps({"error": line, "next_steps": []}, indent=2), flush=True)
    said = Text.assemble(("shadowctl: ", "red"), line)
    Console(stderr=True, highlight=False, soft_wrap=True).print(said)
    raise typer.Exit(code)


def _print(result: Result, *, as_json: bool) -> None:
    if as_json:
        if result.document is None:
            raise typer.BadParameter("--json gives one document, and this goes on: leave out one")
        print(json.dumps({**result.document, "next_steps": [*result.next_steps]}, indent=2))
        return
    console = Console(highlight=False)
    for part in result.shown:
        if isinstance(part, str):
            print(part, flush=True)
        else:
            console.print(part, soft_wrap=isinstance(part, Text))
    for step in result.next_steps:
        print(f"next: {step}")


@contextmanager
def _time_limit(limit: timedelta | None) -> Iterator[None]:
    if limit is None:
        yield
        return

    def over(_number: int, _frame: FrameType | None) -> None:
        raise TimedOut(
            f"timed out after {limit.total_seconds():g} s; what AWS was asked for goes on there, "
            "and `shadowctl status` says how far it is"
        )

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, limit.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
