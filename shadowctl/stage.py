"""Show or move a route's position."""

from operations.flag_writer import move
from operations.hosted_flag import Report
from shadow_runtime.contract import Stage
from shadowctl.route import Route


def wanted(stage: str, percent: float | None) -> Stage:
    """The stage that an operator's words ask for.

    Raises:
        ValueError: an unknown stage, a canary without a percentage or a percentage without canary.
    """
    if (stage == "canary") != (percent is not None):
        raise ValueError(
            f"a canary needs --percent, and no other stage takes it; got {stage} "
            f"with {'no percentage' if percent is None else f'--percent {percent:g}'}"
        )
    return Stage.of(stage, percent=percent or 0)


def shown(route: Route) -> str:
    """Where the route is, in one line."""
    deployed = route.flag.deployed()
    position = deployed.position.stage
    under_way = f", a change is under way ({deployed.state})" if deployed.is_running else ""
    return f"{route.name}: {acting(position, route.ceiling)}{under_way}"


def acting(position: Stage, ceiling: Stage) -> str:
    """What the route does at `position`, and whether the ceiling holds it lower."""
    if position <= ceiling:
        return f"at {position}, ceiling {ceiling}"
    return (
        f"at {ceiling}: the flag says {position}, but the ceiling in git holds it; raise `ceiling` "
        "in the route's stack and deploy"
    )


def moved(route: Route, to: Stage, *, why: str, report: Report) -> str:
    """Moves the route to `to` and says where it then is, in one line.

    Raises:
        FlagWriterError: an alarm is red, or the flag could not be moved.
    """
    changed = move(route.flag, to, why=why, red=route.alarms.red, report=report)
    return f"{route.name}: {'now' if changed else 'already'} {acting(to, route.ceiling)}"
