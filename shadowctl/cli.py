"""Every command and its options."""

import sys
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from analysis.simulation.scenario import Scenario
from judge import Tolerances
from localaws.demo.walk import walk
from localaws.errors import LocalError
from localaws.up import Local, down, up
from operations.hosted_flag import FlagWriterError
from shadowctl import stage as stages
from shadowctl.diff import DiffError, diff
from shadowctl.rehearse.command import rehearse as rehearsed
from shadowctl.route import Route, RouteError
from shadowctl.screen import Steps
from shadowctl.status import status as status_of
from shadowctl.synthesis import SynthesisError

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
    found = Route.find(route, Local.load().session() if embedded else boto3.Session())
    if to is None:
        console.print(stages.shown(found))
        return
    wanted = stages.wanted(to, percent)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    )
    with bar:
        task = bar.add_task("deploying the flag", total=100)
        line = stages.moved(
            found,
            wanted,
            why=why,
            report=lambda state, done: bar.update(task, description=state, completed=done),
        )
    console.print(line)


@app.command()
def status(
    route: Stack,
    hours: Annotated[int, typer.Option(min=1, max=360, help="of metrics to judge")] = 24,
    mismatch_percent: Annotated[float, typer.Option(help="of the pairs may differ")] = 0.1,
    fault_percent: Annotated[float, typer.Option(help="of the requests may fail")] = 1,
    embedded: Embedded = False,
) -> None:
    """Show where a route is, which alarm is red, and whether its candidate is proven good."""
    aws = Local.load().session() if embedded else boto3.Session()
    tolerances = Tolerances(mismatch_percent=mismatch_percent, fault_percent=fault_percent)
    found, cloudwatch = Route.find(route, aws), aws.client("cloudwatch")
    for line in status_of(found, cloudwatch, hours=hours, tolerances=tolerances):
        console.print(line, soft_wrap=True)


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
    from shadowctl.plan.command import planned  # inside: it imports the CDK, which takes a second

    times = {"days": days, "control_ms": control_ms, "candidate_ms": candidate_ms}
    print(planned(route, assembly=cdk_out, **times))


@app.command("diff")
def diff_command(
    route: Stack,
    base: Annotated[str, typer.Option(help="commit to compare with")] = "origin/main",
) -> None:
    """Show what this branch changes in a stack, offline and without credentials."""
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
    handled: Annotated[bool, typer.Option(help="failures answer 500 and do not crash")] = False,
    healthy_errors: Annotated[float, typer.Option(help="percent that fail anyway")] = 0.1,
    failure_starts: Annotated[int, typer.Option(help="minute of the failure's start")] = 0,
    daily_curve: Annotated[bool, typer.Option(help="more traffic by day than by night")] = False,
    requests_per_day: Annotated[
        float | None, typer.Option(help="instead of the template's expectation")
    ] = None,
    users: Annotated[int | None, typer.Option(help="instead of the template's")] = None,
    report: Annotated[Path | None, typer.Option(help="page to write, with plots")] = None,
    compare: Annotated[
        str | None, typer.Option(help="assembly, template or commit to play beside")
    ] = None,
    seed: Annotated[int, typer.Option(help="the same one gives the same numbers")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Play a route's rollout with a failure many times, before any user takes part."""
    scenario = Scenario(
        rollouts=rollouts,
        minutes=minutes,
        failing_percent=failure,
        mismatch_percent=mismatch,
        slow_times=slow,
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


@app.command()
def demo() -> None:
    """Deploy a real route to the embedded AWS and walk it through every stage."""
    sys.exit(walk(console))


@local.command("up")
def local_up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one")] = 0,
) -> None:
    """Start the embedded AWS and PostgreSQL, deploy every stack, and keep them running."""
    with Steps(console) as steps:
        running = up(steps.report, port=port)
    for line in running.replaced:
        console.print(f"  [dim]{line}[/]")
    user = "user-001"
    console.print(f"\n{running.api_url}/users/me, until `shadowctl local down`; as {user}:\n")
    token = running.tokens([user])[user]
    console.print(
        f"curl -H 'Authorization: Bearer {token}' {running.api_url}/users/me", soft_wrap=True
    )


@local.command("down")
def local_down() -> None:
    """Stop what `local up` started."""
    console.print("stopped" if down() else "nothing was running")


def main() -> None:
    """Runs a command; what goes wrong is one line, and exit code 1."""
    try:
        app()
    except (
        *(LocalError, RouteError, DiffError, SynthesisError, FlagWriterError, ValueError),
        *(BotoCoreError, ClientError),
    ) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]shadowctl:[/] {error}")
        sys.exit(1)
