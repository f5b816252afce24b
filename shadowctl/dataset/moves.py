"""What moves a dataset: who is the authority, and whether anything is copied."""

from collections.abc import Callable, Sequence

import boto3

from dataset.register import FENCE_S, LEASE_S, Phase
from operations.dataset_function import DatasetError, DatasetFunction, DatasetStatus
from operations.dataset_needs import next_step
from shadow_runtime.contract import Stage
from shadowctl.dataset.answers import refused, told
from shadowctl.dataset.screen import document
from shadowctl.deployed import every
from shadowctl.route import Route
from shadowctl.verb import ExitCode, Result

Confirm = Callable[[str], None]
"""Asks a person, and raises where the answer is not yes."""


def dry_run(dataset: DatasetFunction) -> Result:
    """What a switch would do, and what would refuse it now; nothing is changed."""
    status = dataset.status()
    if status.phase is Phase.SWITCHED:
        return _already(status)
    answer = dataset.ask("preview", to=Phase.SWITCHED)
    refusal = told(dataset, answer, "refusal", str)
    holds_s = told(dataset, answer, "holdsS", float)
    lines = [
        f"{dataset.name}: at {status.phase}, {status.queued:,} keys wait to be copied; nothing is "
        "changed",
        f"1. hold writes, for about {holds_s:.0f} s, {FENCE_S:.0f} s at most; reads go on",
        f"2. let those end that have begun, within {LEASE_S:g} s, and copy all to the candidate",
        "3. make the candidate the authority; what it writes is copied to control",
    ]
    if refusal:
        lines.append(f"   refused: {refusal}")
    known = {**document(status), "refused": refusal, "holds_s": holds_s}
    step = next_step(status)
    return Result(lines, known, [step], ExitCode.ERROR if refusal else ExitCode.DONE)


def switch(dataset: DatasetFunction, confirm: Confirm) -> Result:
    """Makes the candidate the authority.

    Raises:
        DatasetError: it is refused, or nobody said yes.
    """
    status = dataset.status()
    if status.phase is Phase.SWITCHED:
        return _already(status)
    answer = dataset.ask("preview", to=Phase.SWITCHED)
    if refusal := told(dataset, answer, "refusal", str):
        raise refused(status, refusal, "switch")
    holds_s = told(dataset, answer, "holdsS", float)
    confirm(
        f"{dataset.name}: writes are held for about {holds_s:.0f} s, {FENCE_S:.0f} s at most, and "
        "then the candidate is the authority"
    )
    return _moved(dataset, Phase.SWITCHED, "switch", f"`{dataset.command} switch-back`")


def switch_back(dataset: DatasetFunction) -> Result:
    """Makes control the authority again, without a question.

    Raises:
        DatasetError: it is refused.
    """
    status = dataset.status()
    if status.phase is Phase.COMPLETE:
        raise DatasetError(
            f"{dataset.name} is at complete, and control has had no write since: no way leads back"
        )
    if status.phase is not Phase.SWITCHED:
        return _already(status)
    return _moved(dataset, Phase.SYNCED, "switch-back")


def off(dataset: DatasetFunction) -> Result:
    """Ends all copying; a later backfill begins anew.

    Raises:
        DatasetError: the candidate is the authority.
    """
    status = dataset.status()
    if status.phase is Phase.OFF:
        return _already(status)
    if status.phase is Phase.SWITCHED:
        raise DatasetError(
            f"{dataset.name} is at switched, and control is not the authority: "
            f"`{dataset.command} switch-back` first"
        )
    return _moved(dataset, Phase.OFF, "off")


def complete(dataset: DatasetFunction, aws: boto3.Session, confirm: Confirm) -> Result:
    """Ends the copies to control: no way leads back from there.

    Raises:
        DatasetError: it is refused, control still answers users of a route, or nobody said yes.
    """
    status = dataset.status()
    if status.phase is Phase.COMPLETE:
        return _already(status)
    if refusal := told(dataset, dataset.ask("preview", to=Phase.COMPLETE), "refusal", str):
        raise refused(status, refusal, "complete")
    if asked := _on_control(dataset, aws):
        routes = " and ".join(f"{route.name} at {route.stage}" for route in asked)
        raise DatasetError(
            f"{dataset.name}: control answers users of {routes}: `shadowctl promote "
            f"{asked[0].name.replace('/', ':')}`"
        )
    confirm(f"{dataset.name}: control gets no write any more, and no way leads back from complete")
    return _moved(dataset, Phase.COMPLETE, "complete")


def _on_control(dataset: DatasetFunction, aws: boto3.Session) -> Sequence[Route]:
    """The dataset's routes whose users may be answered by control."""
    held = [each for each in every(aws) if each.settings.dataset == dataset.name]
    routes = [Route.of(each, aws) for each in held]
    return [route for route in routes if min(route.stage, route.ceiling) < Stage.LIVE]


def _moved(dataset: DatasetFunction, to: Phase, action: str, undo: str = "") -> Result:
    answer = dataset.ask("move", to=to)
    refusal, held_s = told(dataset, answer, "refusal", str), told(dataset, answer, "heldS", float)
    status = dataset.status()
    if refusal:
        raise refused(status, refusal, action)
    held = f"; writes were held for {held_s:.1f} s, and none is lost" if held_s else ""
    back = f"; {undo} takes it back" if undo else ""
    line = f"{dataset.name}: now at {status.phase}, {status.phase.authority} is the authority"
    known = {**document(status), "changed": True, "held_s": held_s}
    return Result([f"{line}{held}{back}"], known, [f"{dataset.command} status"])


def _already(status: DatasetStatus) -> Result:
    line = f"{status.name}: already at {status.phase}, {status.phase.authority} is the authority"
    known = {**document(status), "changed": False, "held_s": 0.0}
    return Result([line], known, [f"{status.command} status"])
