"""The one way in which a flag moves, for people and machines: none is lost, none jumps."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from botocore.exceptions import ClientError

from operations.flag import Deployed, Document, FlagWriterError, HostedFlag, Progress, position
from operations.transitions import Change, Evidence, Who
from shadow_runtime.contract import FLAG_KEY, Position, Stage, flag_document

Objections = Callable[[Stage], Sequence[str]]
"""Returns why nobody may be moved up to a stage now, each with what to do."""


def unopposed(_to: Stage) -> Sequence[str]:
    """Of a move against which nothing speaks."""
    return ()


_ATTEMPTS = 10
_POLL_SECONDS = 1
_LONGEST_OVERRIDE = 200
"""Characters of a reason: every execution environment receives it with the flag."""

_OTHER_WRITER = frozenset(
    {
        ("CreateHostedConfigurationVersion", "ConflictException"),
        ("StartDeployment", "ConflictException"),
        ("StopDeployment", "BadRequestException"),
    }
)
"""What AppConfig says when another writer was first, or when the one to be stopped has ended."""

_NOT_VALIDATED = frozenset(
    {
        ("StartDeployment", "BadRequestException"),
        ("StartDeployment", "InternalServerException"),
    }
)
"""What it says when the validator refuses a document, or fails: docs/adr says what follows."""


def move(
    flag: HostedFlag,
    to: Stage,
    *,
    who: Who,
    why: str,
    objections: Objections,
    override: str = "",
    evidence: Evidence | None = None,
    progress: Progress | None = None,
) -> bool:
    """Moves `flag` to the stage `to`; False when it is there already.

    What else the flag says (the shadow's share, the testers) stays as it is. The deployment keeps
    `who`, `why`, from which stage to which, and `evidence`.

    Lowering stops a deployment that is under way, and reaches everybody at once. Raising waits for
    one, and goes gradually; beyond `shadow` it is refused while there are `objections`. What
    another writer changed meanwhile is read and built upon. `override` is the reason for a move
    that the flag's transitions refuse, and is kept in the flag.

    Raises:
        FlagWriterError: the transitions refuse it, there are objections, other writers were faster
            each time, or the change was taken back.

    Example:
        >>> move(flag, Stage.SHADOW, who=Who(Writer.PERSON, "ada"), why="first comparison",
        ...      objections=observer.objections)  # doctest: +SKIP
        True
    """
    return _change(
        flag,
        lambda deployed: _at(deployed.document, to),
        who=who,
        why=why,
        evidence=evidence,
        objections=objections,
        override=override,
        progress=progress,
    )


def advance(
    flag: HostedFlag,
    to: Stage,
    *,
    upon: Deployed,
    who: Who,
    why: str,
    objections: Objections,
    evidence: Evidence | None = None,
) -> bool:
    """Begins to raise `flag` from `upon` to `to`; False when another writer was faster.

    It is done upon the very deployment that was seen, or not at all, and waits for nobody: a raise
    goes on for minutes, and whoever looks next sees how far it came.

    Raises:
        FlagWriterError: the transitions refuse it; or there are objections by now, so that it was
            taken back.
    """
    _refuse(flag, upon.stage, to, override="")
    kept = Change(who, why, upon.stage, to, evidence or {})
    document = _at(upon.document, to)
    try:
        flag.deploy(document, raising=True, description=kept.description(), after=upon)
    except ClientError as error:
        if _was_slower(flag, upon, error):
            return False
        raise
    _object_to_raised(flag, upon.position.stage, to, who, objections)
    return True


def lower(
    flag: HostedFlag, to: Stage, *, who: Who, why: str, evidence: Evidence | None = None
) -> bool:
    """Moves `flag` down to `to`, at once; False when it was there already, or lower.

    True as well when an earlier attempt of `who` did it. What cannot be read goes to `off`. Raises
    what `move` raises, hears no objection and skips what stages it must: `why` is its reason.
    """

    def change(deployed: Deployed) -> Document:
        wanted = lowered(deployed.position.stage, to) if deployed.is_ours else Stage.OFF
        return _at(deployed.document, wanted)

    done = _change(flag, change, who=who, why=why, evidence=evidence, override=why)
    return done or was_done(flag, who)


def lowered(stage: Stage, to: Stage) -> Stage:
    """Where a machine may move a route that is at `stage`: never up."""
    return min(stage, to)


def add_tester(flag: HostedFlag, user: str, *, who: Who, why: str) -> bool:
    """Lets the candidate answer `user` from `canary` on; False when it would already.

    It moves nobody else. Raises what `move` raises.

    Raises:
        FlagWriterError: what is deployed cannot be read, so that nobody knows what to add to.
    """

    def added(values: dict[str, Any]) -> dict[str, Any]:
        on_control = [each for each in values.get("control_users", []) if each != user]
        on_candidate = [*dict.fromkeys([*values.get("candidate_users", []), user])]
        return {"candidate_users": on_candidate, "control_users": on_control}

    return _set(flag, added, who, why)


def pause(
    flag: HostedFlag, paused: bool, *, who: Who, why: str, progress: Progress | None = None
) -> bool:
    """Has the ramp wait where it is, or go on; False when it does already.

    Nobody is moved by it, and people move the flag all the same. A raise that is under way ends
    first. Raises what `add_tester` raises.
    """
    return _set(flag, lambda _values: {"paused": paused}, who, why, progress)


def undo(
    flag: HostedFlag,
    *,
    who: Who,
    why: str,
    objections: Objections,
    override: str = "",
    progress: Progress | None = None,
) -> bool:
    """Has `flag` say all that it said before its last change; False when it does.

    Undone again, that change is back. It is a move as any other; raises what `move` raises.

    Raises:
        FlagWriterError: what it said is not known any more, or another writer changed it meanwhile.
    """
    last = flag.deployed()
    before = flag.before(last.number)

    def change(deployed: Deployed) -> Document:
        if deployed.number > last.number:
            raise FlagWriterError(
                f"deployment {deployed.number} came meanwhile: look at `shadowctl history`, and "
                "undo that one"
            )
        return _with(before, override="")

    return _change(
        flag,
        change,
        who=who,
        why=why,
        evidence={"undone": last.number},
        objections=objections,
        override=override,
        progress=progress,
    )


def record(flag: HostedFlag, until: float, *, who: Who, why: str) -> bool:
    """Has the shadow write requests, masked, until then, in seconds since 1970; 0 ends it.

    It ends by itself, and moves nobody. Raises what `add_tester` raises.
    """
    return _set(flag, lambda _values: {"record_until": until}, who, why)


def deprecate(
    flag: HostedFlag, date: str, *, who: Who, why: str, evidence: Evidence | None = None
) -> bool:
    """Marks `flag`, which is `complete`, as to be removed after `date` (YYYY-MM-DD).

    It is served on. False when it was marked already, other than by an earlier attempt of `who`, or
    is not `complete` any more. Raises what `move` raises.
    """

    def deprecated(deployed: Deployed) -> Document:
        if deployed.stage != Stage.COMPLETE:
            return deployed.document
        flags = deployed.document["flags"]
        own = {"_deprecation": {"status": "planned", "date": date}, **flags[FLAG_KEY]}
        return {**deployed.document, "flags": {**flags, FLAG_KEY: own}}

    done = _change(flag, deprecated, who=who, why=why, evidence=evidence)
    return done or was_done(flag, who)


def _set(
    flag: HostedFlag,
    changed: Callable[[dict[str, Any]], dict[str, Any]],
    who: Who,
    why: str,
    progress: Progress | None = None,
) -> bool:
    """Changes some of the flag's values, and no stage."""

    def change(deployed: Deployed) -> Document:
        if not deployed.is_ours:
            raise FlagWriterError("what the flag says cannot be read; move it to off first")
        return _with(deployed.document, **changed(deployed.document["values"][FLAG_KEY]))

    return _change(flag, change, who=who, why=why, progress=progress)


def _change(
    flag: HostedFlag,
    change: Callable[[Deployed], Document],
    *,
    who: Who,
    why: str,
    evidence: Evidence | None = None,
    objections: Objections = unopposed,
    override: str = "",
    progress: Progress | None = None,
) -> bool:
    progress = progress or (lambda _state, _percent: None)
    stopped, refused = Stage.OFF, ""
    for _ in range(_ATTEMPTS):
        deployed = flag.deployed()
        wanted = change(deployed)
        before, after = deployed.position.stage, position(wanted).stage
        try:
            if deployed.is_running and after < before:
                flag.stop(deployed)
                stopped = before
                continue
            overridden = _refuse(flag, deployed.stage, after, override)
            if deployed.is_running:
                flag.wait(deployed.number, progress)
            elif wanted == deployed.document and deployed.is_ours and stopped == Stage.OFF:
                return False
            else:
                raising = after > before
                exposing = raising and after > Stage.SHADOW
                if exposing:
                    _object(objections(after))
                if overridden:
                    wanted = _with(wanted, override=_reason(override, deployed.stage, after))
                left = max(before, stopped) if deployed.is_ours else None
                passed = {"validator": refused} if refused else {}
                kept = Change(who, why, left, after, {**(evidence or {}), **overridden, **passed})
                with flag.unvalidated() if refused and after == Stage.OFF else nullcontext():
                    number = flag.deploy(
                        wanted, raising=raising, description=kept.description(), after=deployed
                    )
                if exposing:
                    _object_to_raised(flag, before, after, who, objections)
                flag.wait(number, progress)
                return True
        except ClientError as error:
            if _was_slower(flag, deployed, error):
                flag.sleep(_POLL_SECONDS)
            elif _failed(error) in _NOT_VALIDATED:
                refused = _passable(error.response["Error"]["Message"], after, again=bool(refused))
            elif refused:
                raise FlagWriterError(
                    f"the flag's validator fails ({refused}) and cannot be taken off ({error}): "
                    "take it off the profile in AppConfig's console, then try again"
                ) from error
            else:
                raise
    raise FlagWriterError(
        f"other writers changed the flag {_ATTEMPTS} times in a row; see who moves it "
        "(CloudTrail: StartDeployment), then try again"
    )


def _passable(refusal: str, after: Stage, *, again: bool) -> str:
    """Why the validator fails, which refuses no move to `off` itself: that goes past it.

    Raises:
        FlagWriterError: it is another move, or goes past it already.
    """
    if after == Stage.OFF and not again:
        return refusal
    raise FlagWriterError(f"AppConfig does not deploy it: {refusal}")


def _refuse(flag: HostedFlag, before: Stage | None, after: Stage, override: str) -> Evidence:
    """What the transitions refuse and the override passes, as evidence.

    Raises:
        FlagWriterError: nothing passes it.
    """
    refusal = flag.transitions.refusal(before, after)
    if refusal is None:
        return {}
    if still := flag.transitions.refusal(before, after, override=override):
        raise FlagWriterError(still)
    return {"overridden": refusal}


def _reason(override: str, before: Stage | None, after: Stage) -> str:
    """One that is never the one before: that would count for nothing."""
    return f"{override[:_LONGEST_OVERRIDE]} (from {before or 'unreadable'} to {after})"


def was_done(flag: HostedFlag, who: Who) -> bool:
    """Whether an earlier attempt of `who` made the deployment that is served."""
    change = flag.change(flag.deployed().number)
    return change is not None and change.who == who


def _object(objections: Sequence[str]) -> None:
    if objections:
        raise FlagWriterError(f"nobody is exposed: {'; '.join(objections)}")


def _object_to_raised(
    flag: HostedFlag, before: Stage, after: Stage, who: Who, objections: Objections
) -> None:
    """Takes a raise back that is objected to between the question and the deployment."""
    if found := objections(after):
        lower(flag, before, who=who, why=found[0])
        _object(found)


def _was_slower(flag: HostedFlag, deployed: Deployed, error: ClientError) -> bool:
    """Whether another writer has changed the flag since `deployed` was seen."""
    return _failed(error) in _OTHER_WRITER or flag.deployed().latest != deployed.latest


def _failed(error: ClientError) -> tuple[str, str]:
    return error.operation_name, error.response["Error"]["Code"]


def _at(document: Document, stage: Stage) -> Document:
    if position(document).stage == stage:
        return document
    return _with(
        document, enabled=True, stage=stage.name, canary_percent=stage.percent, override=""
    )


def _with(document: Document, **changed: Any) -> Document:
    """`document` with other values of its flag, and the attributes that they need."""
    flags, values = document["flags"], document["values"]
    its = {**flags[FLAG_KEY], "attributes": {**_ATTRIBUTES, **flags[FLAG_KEY]["attributes"]}}
    return {
        **document,
        "flags": {**flags, FLAG_KEY: its},
        "values": {**values, FLAG_KEY: {**values[FLAG_KEY], **changed}},
    }


_ATTRIBUTES = flag_document(Position.OFF)["flags"][FLAG_KEY]["attributes"]
"""A document of an earlier release lacks some."""
