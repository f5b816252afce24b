"""The commands of the embedded AWS."""

import subprocess
import sys
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from shadowctl.commands.options import Follow, Since, as_they_come, progress, until_ctrl_c
from shadowctl.screen import Steps
from shadowctl.times import moment
from shadowctl.verb import ExitCode, Result, ending, usage, verb

app = typer.Typer()
local = typer.Typer(help="The embedded AWS on this machine.", no_args_is_help=True)
app.add_typer(local, name="local")


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

        return Result(chain(lines, until_ctrl_c(reloaded())), None)
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
    return as_they_come(logs(local.session(), groups, since=begun, follow=follow), follow=follow)


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
