"""The folder that holds the state of one embedded AWS."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from localaws.errors import LocalError

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""

CACHE = ROOT / ".cache"
"""What is built once for this machine and survives `down`."""


class Home:
    """A git-ignored folder: `.local` of the repository by default.

    A lock says whether a keeper is alive. The kernel drops it with the process that holds it, so a
    crash or a reboot leaves nothing to be mistaken for a running environment.
    """

    def __init__(self, folder: Path = ROOT / ".local") -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.temporary = self.folder / "tmp"
        self.synthesized = self.folder / "cdk.out"
        self.derived = self.folder / "assembly"
        self.outputs = self.folder / "outputs.json"
        self.emulator_log = self.folder / "emulator.log"
        self.database_log = self.folder / "database.log"
        self.keeper_log = self.folder / "keeper.log"
        self.watcher_log = self.folder / "watcher.log"
        self.synthesis_log = self.folder / "synthesis.log"
        self.bootstrap_log = self.folder / "bootstrap.log"
        self.deployment_log = self.folder / "deployment.log"
        self._lock = self.folder / "keeper.lock"
        self._notes = self.folder / "keeper.json"
        self._state = self.folder / "state.json"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Makes this process the keeper, and removes what a keeper that was killed left behind.

        Raises:
            LocalError: another process keeps this folder.
        """
        with self._lock.open("a+") as lock:
            # Whoever asks whether a keeper is alive holds the lock for an instant.
            deadline = time.monotonic() + 1
            while not _acquired(lock):
                if time.monotonic() > deadline:
                    raise LocalError(
                        f"an embedded AWS is at work in {self.folder}; "
                        "wait for it, or stop it with `shadowctl local down`"
                    )
                time.sleep(0.02)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._forget()
            self.temporary.mkdir()
            try:
                yield
            finally:
                self._forget()

    def keeper(self) -> int | None:
        """The process id of the running keeper, if there is one."""
        with self._lock.open("a+") as lock:
            if _acquired(lock):
                return None
            lock.seek(0)
            return int(lock.read() or 0) or None

    def stop_keeper(self, *, patience: float = 15.0) -> bool:
        """Stops the keeper, and with it everything it keeps; False when none was running.

        After `patience` seconds the keeper is killed; its children then end by themselves.
        """
        keeper = self.keeper()
        if keeper is not None:
            self._end(keeper, patience)
        with self.held():  # removes what a keeper that was killed left behind
            return keeper is not None

    def note_scratch(self, folder: Path) -> None:
        """Remembers a folder elsewhere that must go with the keeper."""
        _write(self._notes, {"scratch": str(folder)})

    def write_state(self, state: dict[str, Any]) -> None:
        """Says that the environment is complete: written last, at once."""
        _write(self._state, state)

    def read_state(self) -> dict[str, Any] | None:
        """What `write_state` wrote, while its keeper lives."""
        if self.keeper() is None or not self._state.exists():
            return None
        state: dict[str, Any] = json.loads(self._state.read_text())
        return state

    def _end(self, keeper: int, patience: float) -> None:
        os.kill(keeper, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.keeper() == keeper:
            if time.monotonic() > deadline:
                os.kill(keeper, signal.SIGKILL)
            time.sleep(0.02)

    def _forget(self) -> None:
        if self._notes.exists():
            shutil.rmtree(json.loads(self._notes.read_text())["scratch"], ignore_errors=True)
        for path in (self._notes, self._state, self.outputs):
            path.unlink(missing_ok=True)
        for folder in (self.temporary, self.synthesized, self.derived):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def building(folder: Path) -> Iterator[None]:
    """One process at a time builds in `folder`, which is made; the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _acquired(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, value: dict[str, Any]) -> None:
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)  # it can hold what opens the embedded database
    draft.write_text(json.dumps(value, indent=2))
    draft.replace(path)
