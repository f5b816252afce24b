"""Every command and its options. Each imports what it needs, so that none waits for another's."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from shadow_runtime.contract import ShadowCanaryError
from shadowctl.screen import Steps

if TYPE_CHECKING:
    import boto3

app = typer.Typer(
    help="Move API routes between stages, here and on AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
local = typer.Typer(help="The embedded AWS on this machine.", no_args_is_help=True)
app.add_typer(local, name="local")
console = Console(highlight=False)

Stack = Annotated[str, typer.Argument(metavar="ROUTE", help="name of the route's stack")]
Embedded = Annotated[bool, typer.Option("--local", help="on the embedded AWS, not in your account")]


@contextmanager
def usage() -> Iterator[None]:
    """Turns a ValueError about what an operator typed into a usage error, exit code 2."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def session(*, embedded: bool) -> "boto3.Session":
    """The embedded AWS, or the account of the operator's credentials."""
    import boto3

    from localaws.up import Local

    return Local.load().session() if embedded else boto3.Session()


@app.command()
def stage(
    route: Stack,
    to: Annotated[
        str | None, typer.Argument(metavar="STAGE", help="off, shadow, canary, live or complete")
    ] = None,
    percent: Annotated[
        float | None, typer.Option(min=0.01, max=100, help="of the users, with canary")
    ] = None,
    embedded: Embedded = False,
    why: Annotated[str, typer.Option(help="kept with the deployment")] = "by shadowctl",
) -> None:
    """Show where a route is, or move it; waits until everybody is there."""
    from shadowctl.route import Route, wanted

    with usage():
        stage = wanted(to, percent) if to or percent else None
    found = Route.find(route, session(embedded=embedded))
    if stage is None:
        print(found.where())
        return
    with Steps(console) as steps:
        line = found.move(
            stage, why=why, progress=lambda state, done: steps.count(state.lower(), done, 100)
        )
    print(line)


@app.command("test-as")
def add_tester(
    route: Stack,
    user: Annotated[str, typer.Argument(help="a user's key, as `@migrating(user=…)` finds it")],
    embedded: Embedded = False,
) -> None:
    """Let the candidate answer one user, from `canary` on, whatever their bucket says."""
    from shadowctl.route import Route

    found = Route.find(route, session(embedded=embedded))
    print(found.test_as(user, why=f"test-as {user}"))


@app.command()
def status(
    route: Stack,
    version: Annotated[
        str | None, typer.Option(help="of the candidate; by default the newest that is asked")
    ] = None,
    mismatch_percent: Annotated[float, typer.Option(help="of the pairs may differ")] = 0.1,
    fault_percent: Annotated[float, typer.Option(help="of the requests may fail")] = 1,
    minimum_hours: Annotated[int, typer.Option(help="with pairs, before anything passes")] = 0,
    embedded: Embedded = False,
) -> None:
    """Show where a route is, which alarms are in ALARM, and whether its candidate is proven."""
    from judge import Tolerances
    from shadowctl.route import Route
    from shadowctl.status import status as status_of

    with usage():
        tolerances = Tolerances(
            mismatch_percent=mismatch_percent,
            fault_percent=fault_percent,
            minimum_hours=minimum_hours,
        )
    aws = session(embedded=embedded)
    found = Route.find(route, aws)
    for line in status_of(found, aws, tolerances=tolerances, version=version):
        print(line)


@app.command()
def routes(embedded: Embedded = False) -> None:
    """List every route of the account, and where each is."""
    from shadowctl.deployed import every
    from shadowctl.route import Route

    aws = session(embedded=embedded)
    for found in every(aws):
        print(f"{found.stack:<20} {Route.of(found, aws).where()}")


@app.command()
def plan(
    route: Stack,
    cdk_out: Annotated[
        Path | None, typer.Option(help="assembly to read; by default one is made of this tree")
    ] = None,
    days: Annotated[float, typer.Option(min=1, help="from launch to clean-up")] = 7,
    control_ms: Annotated[float, typer.Option(min=0, help="of control for an answer")] = 20,
    candidate_ms: Annotated[float, typer.Option(min=0, help="of the candidate")] = 60,
) -> None:
    """Show what a route may do, what takes it back and what it costs, as Markdown."""
    from shadowctl.plan.command import planned

    times = {"days": days, "control_ms": control_ms, "candidate_ms": candidate_ms}
    print(planned(route, assembly=cdk_out, **times))


@app.command("diff")
def diff_command(
    route: Stack,
    base: Annotated[str, typer.Option(help="commit to compare with")] = "origin/main",
) -> None:
    """Show what this branch changes in a stack, offline and without credentials."""
    from shadowctl.diff import diff

    diff(route, base=base)


@app.command()
def rehearse(
    route: Stack,
    cdk_out: Annotated[
        Path | None, typer.Option(help="assembly to read; by default one is made of this tree")
    ] = None,
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
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
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
    rehearsed(
        console,
        route,
        scenario,
        assembly=cdk_out,
        traffic={name: value for name, value in given.items() if value is not None},
        compare=compare,
        report=report,
        as_json=as_json,
    )


@app.command("new-route")
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
) -> None:
    """Write a route: both sides, requests, test, seed, stack and its line in app.py."""
    from shadowctl.new_route.command import new_route

    for line in new_route(
        name, answers, root=root, package=package, tests=tests, wrap=wrap, is_public=public
    ):
        print(line)


@app.command()
def demo() -> None:
    """Deploy a real route to the embedded AWS and walk it through every stage."""
    from localaws.demo import demo

    sys.exit(demo(console))


@local.command("up")
def local_up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one")] = 0,
    user: Annotated[
        str | None, typer.Option(help="whose token the commands hold; by default a route's USERS")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="reload whatever is saved")] = False,
) -> None:
    """Start the embedded AWS and PostgreSQL, deploy every stack, and keep them running.

    Where one runs already, only what changed is deployed.
    """
    from localaws.up import up

    with Steps(console) as steps:
        running = up(steps.report, port=port)
    user = user or running.sample_user()
    for line in running.differences:
        console.print(f"  [dim]{line}[/]")
    console.print(f"\n{running.endpoint}, until `shadowctl local down`; as {user}:\n")
    for command in running.curls(user):
        print(command)
    if watch:
        from localaws.reload import watch as watch_files

        with suppress(KeyboardInterrupt):
            watch_files(lambda line: print(line, flush=True))


@local.command("deploy")
def local_deploy() -> None:
    """Deploy what changed in the app to the running embedded AWS, which keeps what it holds."""
    from localaws.up import deploy

    with Steps(console) as steps:
        running = deploy(steps.report)
    print(f"deployed {', '.join(running.outputs)} in {sum(running.seconds.values()):.0f} s")


@local.command("logs")
def local_logs(
    route: Annotated[
        str | None, typer.Argument(metavar="[ROUTE]", help="name of its stack; by default all")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="to look back")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="until Ctrl-C")] = False,
) -> None:
    """Show what the functions wrote."""
    from localaws.logs import logs
    from localaws.up import Local

    with suppress(KeyboardInterrupt):
        for line in logs(Local.load(), route, minutes=minutes, follow=follow):
            print(line, flush=follow)


@local.command("psql", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def local_psql(context: typer.Context) -> None:
    """Open the embedded database as its superuser; options are psql's, such as -c."""
    from localaws.database import psql
    from localaws.up import Local

    sys.exit(subprocess.call([psql(), *context.args, Local.load().database_url]))


@local.command("down")
def local_down() -> None:
    """Stop what `local up` started."""
    from localaws.up import down

    print("stopped" if down() else "nothing was running")


def main() -> None:
    """Runs a command; an expected failure is one line, and exit code 1."""
    try:
        app()
    except (ShadowCanaryError, BotoCoreError, ClientError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"[red]shadowctl:[/] {escape(str(error))}"
        )
        sys.exit(1)
