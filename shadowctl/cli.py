"""Every command and its options. Each imports what it needs, so that none waits for another's."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from shadow_runtime.contract import CLEAN_UP_DAYS
from shadowctl.screen import Steps
from shadowctl.times import duration, moment
from shadowctl.verb import ExitCode, Result, ending, usage, verb

if TYPE_CHECKING:
    import boto3

    from shadow_runtime.contract import Stage
    from shadowctl.functions import Functions
    from shadowctl.route import Route
    from shadowctl.status.seen import Clock

app = typer.Typer(
    help="Move API routes between stages, here and on AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
local = typer.Typer(help="The embedded AWS on this machine.", no_args_is_help=True)
app.add_typer(local, name="local")
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


@verb(app)
def stage(
    route: Stack,
    to: Annotated[
        str | None, typer.Argument(metavar="STAGE", help="off, shadow, canary, live or complete")
    ] = None,
    percent: Annotated[
        float | None, typer.Option(min=0.01, max=100, help="of the users, with canary")
    ] = None,
    embedded: Embedded = False,
    why: Why = "by shadowctl",
    override: Override = None,
    is_dry_run: DryRun = False,
) -> Result:
    """Show where a route is, or move it; waits until everybody is there."""
    from shadowctl.route import Route, wanted
    from shadowctl.stages import dry_run

    with usage():
        stage = wanted(to, percent) if to or percent else None
    reason = given(override)
    found = Route.find(route, session(embedded=embedded))
    if stage is None:
        return Result([found.where()], found.document())
    if is_dry_run:
        return dry_run(found, stage, override=reason)
    return _moved(found, stage, why=why, override=reason)


@verb(app)
def promote(
    route: Stack,
    percent: Annotated[
        float | None, typer.Option(min=0.01, max=100, help="of the users, where a canary follows")
    ] = None,
    embedded: Embedded = False,
    why: Why = "by shadowctl",
    override: Override = None,
    is_dry_run: DryRun = False,
) -> Result:
    """Move a route one step up: to its ramp's next step, or to the next stage."""
    from shadowctl.route import Route
    from shadowctl.stages import dry_run, next_stage

    reason = given(override)
    found = Route.find(route, session(embedded=embedded))
    with usage():
        stage = next_stage(found, percent)
    if is_dry_run:
        return dry_run(found, stage, override=reason)
    return _moved(found, stage, why=why, override=reason)


def given(override: str | None) -> str:
    """The reason of an override, if it is one."""
    with usage():
        if override is not None and not override.strip():
            raise ValueError("--override takes the reason, which is kept, such as 'incident 7'")
    return override or ""


def _moved(route: "Route", stage: "Stage", *, why: str, override: str) -> Result:
    with Steps(progress) as steps:
        line = route.move(stage, why=why, override=override, progress=steps.deployment)
    return Result([line], route.document(), [f"shadowctl status {route.stack}"])


@verb(app)
def off(
    routes: Annotated[
        list[str] | None, typer.Argument(metavar="ROUTE", help="names of the routes' stacks")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="every route of the account")] = False,
    embedded: Embedded = False,
    why: Why = "by shadowctl",
) -> Result:
    """Put users back on control, at once and without a question, whatever is under way."""
    from shadowctl.stages import off

    with usage():
        if bool(routes) == every:
            raise ValueError("name routes, or give --all; got both" if every else "name a route")
    return off(routes or [], session(embedded=embedded), why=why)


@verb(app)
def pause(route: Stack, embedded: Embedded = False, why: Why = "by shadowctl") -> Result:
    """Have a route's ramp wait where it is. People, rollbacks and the clean-up go on."""
    return _paused(route, True, embedded=embedded, why=why)


@verb(app)
def resume(route: Stack, embedded: Embedded = False, why: Why = "by shadowctl") -> Result:
    """Have a route's ramp go on."""
    return _paused(route, False, embedded=embedded, why=why)


def _paused(route: str, is_paused: bool, *, embedded: bool, why: str) -> Result:
    from shadowctl.route import Route
    from shadowctl.stages import paused

    found = Route.find(route, session(embedded=embedded))
    step = f"shadowctl resume {route}" if is_paused else f"shadowctl status {route}"
    with Steps(progress) as steps:
        line = paused(found, is_paused, why=why, progress=steps.deployment)
    return Result([line], found.document(), [step])


@verb(app)
def undo(
    route: Stack,
    embedded: Embedded = False,
    why: Why = "by shadowctl",
    override: Override = None,
) -> Result:
    """Have a route's flag say what it said before its last change."""
    from shadowctl.route import Route
    from shadowctl.stages import undone

    reason = given(override)
    found = Route.find(route, session(embedded=embedded))
    with Steps(progress) as steps:
        line = undone(found, why=why, override=reason, progress=steps.deployment)
    return Result([line], found.document(), [f"shadowctl history {route}"])


@verb(app, "history")
def history_command(
    route: Stack,
    last: Annotated[int, typer.Option(min=1, max=1_000, help="so many changes")] = 20,
    embedded: Embedded = False,
) -> Result:
    """Show who moved a route, when, why, and upon what evidence; the newest last."""
    from shadowctl.route import Route
    from shadowctl.stages import history

    return history(Route.find(route, session(embedded=embedded)), last=last)


@verb(app, "test-as")
def add_tester(
    route: Stack,
    user: Annotated[str, typer.Argument(help="a user's key, as `@migrating(user=…)` finds it")],
    embedded: Embedded = False,
) -> Result:
    """Let the candidate answer one user, from `canary` on, whatever their bucket says."""
    from shadowctl.route import Route

    found = Route.find(route, session(embedded=embedded))
    return Result([found.test_as(user, why=f"test-as {user}")], found.document())


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
    return _lines(logs(aws, functions.log_groups(), since=begun, follow=follow), follow=follow)


def asked(route: str, since: str, *, embedded: bool) -> "tuple[datetime, boto3.Session, Functions]":
    """Since when an operator asks about a route, and its functions."""
    from shadowctl.deployed import find_route
    from shadowctl.functions import Functions

    with usage():
        begun = None if since == "release" else moment(since, now=datetime.now(UTC))
    aws = session(embedded=embedded)
    functions = Functions(find_route(route, aws), aws)
    return begun or functions.released, aws, functions


def _lines(lines: Iterator[str], *, follow: bool) -> Result:
    """What is written goes on, as long as anybody looks."""
    if follow:
        return Result(_until_ctrl_c(lines), None)
    return Result(found := [*lines], {"lines": found})


def _until_ctrl_c(lines: Iterator[str]) -> Iterator[str]:
    with suppress(KeyboardInterrupt):
        yield from lines


@verb(app)
def plan(
    route: Stack,
    cdk_out: Annotated[
        Path | None, typer.Option(help="assembly to read; by default one is made of this tree")
    ] = None,
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


@verb(app)
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
    cdk_out: Annotated[
        Path | None, typer.Option(help="assembly to read; by default one is made of this tree")
    ] = None,
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


@verb(app, "finish")
def finish_command(
    route: Stack,
    cdk_out: Annotated[
        Path | None, typer.Option(help="assembly to read; by default one is made of this tree")
    ] = None,
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


@verb(app)
def demo() -> Result:
    """Deploy a real route to the embedded AWS and walk it through every stage."""
    from localaws.demo import demo

    is_as_it_should_be = demo(Console(highlight=False)) == 0
    code = ExitCode.DONE if is_as_it_should_be else ExitCode.ERROR
    return Result([], {"is_as_it_should_be": is_as_it_should_be}, code=code)


@verb(local, "up")
def local_up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one")] = 0,
    user: Annotated[
        str | None, typer.Option(help="whose token the commands hold; by default a route's USERS")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="reload whatever is saved")] = False,
) -> Result:
    """Start the embedded AWS and PostgreSQL, deploy every stack, and keep them running.

    Where one runs already, only what changed is deployed.
    """
    from localaws.up import up

    with Steps(progress) as steps:
        running = up(steps.report, port=port)
    user = user or running.sample_user()
    curls = running.curls(user)
    lines: list[RenderableType] = [
        *(Text(f"  {difference}", "dim") for difference in running.differences),
        f"\n{running.endpoint}, until `shadowctl local down`; as {user}:\n",
        *curls,
    ]
    if watch:
        from localaws.reload import watch as reloaded

        return Result(chain(lines, _until_ctrl_c(reloaded())), None)
    told = {"differences": running.differences, "user": user, "requests": curls}
    return Result(lines, {"endpoint": running.endpoint, **told})


@verb(local, "deploy")
def local_deploy() -> Result:
    """Deploy what changed in the app to the running embedded AWS, which keeps what it holds."""
    from localaws.up import deploy

    with Steps(progress) as steps:
        running = deploy(steps.report)
    line = f"deployed {', '.join(running.outputs)} in {sum(running.seconds.values()):.0f} s"
    return Result([line], {"stacks": [*running.outputs], "seconds": running.seconds})


@verb(local, "logs")
def local_logs(
    stack: Annotated[str | None, typer.Argument(help="by default all")] = None,
    since: Since = "10m",
    follow: Follow = False,
) -> Result:
    """Show what the functions of all stacks wrote."""
    from localaws.logs import log_groups
    from localaws.up import Local
    from shadowctl.logs import logs

    with usage():
        begun = moment(since, now=datetime.now(UTC))
    local = Local.load()
    groups = log_groups(local, stack)
    return _lines(logs(local.session(), groups, since=begun, follow=follow), follow=follow)


@local.command("psql", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def local_psql(context: typer.Context) -> None:
    """Open the embedded database as its superuser; options are psql's, such as -c."""
    from localaws.database import psql
    from localaws.up import Local

    with ending():
        sys.exit(subprocess.call([psql(), *context.args, Local.load().database_url]))


@verb(local, "down")
def local_down() -> Result:
    """Stop what `local up` started."""
    from localaws.up import down

    was_running = down()
    return Result(
        ["stopped" if was_running else "nothing was running"], {"was_running": was_running}
    )
