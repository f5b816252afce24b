"""What a stage of a route needs of its dataset, and what leads there."""

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from dataset.register import Phase
from operations.dataset_function import DatasetError, DatasetFunction, DatasetStatus
from shadow_runtime.contract import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A row of the table: to go up to one of these stages, the dataset is at one of these phases.

    And, where it `is_verified`, one of the last 24 hours found both sides equal.

    Example:
        >>> [need.phases for need in TABLE if "complete" in need.stages]
        [(<Phase.COMPLETE: 'complete'>,)]
    """

    stages: tuple[str, ...]
    phases: tuple[Phase, ...]
    is_verified: bool = False
    reason: str

    def __str__(self) -> str:
        """As a row of a table in Markdown."""
        stages, phases = (
            ", ".join(f"`{name}`" for name in names) for names in (self.stages, self.phases)
        )
        verified = "clean, of the last 24 hours" if self.is_verified else ""
        return f"| {stages} | {phases} | {verified} | {self.reason} |"


TABLE = (
    Need(
        stages=("off", "shadow"),
        phases=tuple(Phase),
        reason="control answers everybody: no way back and no comparison waits for a dataset",
    ),
    Need(
        stages=("canary", "live"),
        phases=(Phase.SYNCED,),
        is_verified=True,
        reason="users read what was copied: all of it must be there, and equal",
    ),
    Need(
        stages=("canary", "live"),
        phases=(Phase.SWITCHED, Phase.COMPLETE),
        reason="what the candidate holds is the truth",
    ),
    Need(
        stages=("complete",),
        phases=(Phase.COMPLETE,),
        reason="control may go with the route: nobody may need it as the authority again",
    ),
)
"""A way down needs nothing."""


def lacks(status: DatasetStatus, to: Stage) -> str:
    """Why a dataset does not let a route go up to a stage, with the command; empty if it does."""
    needs = [need for need in TABLE if to.name in need.stages]
    here = [need for need in needs if status.phase in need.phases]
    if any(status.is_verified or not need.is_verified for need in here):
        return ""
    if here:
        found = f"no verification of the last 24 hours found both sides of {status.name} equal"
    else:
        phases = " or ".join(phase for need in needs for phase in need.phases)
        found = f"{to.name} needs {status.name} at {phases}, and it is at {status.phase}"
    return f"{found}: `{next_step(status)}`"


def next_step(status: DatasetStatus) -> str:
    """The command that leads a dataset on from where it is."""
    return f"{status.command} {_verb(status)}"


def _verb(status: DatasetStatus) -> str:
    if status.fence:
        return "status"
    if status.dead_letters:
        return "repair"
    if status.phase is Phase.OFF or (status.phase is Phase.DUAL and not status.backfill.is_done):
        return "backfill"
    if status.phase is Phase.DUAL or (status.phase is Phase.SYNCED and not status.is_verified):
        return "verify"
    return {Phase.SYNCED: "switch", Phase.SWITCHED: "complete"}.get(status.phase, "status")


def objections(dataset: DatasetFunction | None, to: Stage) -> Iterator[str]:
    """Why a route may not go up to a stage for its dataset's sake; none where it has no dataset.

    One that does not answer objects to what exposes users.
    """
    if dataset is None or to <= Stage.SHADOW:
        return
    try:
        lacking = lacks(dataset.status(), to)
    except (BotoCoreError, ClientError, DatasetError) as error:
        said = " ".join(str(error).split())
        yield f"the dataset {dataset.name} does not answer ({said}): `{dataset.command} status`"
        return
    if lacking:
        yield lacking
