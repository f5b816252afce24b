"""The part of the guided run that writes: a dataset from `dual` to `switched`, and back."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import psycopg
from rich.console import Console

from dataset.register import Phase
from localaws.evidence import Answer, Evidence, EvidenceError, Pass, Traffic
from localaws.up import Local
from operations.dataset_function import DatasetStatus
from shadow_runtime.assignment import is_in
from shadow_runtime.contract import (
    POLL_INTERVAL,
    Dimension,
    MetricName,
    ShadowCanaryError,
    Stage,
    Variant,
)
from shadowctl.dataset.answers import further
from shadowctl.dataset.found import find_dataset
from shadowctl.route import Route
from shadowctl.screen import Steps

_PATIENCE_S = 120
T = TypeVar("T")


class WriteSample(Protocol):
    """A module `demo.py` in the folder of a route that writes.

    `PATH` takes PUT requests of each user, as the stack `STACK` is deployed; its dataset is
    `DATASET`.
    """

    STACK: str
    PATH: str
    DATASET: str

    def change(self, text: str) -> bytes:
        """The body of a request that writes `text`."""

    def written(self, answer: Any) -> str:
        """The text in an answer, to a request that reads, too."""

    def held(self, database: psycopg.Connection[Any], user: str) -> tuple[str, int]:
        """The text that the new data source has of a user, and its version."""


class Writing:
    """What is written, step by step; long work goes on while others look at something else."""

    def __init__(
        self,
        local: Local,
        sample: WriteSample,
        tokens: Mapping[str, str],
        console: Console,
        steps: Steps,
    ) -> None:
        aws = local.session()
        self._local = local
        self._sample = sample
        self._console = console
        self._steps = steps
        self._dataset = find_dataset(sample.DATASET, aws)
        self._route = Route.find(sample.STACK, aws)
        self._evidence = Evidence(aws, sample.STACK)
        self._traffic = Traffic(f"{local.api_url}{sample.PATH}", tokens)
        self._beside = ThreadPoolExecutor(2)
        self._texts: dict[str, str] = {}

    def fill(self) -> None:
        """Begins to copy all keys, and then to compare them."""
        self._copied = self._beside.submit(self._copy)
        self._compared = self._beside.submit(self._compare)

    def filled(self) -> None:
        """All keys are copied; comparing them takes little, but time."""
        self._finished("copies", self._copied)

    def dual(self, user: str) -> None:
        """A user writes before both sides are known to be equal."""
        self._user, self._key, self._polled_at = user, uuid4().hex, time.time()
        self._write(user, "Written at dual", key=self._key)
        self._row("dual", f"{user} writes: control does it, and its state is copied")

    def mended(self, planted: str) -> None:
        """What was planted is found by its key and column, and repaired; then all is compared."""
        status = self._finished("comparing", self._compared)
        found = {each.key: each.columns for each in status.differences}
        if [*found] != [planted]:
            raise WritingError(f"{planted} alone should differ, it was {found}")
        self._dataset.ask("repair", key=planted)
        self._compared = self._beside.submit(self._scanned, "verify")
        columns = ", ".join(found[planted])
        self._row("dataset", f"{status.backfill.enqueued} keys copied and compared")
        self._row("", f"{planted} differs in {columns}: repaired, compared again")
        self._move(Stage.SHADOW)

    def expose(self, percent: float) -> None:
        """With both sides equal, a few may be told by the candidate."""
        status = self._finished("comparing again", self._compared)
        if status.differences or status.phase is not Phase.SYNCED:
            raise WritingError(f"both sides should be equal, and the phase synced: {status}")
        self._move(Stage.canary(percent=percent))

    def synced(self, users: Sequence[str], percent: float) -> None:
        """One of them writes; then the authority begins to move."""
        while time.time() - self._polled_at < POLL_INTERVAL + 1:
            time.sleep(0.1)
        for _ in range(2):  # its process polls the flag; the same key again changes nothing
            self._write(self._user, self._texts[self._user], key=self._key)
        name = self._dataset.name
        self._exposed = next(u for u in users if is_in(u, percent, route=name, purpose="canary"))
        key, since = uuid4().hex, time.time()
        asked = self._write(self._exposed, "Written at synced", key=key)
        again = self._write(self._exposed, "Written at synced", key=key)
        sides = self._told_by(since, [asked, again])
        if Variant.CANDIDATE not in sides:
            raise WritingError(f"the candidate should have told {self._exposed}, it was {sides}")
        self._expect_held(self._exposed, version=2)
        self._row("synced", f"{self._exposed} writes: told by the candidate; again: done once")
        self._switched = self._beside.submit(self._dataset.ask, "move", to=Phase.SWITCHED)
        self._held = self._beside.submit(self._held_s)

    def switched(self) -> None:
        """The candidate is the authority, and control is copied to."""
        answer = self._finished("switch", self._switched)
        if answer["phase"] != Phase.SWITCHED:
            raise WritingError(f"the candidate should be the authority: {answer}")
        held_s = self._finished("a held write", self._held)
        self._write(self._exposed, "Written at switched", key=uuid4().hex)
        self._row("switched", f"a write was held {held_s:.0f} s, and done by the candidate")
        self._row("", f"{self._exposed} writes: the candidate does it, control is copied to")

    def settle(self) -> None:
        """All that was sent is done with, so that it is not tried on a database that is gone."""
        self._until(lambda: not self._dataset.status().queued, "an empty queue")

    def back(self, read: Callable[[Sequence[str]], list[Answer]]) -> None:
        """The rollback has taken the authority back; `read` asks control."""
        self._write(self._user, "Written after it", key=uuid4().hex)
        self._until(lambda: self._dataset.status().phase is Phase.SYNCED, "control as authority")
        for user in self._texts:
            self._expect_held(user)
        users = [*self._texts]
        texts = [self._sample.written(json.loads(answer.body)) for answer in read(users)]
        kept = sum(text == self._texts[user] for user, text in zip(users, texts, strict=True))
        self._row("back", "control is the authority again; writes go on")
        self._row("", f"{kept} of {len(users)} users' last writes are on both sides: nothing lost")
        if kept < len(users):
            raise WritingError(f"{self._texts} was written, control has {texts}")

    def _copy(self) -> None:
        self._scanned("backfill")
        while self._dataset.status().queued:
            time.sleep(0.5)

    def _compare(self) -> DatasetStatus:
        self._copied.result()
        return self._scanned("verify")

    def _scanned(self, action: str) -> DatasetStatus:
        is_done = False
        while not is_done:
            is_done, status = further(self._dataset, action, time.sleep)
        return status

    def _held_s(self) -> float:
        """For how long a write waits that comes while the authority moves."""
        while self._dataset.status().fence is None and not self._switched.done():
            time.sleep(0.1)
        started = time.monotonic()
        self._write(self._user, "Written while it moves", key=uuid4().hex)
        return time.monotonic() - started

    def _write(self, user: str, text: str, *, key: str) -> Answer:
        answer = self._traffic.put(user, self._sample.change(text), key=key)
        if answer.status != 200 or self._sample.written(json.loads(answer.body)) != text:
            raise WritingError(
                f"{user} wrote {text!r} and was told {answer.status} {answer.body!r}"
            )
        self._texts[user] = text
        return answer

    def _told_by(self, since: float, answers: list[Answer]) -> set[str]:
        asked = Pass(since, answers)

        def found() -> set[str]:
            lines = self._evidence.lines("Route", asked)
            return {line[Dimension.VARIANT] for line in lines if MetricName.REQUESTS in line}

        self._until(lambda: Variant.CANDIDATE in found(), "who has told the user")
        return found()

    def _expect_held(self, user: str, *, version: int = 0) -> None:
        """The candidate comes to hold what a user has written."""

        def is_held() -> bool:
            with psycopg.connect(self._local.database_url) as database:
                text, at = self._sample.held(database, user)
            return text == self._texts[user] and version in (0, at)

        self._until(is_held, f"what {user} has written in the new database")

    def _move(self, to: Stage) -> None:
        self._route.move(to, why="demo", progress=lambda *_: None)

    def _finished(self, step: str, work: Future[T]) -> T:
        started = time.monotonic()
        while not work.done():
            self._steps.report(step, f"{time.monotonic() - started:.0f} s")
            time.sleep(0.1)
        return work.result()

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        started = time.monotonic()
        while not is_so():
            if time.monotonic() - started > _PATIENCE_S:
                raise EvidenceError(f"two minutes have passed without {what}")
            time.sleep(0.2)

    def _row(self, name: str, said: str) -> None:
        self._console.print(f"  {name:<10}{said}", soft_wrap=True)


class WritingError(ShadowCanaryError):
    """A write did something else than it should: what, and what it should have done."""
