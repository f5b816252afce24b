"""What there is to see of a dataset: the same to people and to machines."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from analysis.format import duration
from operations.dataset_function import DatasetFunction, DatasetStatus
from operations.dataset_needs import next_step
from shadowctl.verb import ExitCode, Result

_LABEL = 9


def seen(dataset: DatasetFunction) -> Result:
    """Where a dataset is, what waits, what is proven, and what leads on.

    It ends with 4 where keys differ or wait for a repair, and with 3 where nothing is proven of
    what is copied.
    """
    status, now = dataset.status(), time.time()
    told = [f"{label:<{_LABEL}} {line}" for label, line in _lines(status, now)]
    title = f"{status.name}  {status.phase}  {datetime.fromtimestamp(now, UTC):%F %T} UTC"
    step = next_step(status)
    steps = [] if step == f"{status.command} status" else [step]
    return Result([title, *told], document(status), steps, _code(status))


def _code(status: DatasetStatus) -> ExitCode:
    if status.differences or status.unreconciled:
        return ExitCode.FAIL
    is_copied = status.phase.follower is not None
    return ExitCode.INCONCLUSIVE if is_copied and not status.is_verified else ExitCode.DONE


def _lines(status: DatasetStatus, now: float) -> Iterator[tuple[str, str]]:
    authority, follower = status.phase.authority, status.phase.follower
    copied = f"each write is copied to {follower}" if follower else "nothing is copied"
    since = f"since {_at(status.since)}; " if status.since else ""
    yield "authority", f"{authority}, {since}{copied}"
    if status.fence:
        ago = duration((now - status.fence.at) / 60)
        yield "fence", f"writes are held for a move to {status.fence.to}, since {ago}"
    if follower or status.backfill.enqueued:
        state = "done" if status.backfill.is_done else "not done"
        yield "backfill", f"{state}, {status.backfill.enqueued:,} keys enqueued"
        yield "verified", verified(status, now)
    waiting = f"{status.queued:,} keys wait to be copied"
    behind = f", each for some {status.lag_s:.0f} s" if status.queued else ""
    yield "queue", f"{waiting}{behind}"
    if status.unreconciled:
        given_up = f"{status.dead_letters:,} keys were given up: `{status.command} repair`"
        unsent = f"of {status.unsent:,} no intent could be sent: the sweep comes to them"
        yield (
            "repair",
            "; ".join(
                each
                for each, number in ((given_up, status.dead_letters), (unsent, status.unsent))
                if number
            ),
        )


def verified(status: DatasetStatus, now: float) -> str:
    """What the newest verification says, and how old it is."""
    found = status.verified
    if found is None:
        return "never"
    ago = f"{duration((now - found.started_at) / 60)} ago"
    if found.differences is None:
        return f"begun {ago} and not ended, {found.looked_at:,} keys so far"
    if found.differences:
        return f"{len(found.differences):,} of {found.looked_at:,} keys differ, {ago}"
    stale = "" if found.is_fresh else ": too old to move users by"
    return f"both sides equal, {found.looked_at:,} keys, {ago}{stale}"


def _at(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%F %H:%M} UTC"


def document(status: DatasetStatus) -> dict[str, Any]:
    """For machines."""
    found = status.verified
    return {
        "dataset": status.name,
        "phase": status.phase,
        "authority": status.phase.authority,
        "follower": status.phase.follower,
        "since": status.since or None,
        "fence": status.fence and {"to": status.fence.to, "at": status.fence.at},
        "backfill": {"enqueued": status.backfill.enqueued, "is_done": status.backfill.is_done},
        "verification": found
        and {
            "started_at": found.started_at,
            "looked_at": found.looked_at,
            "is_fresh": found.is_fresh,
            "differences": None
            if found.differences is None
            else [{"key": each.key, "columns": [*each.columns]} for each in found.differences],
        },
        "queued": status.queued,
        "dead_letters": status.dead_letters,
        "unsent": status.unsent,
        "lag_s": status.lag_s,
    }
