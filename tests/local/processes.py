"""Questions about the processes of an embedded AWS."""

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

import psutil  # type: ignore[import-untyped]

from localaws.supervisor import StateFolder

T = TypeVar("T")


def processes(state: StateFolder) -> list[psutil.Process]:
    """The supervisor and everything below it."""
    supervisor = state.supervisor()
    assert supervisor is not None
    process = psutil.Process(supervisor)
    return [process, *process.children(recursive=True)]


def alive(some: list[psutil.Process], *, patience: float = 60) -> list[psutil.Process]:
    """Those of `some` that have not ended after `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        some = [process for process in some if runs(process)]
        if not some:
            break
        time.sleep(0.05)
    return some


def runs(process: psutil.Process) -> bool:
    """Whether it has not ended; one that its parent has not asked about has ended too."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def answers(some: list[psutil.Process], question: Callable[[psutil.Process], T]) -> list[T]:
    """What those of `some` answer that have not ended meanwhile, as PostgreSQL's helpers do."""
    given = []
    for process in some:
        with contextlib.suppress(psutil.NoSuchProcess):
            given.append(question(process))
    return given
