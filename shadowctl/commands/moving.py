"""The commands that move a route."""

from typing import TYPE_CHECKING, Annotated

import typer

from shadowctl.commands.options import DryRun, Embedded, Override, Stack, Why, progress, session
from shadowctl.screen import Steps
from shadowctl.verb import Result, usage, verb

if TYPE_CHECKING:
    from shadow_runtime.contract import Stage
    from shadowctl.route import Route

app = typer.Typer()


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
