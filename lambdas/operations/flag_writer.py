"""The one way in which a flag moves, for people and for machines."""

from collections.abc import Callable, Sequence

from botocore.exceptions import ClientError

from operations.hosted_flag import Document, FlagWriterError, HostedFlag, Report, position
from shadow_runtime.contract import FLAG_KEY, Stage

_TRIES = 10
_OTHER_WRITER = frozenset(
    {
        ("CreateHostedConfigurationVersion", "ConflictException"),
        ("StartDeployment", "ConflictException"),
        ("StopDeployment", "BadRequestException"),
    }
)
"""What AppConfig says when another writer was first, or when the one to be stopped has ended."""


Red = Callable[[], Sequence[str]]
"""Tells which exposure alarms of the route are red."""


def move(flag: HostedFlag, to: Stage, *, why: str, red: Red, report: Report | None = None) -> bool:
    """Moves `flag` to the stage `to`; False when it is there already.

    What else the flag says (the shadow's share, the testers) stays as it is.

    Lowering stops a deployment that is under way, and reaches everybody at once. Raising waits for
    one, and goes gradually; it is refused while an alarm is `red`, because an alarm calls only when
    it turns red. What another writer changed meanwhile is read and built upon.

    Raises:
        FlagWriterError: an alarm is red, other writers were faster each time, or the change was
            taken back.

    Example:
        >>> move(flag, Stage.SHADOW, why="first comparison", red=alarms.red)  # doctest: +SKIP
        True
    """
    return _change(flag, lambda document: _at(document, to), why, red, report)


def lower(flag: HostedFlag, to: Stage, *, why: str) -> bool:
    """Moves `flag` down to `to`, at once; False when it is there already, or lower.

    Raises what `move` raises, and asks no alarm: lowering is always possible.
    """

    def change(document: Document) -> Document:
        return _at(document, lowered(position(document).stage, to))

    return _change(flag, change, why)


def lowered(stage: Stage, to: Stage) -> Stage:
    """Where a machine may move a route that is at `stage`: never up."""
    return min(stage, to)


def _at(document: Document, stage: Stage) -> Document:
    if position(document).stage == stage:
        return document
    there = document["values"][FLAG_KEY]
    values = {**there, "enabled": True, "stage": stage.name, "canary_percent": stage.percent}
    return {**document, "values": {**document["values"], FLAG_KEY: values}}


def deprecate(flag: HostedFlag, date: str, *, why: str) -> bool:
    """Marks `flag` as to be removed after `date` (YYYY-MM-DD) and serves it on.

    False when it is marked already. Raises what `move` raises.
    """

    def deprecated(document: Document) -> Document:
        own = {"_deprecation": {"status": "planned", "date": date}, **document["flags"][FLAG_KEY]}
        return {**document, "flags": {**document["flags"], FLAG_KEY: own}}

    return _change(flag, deprecated, why)


def _change(
    flag: HostedFlag,
    change: Callable[[Document], Document],
    why: str,
    red: Red = tuple,
    report: Report | None = None,
) -> bool:
    report = report or (lambda _state, _percent: None)
    stopped = False
    for _ in range(_TRIES):
        deployed = flag.deployed()
        wanted = change(deployed.document)
        before, after = deployed.position.stage, position(wanted).stage
        try:
            if deployed.is_running and after < before:
                flag.stop(deployed)
                stopped = True
            elif deployed.is_running:
                flag.wait(deployed.number, report)
            elif wanted == deployed.document and deployed.is_ours:
                return stopped
            else:
                raising = after > before
                if raising:
                    _refuse(red())
                number = flag.deploy(wanted, raising=raising, why=why, after=deployed)
                if raising and (turned := red()):  # between the question and the deployment
                    lower(flag, before, why=f"{turned[0]} turned red")
                    _refuse(turned)
                flag.wait(number, report)
                return True
        except ClientError as error:
            if (error.operation_name, error.response["Error"]["Code"]) not in _OTHER_WRITER:
                raise
            flag.sleep(1)
    raise FlagWriterError(
        f"other writers changed the flag {_TRIES} times in a row; see who moves it "
        "(CloudTrail: StartDeployment), then try again"
    )


def _refuse(red: Sequence[str]) -> None:
    if red:
        raise FlagWriterError(
            f"red: {', '.join(red)}. An alarm calls only when it turns red, so nothing is raised "
            "meanwhile. Look for the cause; it turns green by itself when its window has passed"
        )
