"""Drives what `dataset` decides: each step is carried out, and what came of it is sent back."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dataset.steps import (
    ChangeRegister,
    ClearMark,
    Copy,
    Drain,
    Load,
    Marked,
    Outstanding,
    Page,
    PutMark,
    ReadRegister,
    Send,
    SendAll,
    Step,
    Steps,
    UnavailableError,
    Wait,
)
from dataset_runtime.api import CallError
from dataset_runtime.intents import IntentQueue
from dataset_runtime.register import RegisterTable
from dataset_runtime.store import Store
from shadow_runtime.contract import Variant
from shadow_runtime.telemetry import logger

_Result = TypeVar("_Result")
Perform = Callable[[Step], Any]
"""Carries one step out. Raises `UnavailableError` where the step's docstring says so."""


def run(steps: Steps[_Result], perform: Perform) -> _Result:
    """What `steps` return, once each of them was performed.

    Raises:
        UnavailableError: as the generator does.

    Example:
        >>> from dataset.switch import move
        >>> from dataset.register import Phase
        >>> run(move(Phase.DUAL, now=time.time), lambda step: None)
        'the register cannot be read: nothing was moved'
    """
    try:
        step = next(steps)
        while True:
            try:
                came = perform(step)
            except UnavailableError as error:
                step = steps.throw(error)
            else:
                step = steps.send(came)
    except StopIteration as stopped:
        result: _Result = stopped.value
        return result


@dataclass(frozen=True, slots=True)
class Performer:
    """What the functions of a dataset ask alike: its register, its queue, and the stores they have.

    What a team's store raises is taken for `UnavailableError`: the log says what it was, never its
    message, which may hold a user's data.
    """

    register: RegisterTable
    queue: IntentQueue
    stores: Mapping[Variant, Store]
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, step: Step) -> Any:
        """Carries `step` out.

        Raises:
            UnavailableError: a store, or the table, does not answer.
            TypeError: it is another function's step.
        """
        match step:
            case ReadRegister():
                return self.register.read()
            case ChangeRegister(epoch, register):
                return self.register.change(epoch, register)
            case Drain(marker):
                return self.register.drain(marker)
            case PutMark(mark):
                return self.register.put_mark(mark)
            case ClearMark():
                return self.register.clear_mark(step)
            case Marked(limit):
                return self.register.marked(limit)
            case Send(message):
                return self.queue.send(message)
            case SendAll(messages):
                return self.queue.send_all(messages)
            case Outstanding():
                return self._outstanding()
            case Load(side, key):
                return _answered(lambda: self.stores[side].load(key))
            case Page(side, after, limit):
                return _answered(lambda: self.stores[side].page(after, limit))
            case Copy(side):
                return self._copy(side, step)
            case Wait(seconds):
                return self.sleep(seconds)
        raise TypeError(f"{type(step).__name__} is no step of this function")

    def _copy(self, side: Variant, step: Copy) -> bool:
        try:
            held = _answered(lambda: self.stores[side].copy(step.record, repair=step.is_repair))
        except UnavailableError:
            return False
        return bool(held)

    def _outstanding(self) -> int | None:
        try:
            return self.queue.dead() + self.register.unsent()
        except (CallError, UnavailableError):
            return None


def _answered(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except UnavailableError:
        raise
    except Exception as error:
        logger.warning("store failed", error=type(error).__name__)
        raise UnavailableError(type(error).__name__) from error
