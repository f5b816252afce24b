"""What CloudWatch does by itself on AWS: log lines become metrics, and alarms turn.

The embedded AWS does neither. The alarms are those of the assembly for AWS, with their formulas;
only a minute is shorter.
"""

import contextlib
import logging
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from localaws import emf
from localaws.emf import Key, Measured
from localaws.home import Home
from localaws.log_lines import LogLines
from localaws.speed import MINUTE
from localaws.turning import Turning
from localaws.up import Local
from localaws.watched import Watched, templates

_PATIENCE = 10
"""Looks that fail in a row until the failure is for good."""

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Watcher:
    """Looks at the logs, and at the alarms once in each of the shorter minutes.

    `since` is where it begins in the logs, in seconds since the epoch.

    Example:
        >>> Watcher(Local.load(), since=time.time() - 60).look(time.time())  # doctest: +SKIP
    """

    def __init__(self, local: Local, *, since: float) -> None:
        aws, assembly = local.session(), Path(local.assembly)
        self._cloudwatch = aws.client("cloudwatch")
        self._lines = LogLines(aws, templates(assembly), since=since)
        self._turning = Turning(aws, Watched.of(assembly).alarms)
        self._minute = 0.0

    def look(self, now: float) -> None:
        """Takes in what the logs have to say up to `now`, in seconds since the epoch.

        A look that fails is made good by the next one; its metrics may then be there twice, as on
        AWS, but count once in the alarms.
        """
        until = self._lines.until(now)
        lines = self._lines.new(until, having=emf.MARK)
        measured = [one for line in lines for one in emf.read(line)]
        self._put(measured)
        self._turning.add(measured, now=until)
        self._lines.read_until = until
        minute = until // MINUTE * MINUTE
        if minute > self._minute:
            self._turning.turn(at=minute)
            self._minute = minute

    def _put(self, measured: Iterable[Measured]) -> None:
        values: dict[tuple[Key, str, int], list[float]] = defaultdict(list)
        for one in measured:
            values[one.key, one.unit, int(one.at)] += one.values
        data: dict[str, list[Any]] = defaultdict(list)
        for (key, unit, at), of_a_second in values.items():
            namespace, name, dimensions = key
            data[namespace] += [
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions],
                    "Timestamp": datetime.fromtimestamp(at, UTC),
                    "Unit": unit,
                    "Values": some,
                }
                for some in _batches(of_a_second, 150)
            ]
        for namespace, all_of_it in data.items():
            for batch in _batches(all_of_it, 1_000):
                self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=batch)


def keep_looking(
    look: Callable[[float], None], stop: threading.Event, *, pause: float = 1.0
) -> None:
    """Looks every `pause` seconds until it is told to stop. A look that fails is logged.

    Raises:
        Exception: what the tenth look in a row failed with.
    """
    failed = 0
    while not stop.wait(pause):
        try:
            look(time.time())
            failed = 0
        except Exception:
            failed += 1
            if failed == _PATIENCE:
                raise
            _log.warning("look %s of %s failed", failed, _PATIENCE, exc_info=True)


@contextlib.contextmanager
def watching(local: Local) -> Iterator[Watcher]:
    """Watches beside the block what happens in it; at its end, what the watching failed with.

    Example:
        >>> with watching(local):  # doctest: +SKIP
        ...     break_the_candidate()
    """
    watcher, stop = Watcher(local, since=time.time()), threading.Event()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(keep_looking, watcher.look, stop)
        try:
            yield watcher
        finally:
            stop.set()
    running.result()


def _batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def main(folder: str, since: str) -> None:
    """Watches the environment that is kept in `folder`, until it is told to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep_looking(Watcher(Local.load(Home(Path(folder))), since=float(since)).look, stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
