"""What looks at every key of a dataset: it runs on AWS, and is asked to go on, page by page."""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dataset.reconciler import MOST_SUSPECTS, Repair
from dataset.register import DELAY_S, Phase
from operations.dataset_function import DatasetError, DatasetFunction, DatasetStatus
from operations.dataset_needs import next_step
from shadowctl.dataset.answers import further, told
from shadowctl.dataset.meter import Meter
from shadowctl.dataset.screen import document
from shadowctl.verb import ExitCode, Result

Metered = Callable[[str, str, int], Meter]
"""Makes a meter of a step, of the command that goes on with it, and of the keys that are done."""

_POLL_S = 2.0
_SETTLED_S = 4 * DELAY_S
_STALLED_S = 120.0
"""For so long the queue may stay as long as it is."""

_REPAIRS = 5
"""So many next steps of one kind are enough."""


@dataclass(frozen=True, slots=True)
class Scans:
    """The work that goes through a whole dataset; whoever stops it may have it go on.

    Example:
        >>> Scans(find_dataset("users", aws), partial(Meter, console)).verify()  # doctest: +SKIP
        Result(shown=['Users/users: both sides are equal, 500 keys; at synced'], …)
    """

    dataset: DatasetFunction
    metered: Metered
    sleep: Callable[[float], None] = time.sleep

    def backfill(self) -> Result:
        """Has each key of control copied, and waits until they are.

        It ends with 3 where keys still wait, and their number does not fall.

        Raises:
            DatasetError: it was refused, or nothing is copied any more.
        """
        dataset = self.dataset
        before = status = dataset.status()
        if before.phase is Phase.COMPLETE:
            raise DatasetError(f"{dataset.name} is at complete: nothing is copied any more")
        if before.phase in (Phase.OFF, Phase.DUAL):
            status = self._enqueued(before)
        new, total = status.backfill.enqueued - before.backfill.enqueued, status.backfill.enqueued
        line = f"{dataset.name}: {new:,} keys enqueued, {total:,} in all"
        if before.backfill.is_done and not new:
            line = f"{dataset.name}: all skipped, {total:,} keys were enqueued before"
        status, is_copied = self._copied(status)
        if is_copied:
            return Result([line], document(status), [next_step(status)])
        stalled = (
            f"{status.queued:,} keys wait to be copied, and their number did not fall for "
            f"{_STALLED_S:.0f} s: the log of the reconciler says why"
        )
        step = f"{dataset.command} status"
        return Result([line, stalled], document(status), [step], ExitCode.INCONCLUSIVE)

    def verify(self) -> Result:
        """Compares every key of both sides; what differs is looked at again a while later.

        It ends with 4 where keys differ.

        Raises:
            DatasetError: it was refused.
        """
        dataset = self.dataset
        before = dataset.status()
        begun = before.verified.looked_at if before.verified and before.verified.is_running else 0
        with self._meter("verify", "verify", begun) as meter:
            is_done = False
            while not is_done:
                is_done, status = further(dataset, "verify", self.sleep)
                if (found := status.verified) is not None:
                    suspects = f"{found.suspects} differ at first sight" if found.suspects else ""
                    total = max(before.backfill.enqueued, found.looked_at)
                    meter.count(found.looked_at, total, suspects)
        looked_at = status.verified.looked_at if status.verified else 0
        if not status.differences:
            line = f"{dataset.name}: both sides are equal, {looked_at:,} keys; at {status.phase}"
            return Result([line], document(status), [next_step(status)])
        keys = [shlex.quote(each.key) for each in status.differences[:_REPAIRS]]
        steps = [*(f"{dataset.command} repair {key}" for key in keys), f"{dataset.command} verify"]
        return Result(_differing(status, looked_at), document(status), steps, ExitCode.FAIL)

    def _enqueued(self, before: DatasetStatus) -> DatasetStatus:
        known = before.verified.looked_at if before.verified else None
        with self._meter("backfill", "backfill", before.backfill.enqueued) as meter:
            is_done = False
            while not is_done:
                is_done, status = further(self.dataset, "backfill", self.sleep)
                meter.count(status.backfill.enqueued, known)
        return status

    def _copied(self, status: DatasetStatus) -> tuple[DatasetStatus, bool]:
        """Where the dataset is when all was copied, or the queue does not get shorter.

        What users write meanwhile is in the queue, too, so that it may never be empty: all is
        copied as well when what is taken from it is new.
        """
        total = least = status.queued
        waited_s = stalled_s = 0.0
        with self._meter("copies", "backfill") as meter:
            while status.queued and stalled_s < _STALLED_S:
                if waited_s >= _SETTLED_S and status.lag_s <= 2 * DELAY_S:
                    break
                self.sleep(_POLL_S)
                status = self.dataset.status()
                waited_s += _POLL_S
                stalled_s = 0.0 if status.queued < least else stalled_s + _POLL_S
                total, least = max(total, status.queued), min(least, status.queued)
                meter.count(total - status.queued, total)
        return status, stalled_s < _STALLED_S

    def _meter(self, step: str, verb: str, begun: int = 0) -> Meter:
        return self.metered(step, f"{self.dataset.command} {verb}", begun)


def _differing(status: DatasetStatus, looked_at: int) -> Iterator[str]:
    number = len(status.differences)
    least = "at least " if number >= MOST_SUSPECTS else ""
    yield f"{status.name}: {least}{number:,} of {looked_at:,} keys differ"
    for difference in status.differences:
        yield f"  {difference.key}: {_columns(difference.columns)}"


def _columns(columns: Sequence[str]) -> str:
    return "one side has no row" if [*columns] == ["*"] else ", ".join(columns)


def repair(dataset: DatasetFunction, key: str | None) -> Result:
    """Makes a key equal at once; without a key, has the reconciler try again what it gave up.

    Raises:
        DatasetError: neither side knows the key.
    """
    if key is None:
        number = told(dataset, dataset.ask("repair"), "redriven", int)
        done = f"{number:,} keys go through the queue again" if number else "nothing was given up"
        return Result(
            [f"{dataset.name}: {done}"], {"redriven": number}, [f"{dataset.command} status"]
        )
    answer = dataset.ask("repair", key=key)
    outcome, columns = told(dataset, answer, "outcome", str), told(dataset, answer, "columns", list)
    if outcome not in (Repair.REPAIRED, Repair.EQUAL):
        raise DatasetError(_unrepaired(dataset, key, outcome, columns))
    done = f"made equal, {_columns(columns)}" if outcome == Repair.REPAIRED else "equal already"
    known = {"key": key, "outcome": outcome, "columns": columns}
    return Result([f"{key}: {done}"], known, [f"{dataset.command} verify"])


def _unrepaired(dataset: DatasetFunction, key: str, outcome: str, columns: Sequence[str]) -> str:
    match outcome:
        case Repair.MISSING:
            return f"neither side of {dataset.name} knows {key!r}"
        case Repair.AHEAD:
            phase = dataset.status().phase
            return (
                f"{key!r} has a newer version in {phase.follower} than in {phase.authority}: "
                "somebody else writes there. Undo that, and repair it again"
            )
        case Repair.DIFFERS:
            return (
                f"{key!r} differs again in {_columns(columns)} after each copy: the store does not "
                "give back what it is given, or somebody else writes there"
            )
    return f"{dataset.name} answers {outcome!r} to a repair: deploy its stack with this release"
