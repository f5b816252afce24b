"""Commands with a log, that are stopped when this process ends."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from localaws.errors import LocalError
from localaws.leash import Leashed

_REASON = re.compile(r"_FAILED\s+\||Template format error|(Error|Exception): .*[^:]$")


@contextlib.contextmanager
def started(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
) -> Iterator[Callable[[], None]]:
    """Runs `command` in `folder` beside the block, which gets a function that waits for it.

    Raises:
        LocalError: it failed; from that function, with the last reason in `log`.
    """
    with Leashed(command, environment=environment, log=log, folder=folder) as running:
        yield lambda: _check(running, log)


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    line: Callable[[str], None],
) -> None:
    """Runs `command` in `folder`; what it says goes to `log` and, as it comes, to `line`.

    Raises:
        LocalError: it failed; with the last reason in `log`.
    """
    with (
        Leashed(command, environment=environment, folder=folder) as running,
        log.open("w", buffering=1) as copy,
    ):
        for said in running.lines():
            copy.write(f"{said}\n")
            line(said)
        _check(running, log)


def _check(running: Leashed, log: Path) -> None:
    if running.wait():
        reasons = [said for said in log.read_text().splitlines() if _REASON.search(said)]
        reason = " ".join(reasons[-1].split()) if reasons else "it gave no reason"
        raise LocalError(f"{log.stem} failed: {reason} (its output is in {log})")
