"""The commands that look at a route."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shadowctl.commands.options import (
    Embedded,
    Follow,
    Since,
    Stack,
    as_they_come,
    clock,
    progress,
    session,
)
from shadowctl.screen import Steps
from shadowctl.times import duration, moment
from shadowctl.verb import ExitCode, Result, usage, verb

if TYPE_CHECKING:
    import boto3

    from shadowctl.functions import Functions

app = typer.Typer()


@verb(app)
def status(
    asked: Annotated[
        list[str] | None, typer.Argument(metavar="ROUTE", help="by default all")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="until Ctrl-C")] = False,
    every: Annotated[
        timedelta | None, typer.Option(parser=duration, metavar="DURATION", help="with --watch")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="of the counts; by default the version's first request")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="of the candidate; by default the newest that is asked")
    ] = None,
    mismatch_percent: Annotated[
        float | None, typer.Option(help="of the pairs may differ; by default the ramp's, or 0.1")
    ] = None,
    fault_percent: Annotated[
        float | None, typer.Option(help="of the requests may fail; by default the ramp's, or 1")
    ] = None,
    minimum_hours: Annotated[
        int | None, typer.Option(help="with pairs, before anything passes; by default 0")
    ] = None,
    embedded: Embedded = False,
) -> Result:
    """Show where routes are, who answers, how far their guards are from red, what is proven."""
    from judge import Tolerances
    from shadowctl.status.command import View

    named = {
        "mismatch_percent": mismatch_percent,
        "fault_percent": fault_percent,
        "minimum_hours": minimum_hours,
    }
    tolerances = {name: value for name, value in named.items() if value is not None}
    with usage():
        Tolerances(**tolerances)
        begun = None if since in (None, "release") else moment(str(since), now=datetime.now(UTC))
    view = View.of(
        asked or [],
        session(embedded=embedded),
        tolerances=tolerances,
        version=version,
        since=begun,
        since_release=since == "release",
        clock=clock(embedded=embedded),
    )
    if watch:
        usual = timedelta(seconds=2 if embedded else 15)
        return Result(view.watched(every_s=(every or usual).total_seconds()), None)
    return view.once()


@verb(app)
def routes(embedded: Embedded = False) -> Result:
    """List every route of the account, and where each is."""
    from shadowctl.deployed import every
    from shadowctl.route import Route

    aws = session(embedded=embedded)
    found = [Route.of(each, aws) for each in every(aws)]
    lines = [f"{route.stack:<20} {route.where()}" for route in found]
    return Result(lines, {"routes": [route.document() for route in found]})


@verb(app)
def diffs(
    route: Stack,
    since: Since = "release",
    user: Annotated[
        str | None, typer.Option(help="of one user, by the key that `@migrating(user=…)` finds")
    ] = None,
    embedded: Embedded = False,
) -> Result:
    """Show what differs between control and candidate, since when, and whom it concerns."""
    from shadowctl.diffs import diffs as diffs_of

    begun, aws, functions = asked(route, since, embedded=embedded)
    found = diffs_of(functions, aws, since=begun, user=user)
    step = f"shadowctl traces {route}" if found.fingerprints else f"shadowctl status {route}"
    return Result(found.shown(), found.document(), [step])


@verb(app)
def traces(
    route: Stack,
    since: Since = "1h",
    limit: Annotated[int, typer.Option(min=1, max=100, help="the newest")] = 20,
    embedded: Embedded = False,
) -> Result:
    """Show requests that failed or differ, by their X-Ray traces."""
    from shadowctl.traces import traces as traces_of

    begun, aws, functions = asked(route, since, embedded=embedded)
    found = traces_of(functions, aws, since=begun, limit=limit)
    return Result(found.shown(), found.document(), [f"shadowctl diffs {route}"])


@verb(app)
def record(
    route: Stack,
    lasting: Annotated[
        timedelta, typer.Option("--for", parser=duration, metavar="DURATION", help="at most")
    ] = timedelta(minutes=5),
    most: Annotated[int, typer.Option("--requests", min=1, max=20, help="of as many forms")] = 10,
    user: Annotated[
        str | None, typer.Option(help="a test user's key, whom every request is then from")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(dir_okay=False, help="by default the route's requests.jsonl")
    ] = None,
    embedded: Embedded = False,
) -> Result:
    """Write forms of real requests to requests.jsonl, without a value of a user's."""
    from shadowctl.deployed import find_route
    from shadowctl.functions import Functions
    from shadowctl.record import record as recorded

    aws = session(embedded=embedded)
    functions = Functions(find_route(route, aws), aws)
    with Steps(progress) as steps:
        found = recorded(
            functions,
            aws,
            lasting=lasting,
            most=most,
            user=user,
            file=to,
            progress=lambda state, done: steps.count(state, done, 100),
        )
    return Result(found.shown(), found.document(), ["make test"] if found.kept else [])


@verb(app)
def drill(route: Stack, embedded: Embedded = False) -> Result:
    """Fail the candidate for requests of the drill's own, not in production, and time the way back.

    The route is put back where it was, after Ctrl-C too.
    """
    from shadowctl.deployed import find_route
    from shadowctl.drill import drill as drilled
    from shadowctl.functions import Functions

    aws = session(embedded=embedded)
    functions = Functions(find_route(route, aws), aws)
    with Steps(progress) as steps:
        found = drilled(
            functions,
            aws,
            progress=lambda state, done: steps.count(state.lower(), done, 100),
            minute_s=clock(embedded=embedded).minute_s,
        )
    code = ExitCode.DONE if found.has_worked else ExitCode.FAIL
    return Result(found.shown(), found.document(), [f"shadowctl status {route}"], code)


@verb(app, "logs")
def logs_command(
    route: Stack,
    since: Since = "10m",
    follow: Follow = False,
    embedded: Embedded = False,
) -> Result:
    """Show what the functions of a route wrote."""
    from shadowctl.logs import logs

    begun, aws, functions = asked(route, since, embedded=embedded)
    lines = logs(aws, functions.log_groups(), since=begun, follow=follow)
    return as_they_come(lines, follow=follow)


def asked(route: str, since: str, *, embedded: bool) -> "tuple[datetime, boto3.Session, Functions]":
    """Since when an operator asks about a route, and its functions."""
    from shadowctl.deployed import find_route
    from shadowctl.functions import Functions

    with usage():
        begun = None if since == "release" else moment(since, now=datetime.now(UTC))
    aws = session(embedded=embedded)
    functions = Functions(find_route(route, aws), aws)
    return begun or functions.released, aws, functions
