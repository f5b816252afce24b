"""The commands that read or write an app's sources."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from shadow_runtime.contract import CLEAN_UP_DAYS
from shadowctl.commands.options import CdkOut, Embedded, Stack, progress, session
from shadowctl.verb import ExitCode, Result, verb

app = typer.Typer()


@verb(app)
def plan(
    route: Stack,
    cdk_out: CdkOut = None,
    days: Annotated[float, typer.Option(min=1, help="from launch to clean-up")] = 7,
    control_ms: Annotated[float, typer.Option(min=0, help="of control for an answer")] = 20,
    candidate_ms: Annotated[float, typer.Option(min=0, help="of the candidate")] = 60,
) -> Result:
    """Show what a route may do, what takes it back and what it costs, as Markdown."""
    from shadowctl.plan.command import planned

    times = {"days": days, "control_ms": control_ms, "candidate_ms": candidate_ms}
    markdown = planned(route, assembly=cdk_out, **times)
    return Result([markdown], {"route": route, "markdown": markdown})


@verb(app, "diff")
def diff_command(
    route: Stack,
    base: Annotated[str, typer.Option(help="commit to compare with")] = "origin/main",
) -> Result:
    """Show what this branch changes in a stack, offline and without credentials."""
    from shadowctl.diff import diff

    changes = [*diff(route, base=base)]
    return Result(changes, {"stack": route, "base": base, "diff": [str(each) for each in changes]})


@verb(app, "review")
def review_command(
    base: Annotated[str, typer.Argument(metavar="BASE", help="commit, app or assembly before")],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="after; by default this tree")] = ".",
) -> Result:
    """Show what a change is for users and for security, as the comment of a pull request."""
    from shadowctl.review.command import review

    markdown, document, is_whole = review(base, head)
    return Result([markdown], document, code=ExitCode.DONE if is_whole else ExitCode.ERROR)


@verb(app)
def rehearse(
    route: Stack,
    cdk_out: CdkOut = None,
    rollouts: Annotated[int, typer.Option(help="how many to play")] = 10_000,
    minutes: Annotated[int, typer.Option(help="length of each")] = 60,
    failure: Annotated[float, typer.Option(help="percent of the requests that fail")] = 20,
    mismatch: Annotated[float, typer.Option(help="percent of the answers that are wrong")] = 0,
    slow: Annotated[float, typer.Option(help="times control's latency")] = 1,
    by_record: Annotated[
        bool, typer.Option(help="that percent of the users always, and no one else")
    ] = False,
    unequal_users: Annotated[
        bool, typer.Option(help="a fifth of them makes four fifths of the requests")
    ] = False,
    handled: Annotated[bool, typer.Option(help="failures answer 500 and do not crash")] = False,
    healthy_errors: Annotated[float, typer.Option(help="percent that fail anyway")] = 0.1,
    failure_starts: Annotated[int, typer.Option(help="minute of the failure's start")] = 0,
    daily_curve: Annotated[bool, typer.Option(help="more traffic by day than by night")] = False,
    requests_per_day: Annotated[
        float | None,
        typer.Option(min=1, max=1e12, help="instead of the template's expectation"),
    ] = None,
    users: Annotated[int | None, typer.Option(min=1, help="instead of the template's")] = None,
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="page to write, with plots")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(help="assembly, template or commit to play beside")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="the same one gives the same numbers")] = 0,
) -> Result:
    """Play a route's rollout with a failure many times, before any user takes part."""
    from analysis.simulation.scenario import Scenario
    from shadowctl.rehearse.command import rehearse as rehearsed

    scenario = Scenario(
        rollouts=rollouts,
        minutes=minutes,
        failing_percent=failure,
        mismatch_percent=mismatch,
        slow_times=slow,
        by_record=by_record,
        unequal_users=unequal_users,
        handled=handled,
        healthy_percent=healthy_errors,
        failure_starts=failure_starts,
        daily_curve=daily_curve,
        seed=seed,
    )
    given = {"requests_per_day": requests_per_day, "users": users}
    shown, document = rehearsed(
        progress,
        route,
        scenario,
        assembly=cdk_out,
        traffic={name: value for name, value in given.items() if value is not None},
        compare=compare,
        report=report,
    )
    return Result(shown, document)


@verb(app, "new-route")
def new_route_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="such as Orders or get-order")],
    answers: Annotated[str, typer.Argument(metavar="REQUEST", help="such as 'GET /orders/{id}'")],
    root: Annotated[
        str | None, typer.Option(help="where imports start; by default lambdas or src")
    ] = None,
    package: Annotated[str, typer.Option(help="below root, for the route's folder")] = "routes",
    tests: Annotated[str | None, typer.Option(help="folder of the route's test")] = None,
    wrap: Annotated[
        str | None, typer.Option(metavar="MODULE:HANDLER", help="the old code, where it is there")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="behind a function URL")] = False,
) -> Result:
    """Write a route: both sides, requests, test, seed, stack and its line in app.py."""
    from shadowctl.new_route.command import new_route

    written = [
        *new_route(
            name, answers, root=root, package=package, tests=tests, wrap=wrap, is_public=public
        )
    ]
    return Result(written, {"written": written})


@verb(app)
def check(
    cdk_out: CdkOut = None,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="by default the day that it is, UTC"),
    ] = None,
    grace: Annotated[int, typer.Option(min=0, help="days after a clean-up")] = CLEAN_UP_DAYS,
) -> Result:
    """Fail where a route should have been finished; offline, of the sources alone."""
    from shadowctl.check import due

    day = (today or datetime.now(UTC)).date()
    routes = due(assembly=cdk_out, grace=timedelta(days=grace))
    over = [route for route in routes if route.is_over(day)]
    return Result(
        [route.line(day) for route in routes] or ["no routes"],
        {"today": f"{day}", "routes": [route.document(day) for route in routes]},
        [route.command for route in over],
        ExitCode.ERROR if over else ExitCode.DONE,
    )


@verb(app)
def sbom(
    cdk_out: CdkOut = None,
    to: Annotated[Path, typer.Option(file_okay=False, help="folder to write to")] = Path("sbom"),
) -> Result:
    """Write what each function is made of, as CycloneDX: its files and its locked packages."""
    from shadowctl.sbom import sboms, written
    from shadowctl.synthesis import app_folder, synthesize

    with TemporaryDirectory() as folder:
        if cdk_out is None:
            synthesize(app_folder(), cdk_out := Path(folder, "cdk.out"))
        files = written(dict(sboms(cdk_out)), to)
    return Result(files, {"written": files})


@verb(app, "finish")
def finish_command(
    route: Stack,
    cdk_out: CdkOut = None,
    override: Annotated[
        str, typer.Option(metavar="REASON", help="why, though something speaks against it")
    ] = "",
    embedded: Embedded = False,
) -> Result:
    """Check that a route is complete and quiet, and print the diff that ends its migration."""
    from shadowctl.finish.command import finish

    def say(line: str) -> None:
        print(line, file=sys.stderr)  # stdout is for `git apply`

    aws = session(embedded=embedded)
    done = finish(route, aws, assembly=cdk_out, override=override, say=say)
    for line in done.left:
        say(f"left to you: {line}")
    return Result([done.diff.removesuffix("\n")], {"diff": done.diff, "left": done.left})
