"""The one way in which a flag moves, for people and for machines."""

from collections.abc import Callable

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


def move(flag: HostedFlag, to: Stage, *, why: str, report: Report | None = None) -> bool:
    """Moves `flag` to the stage `to`; False when it is there already.

    What else the flag says (the shadow's share, the testers) stays as it is.

    Lowering stops a deployment that is under way, and reaches everybody at once. Raising waits for
    one, and goes gradually. What another writer changed meanwhile is read and built upon.

    Raises:
        FlagWriterError: other writers were faster each time, or the change was taken back.

    Example:
        >>> move(flag, Stage.SHADOW, why="first comparison")  # doctest: +SKIP
        True
    """

    def moved(document: Document) -> Document:
        if position(document).stage == to:
            return document
        there = document["values"][FLAG_KEY]
        values = {**there, "enabled": True, "stage": to.name, "canary_percent": to.percent}
        return {**document, "values": {**document["values"], FLAG_KEY: values}}

    return _change(flag, moved, why, report)


def deprecate(flag: HostedFlag, date: str, *, why: str) -> bool:
    """Marks `flag` as to be removed after `date` (YYYY-MM-DD) and serves it on.

    False when it is marked already. Raises what `move` raises.
    """

    def deprecated(document: Document) -> Document:
        own = {"_deprecation": {"status": "planned", "date": date}, **document["flags"][FLAG_KEY]}
        return {**document, "flags": {**document["flags"], FLAG_KEY: own}}

    return _change(flag, deprecated, why, None)


def _change(
    flag: HostedFlag, change: Callable[[Document], Document], why: str, report: Report | None
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
                number = flag.deploy(wanted, raising=after > before, why=why, after=deployed)
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
