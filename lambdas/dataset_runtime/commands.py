"""What an operator asks of a dataset: long work goes on for a while, and says how far it is."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

from dataset.reconciler import Repair, backfill, repair, sweep, verify
from dataset.register import AT_ONCE, DELAY_S, LEASE_S, Phase, Register, Verification
from dataset.requests import lift_forgotten
from dataset.steps import ChangeRegister, Dataset, Marker, Step, Steps, UnavailableError, Wait
from dataset.switch import POLL_S, left_behind, move
from dataset_runtime.api import CallError
from dataset_runtime.intents import Letter
from dataset_runtime.perform import Performer, run
from shadow_runtime.contract import MetricName, ShadowCanaryError
from shadow_runtime.telemetry import Measurements, logger

BUDGET_S = 10.0
"""For so long does one command scan; asked again it goes on."""

EACH_S = 0.05
"""About what the reconciler takes for a message: a guess, for a preview."""

_ACTIONS = ("status", "move", "switch-back", "preview", "backfill", "verify", "repair", "sweep")
_UNSAID = ("name", "verification", "backfill", "columns")
_Found = TypeVar("_Found")
Answer = dict[str, Any]


class CommandError(ShadowCanaryError):
    """A command was not done: why, and what to do."""


class OverError(Exception):
    """The command's time is up: what is to be done goes on when it is asked again."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of a dataset, each an event with an `action`.

    Keys are shown, as whoever repairs one must name it; values never are.

    Example:
        >>> Commands(dataset, perform).do({"action": "move", "to": "dual"})  # doctest: +SKIP
        {'refusal': '', 'phase': 'dual', 'heldS': 0.0}
    """

    dataset: Dataset
    perform: Performer
    now: Callable[[], float] = time.time

    def do(self, event: Mapping[str, Any]) -> Answer:
        """What is answered to `event`.

        Raises:
            ValueError: there is no such action, or no such phase.
            CommandError: it was not done.
        """
        try:
            answer = self._do(event)
        except (CallError, UnavailableError) as error:
            raise CommandError(
                f"{self.dataset.name}: no answer ({error}), so that it was not done, or not "
                "all of it: ask again"
            ) from error
        if event["action"] not in ("status", "preview"):
            told = {name: value for name, value in answer.items() if name not in _UNSAID}
            logger.info("commanded", action=event["action"], dataset=self.dataset.name, **told)
        return answer

    def _do(self, event: Mapping[str, Any]) -> Answer:
        match event:
            case {"action": "status"}:
                return self._status()
            case {"action": "move", "to": str(to)}:
                return self._move(_phase(to))
            case {"action": "preview", "to": str(to)}:
                return self._preview(_phase(to))
            case {"action": "switch-back"}:
                return self._switch_back()
            case {"action": "backfill"}:
                return self._backfill()
            case {"action": "verify"}:
                return self._verify()
            case {"action": "repair", "key": str(key)}:
                return self._repair(key)
            case {"action": "repair"} if "key" not in event:
                return {"redriven": self._redrive()}
            case {"action": "sweep"}:
                return self._sweep()
        raise ValueError(
            f"a dataset takes the actions {', '.join(map(repr, _ACTIONS))}, a `to` for a move or "
            f"a preview, and a `key` for one repair; got {event!r}"
        )

    def _status(self) -> Answer:
        register, queue, table = self._register(), self.perform.queue, self.perform.register
        fence, queued, found = register.fence, queue.depth(), register.verification
        return {
            "name": self.dataset.name,
            "phase": register.phase,
            "epoch": register.epoch,
            "since": register.since,
            "fence": fence and {"to": fence.to, "at": fence.at},
            "backfill": {
                "after": register.backfill.after,
                "enqueued": register.backfill.enqueued,
                "isDone": register.backfill.is_done,
            },
            "verification": found and self._verification(found),
            "queued": queued,
            "deadLetters": queue.dead(),
            "unsent": table.unsent(),
            "lagS": self._lag() if queued else None,
        }

    def _verification(self, found: Verification) -> Answer:
        differences = found.differences
        return {
            "startedAt": found.started_at,
            "lookedAt": found.looked_at,
            "suspects": len(found.suspects),
            "differences": None
            if differences is None
            else [{"key": each.key, "columns": [*each.columns]} for each in differences],
            "isFresh": found.is_fresh(self.now()),
        }

    def _lag(self) -> float:
        """Of the newest message that was done with; while none is, it grows."""
        seconds, at = self.perform.register.lag()
        return round(max(seconds, self.now() - at - DELAY_S) if at else 0.0, 1)

    def _move(self, to: Phase) -> Answer:
        held = _Held(self.perform, self.now)
        refusal = run(move(to, now=self.now), held)
        phase = self._register().phase
        # An answer that was lost says no more than where the phase is now.
        return {"refusal": "" if phase is to else refusal, "phase": phase, "heldS": held.seconds}

    def _switch_back(self) -> Answer:
        if self._register().phase is not Phase.SWITCHED:
            return {"changed": False, "phase": self._register().phase, "heldS": 0.0}
        answer = self._move(Phase.SYNCED)
        if answer["refusal"]:
            raise CommandError(
                f"{self.dataset.name}: control is not the authority again: {answer['refusal']}"
            )
        return {"changed": True, "phase": answer["phase"], "heldS": answer["heldS"]}

    def _preview(self, to: Phase) -> Answer:
        register = self._register()
        refusal, is_at_once = register.refusal(to, now=self.now()), (register.phase, to) in AT_ONCE
        if not refusal and not is_at_once:
            refusal = run(left_behind(), self.perform)
        waits_s = LEASE_S + DELAY_S + 2 * POLL_S + EACH_S * self.perform.queue.depth()
        return {"refusal": refusal, "holdsS": 0.0 if is_at_once else round(waits_s, 1)}

    def _backfill(self) -> Answer:
        register = self._register()
        refusal, is_done = _on_its_way(register), register.backfill.is_done
        if not refusal and register.phase is Phase.OFF:
            refusal, is_done = run(move(Phase.DUAL, now=self.now), self.perform), False
        elif not refusal and register.phase is not Phase.DUAL:
            refusal = f"a dataset at {register.phase} has been filled"
        scans = (backfill(attempt=uuid4().hex) for _ in count())
        return self._scanned(refusal, scans, lambda found: found.is_done, is_done=is_done)

    def _verify(self) -> Answer:
        register = self._register()
        refusal = _on_its_way(register)
        if not refusal and register.phase.follower is None:
            refusal = f"a dataset at {register.phase} is copied to no other side"
        scans = (verify(self.dataset, now=self.now) for _ in count())
        answer = self._scanned(refusal, scans, lambda found: found.differences is not None)
        register = self._register()
        is_clean = answer["isDone"] and not register.refusal(Phase.SYNCED, now=self.now())
        if not is_clean or register.phase is not Phase.DUAL:
            return answer
        refusal = run(move(Phase.SYNCED, now=self.now), self.perform)
        return {**answer, **self._status(), "refusal": refusal}

    def _scanned(
        self,
        refusal: str,
        scans: Iterator[Steps[_Found]],
        is_over: Callable[[_Found], bool],
        *,
        is_done: bool = False,
    ) -> Answer:
        """A page after the other, until the time is up; each is kept in the register."""
        in_time = _InTime(self.perform, time.monotonic() + BUDGET_S)
        while not (refusal or is_done) and in_time.left_s > 0:
            try:
                is_done = is_over(run(next(scans), in_time))
            except OverError:
                break
            except UnavailableError as error:
                refusal = f"{error}: no answer, or somebody else is at it: ask again"
        return {**self._status(), "isDone": is_done, "refusal": refusal}

    def _repair(self, key: str) -> Answer:
        found = run(repair(self.dataset, key), self.perform)
        if found.outcome is Repair.REPAIRED:
            measurements = Measurements()
            measurements.add(MetricName.REPAIRED, dataset=self.dataset.name)
            measurements.flush()
        return {"outcome": found.outcome, "columns": [*found.columns]}

    def _redrive(self) -> int:
        """How many keys of dead letters were sent again, each as another attempt."""
        queue, ends, sent = self.perform.queue, time.monotonic() + BUDGET_S, 0
        while time.monotonic() < ends and (letters := queue.receive_dead()):
            for letter in letters:
                sent += self._sent_again(letter)
                queue.delete_dead(letter)
        return sent

    def _sent_again(self, letter: Letter) -> bool:
        try:
            message = self.perform.queue.read(letter.body)
        except ValueError:
            logger.error("a dead letter says nothing of this dataset")
            return False
        if isinstance(message, Marker):  # its fence has long been lifted
            return False
        if not self.perform.queue.send(replace(message, attempt=uuid4().hex)):
            raise UnavailableError("the queue")
        return True

    def _sweep(self) -> Answer:
        run(lift_forgotten(self._register(), self.now), self.perform)
        return {"looked": run(sweep(self.dataset, now=self.now), self.perform)}

    def _register(self) -> Register:
        found = self.perform.register.read()
        if found is None:
            raise UnavailableError("the register")
        return found


class _InTime:
    """Performs steps until the time is up; who would wait for longer waits for that.

    Raises:
        OverError: the time is up.
    """

    def __init__(self, perform: Performer, ends: float) -> None:
        self._perform = perform
        self._ends = ends

    @property
    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def __call__(self, step: Step) -> Any:
        match step:
            case Wait(seconds) if seconds > self.left_s:
                self._perform.sleep(max(0.0, self.left_s))
                raise OverError
        return self._perform(step)


class _Held:
    """Performs the steps of a move; `seconds` are those for which writes were held."""

    def __init__(self, perform: Performer, now: Callable[[], float]) -> None:
        self.seconds = 0.0
        self._perform = perform
        self._now = now
        self._since: float | None = None

    def __call__(self, step: Step) -> Any:
        came = self._perform(step)
        if isinstance(step, ChangeRegister) and came:
            if step.register.fence is not None:
                self._since = self._now()
            elif self._since is not None:
                self.seconds = round(self._now() - self._since, 1)
        return came


def _on_its_way(register: Register) -> str:
    fence = register.fence
    return f"a move to {fence.to} is on its way: wait for its end" if fence else ""


def _phase(name: str) -> Phase:
    if name not in [*Phase]:
        raise ValueError(f"unknown phase {name!r}; one of {', '.join(Phase)}")
    return Phase(name)
