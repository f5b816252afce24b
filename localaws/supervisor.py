"""The one process that holds the embedded PostgreSQL and the embedded AWS.

It is a session of its own, so a terminal's Ctrl-C does not reach it. Its standard input is a pipe
from its owner: one line `keep` lets it stay, and a pipe that closes without it stops everything.
What it starts is guarded: if the supervisor itself is killed, that ends too.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from localaws import LocalError, database, emulator, environment
from localaws.process_guard import GuardedProcess
from shadowctl.synthesis import app_folder

_KEEP = b"keep\n"
_WATCH = "--watch"


class StateFolder:
    """The git-ignored folder of one embedded AWS: `.local` of the app by default.

    A lock says whether a supervisor is alive. The kernel drops it with the process that holds it,
    so a crash or a reboot leaves nothing to be mistaken for a running environment.

    Example:
        >>> StateFolder(Path(tempfile.mkdtemp())).supervisor() is None
        True
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or app_folder() / ".local"
        self.folder = folder.resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        environment.keep_out_of_git(self.folder)
        self.temporary = self.folder / "tmp"
        self.synthesized = self.folder / "cdk.out"
        self.derived = self.folder / "assembly"
        self.outputs = self.folder / "outputs.json"
        self._lock = self.folder / "supervisor.lock"
        self._notes = self.folder / "supervisor.json"
        self._state = self.folder / "state.json"
        self._seeds = self.folder / "seeds.json"
        self._reloaded = self.folder / "reloaded"
        self._end_reason = self.folder / "ended.txt"

    def log(self, name: str) -> Path:
        """The log of one part, such as `emulator`; it survives the environment."""
        return self.folder / f"{name}.log"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Makes this process the supervisor; removes what one that was killed left behind.

        Raises:
            LocalError: another process holds this folder.
        """
        with self._lock.open("a+") as lock:
            # Whoever asks whether a supervisor is alive holds the lock for an instant.
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
            self._remove_state()
            self._end_reason.unlink(missing_ok=True)
            self.temporary.mkdir()
            try:
                yield
            finally:
                self._remove_state()

    def supervisor(self) -> int | None:
        """The process id of the running supervisor, if there is one."""
        with self._lock.open("a+") as lock:
            if _acquired(lock):
                return None
            lock.seek(0)
            return int(lock.read() or 0) or None

    def stop_supervisor(self, *, patience: float = 15.0) -> bool:
        """Stops the supervisor, and with it all that it holds; False when none was running.

        After `patience` seconds the supervisor is killed; its children then end by themselves.
        """
        supervisor = self.supervisor()
        if supervisor is not None:
            self._end(supervisor, patience)
        with self.held():  # removes what a supervisor that was killed left behind
            return supervisor is not None

    def note_scratch(self, folder: Path) -> None:
        """Remembers a folder elsewhere that must go with the supervisor."""
        _write(self._notes, {"scratch": str(folder)})

    def write_state(self, state: dict[str, Any]) -> None:
        """Says that the environment is complete: written last, at once."""
        _write(self._state, state)

    def read_state(self) -> dict[str, Any] | None:
        """What `write_state` wrote, while its supervisor lives."""
        if self.supervisor() is None or not self._state.exists():
            return None
        state: dict[str, Any] = json.loads(self._state.read_text())
        return state

    def written_at(self) -> int:
        """When `write_state` wrote last, in nanoseconds: it does after each deployment."""
        return self._state.stat().st_mtime_ns if self._state.exists() else 0

    def read_seeds(self) -> list[list[str]]:
        """Which functions of which seeds were called: file and name."""
        seeds: list[list[str]] = json.loads(self._seeds.read_text()) if self._seeds.exists() else []
        return seeds

    def write_seeds(self, seeds: list[list[str]]) -> None:
        """Remembers them as long as the environment runs."""
        self._seeds.write_text(json.dumps(seeds))

    def note_reload(self) -> None:
        """Remembers that functions run other code than was deployed."""
        self._reloaded.touch()

    @property
    def was_reloaded(self) -> bool:
        """Whether they do."""
        return self._reloaded.exists()

    def note_end(self, reason: str) -> None:
        """Remembers why an environment ended that nobody has stopped, until the next one."""
        self._end_reason.write_text(reason)

    def end_reason(self) -> str:
        """What `note_end` noted; empty where the last environment was stopped by somebody."""
        return self._end_reason.read_text() if self._end_reason.exists() else ""

    def _end(self, supervisor: int, patience: float) -> None:
        os.kill(supervisor, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.supervisor() == supervisor:
            if time.monotonic() > deadline:
                os.kill(supervisor, signal.SIGKILL)
            time.sleep(0.02)

    def _remove_state(self) -> None:
        if self._notes.exists():
            shutil.rmtree(json.loads(self._notes.read_text())["scratch"], ignore_errors=True)
        for path in (self._notes, self._state, self._seeds, self._reloaded, self.outputs):
            path.unlink(missing_ok=True)
        for folder in (self.temporary, self.synthesized, self.derived):
            shutil.rmtree(folder, ignore_errors=True)


class Supervisor:
    """A supervisor that stops when this process ends, however it ends, unless it is kept.

    `port` is where the embedded AWS listens on 127.0.0.1, by default a free one. With `watch` its
    alarms are evaluated, once the environment is complete.

    Raises:
        LocalError: another one holds the state folder.

    Example:
        >>> supervisor = Supervisor(StateFolder())  # doctest: +SKIP
        >>> supervisor.servers()  # doctest: +SKIP
        {'endpoint': 'http://127.0.0.1:41234', 'socket': '/tmp/shadow-canary-x/postgres'}
    """

    def __init__(self, state: StateFolder, *, port: int = 0, watch: bool = False) -> None:
        self._log = state.log("supervisor")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "localaws.supervisor"),
                    *(str(state.folder), str(port)),
                    *([_WATCH] if watch else []),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={
                    **environment.bare(state.folder),
                    "XDG_RUNTIME_DIR": str(state.folder),
                },
                start_new_session=True,
            )
        try:
            self._report()  # from now on the state folder is ours
        except BaseException:
            self.stop()
            raise

    def servers(self) -> dict[str, Any]:
        """`endpoint` of the embedded AWS and `socket` of PostgreSQL, once both answer.

        Raises:
            LocalError: one of them does not.
        """
        return self._report()

    def keep(self) -> None:
        """Leaves the supervisor running after this process."""
        assert self._process.stdin is not None  # noqa: S101 - tells mypy that it is a pipe
        self._process.stdin.write(_KEEP)
        self._process.stdin.flush()

    def stop(self) -> None:
        """Stops everything, and waits until it has stopped."""
        with self._process:
            assert self._process.stdin is not None  # noqa: S101 - tells mypy that it is a pipe
            self._process.stdin.close()

    def _report(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - tells mypy that it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise LocalError(f"the supervisor ended at once; see {self._log}")
        report: dict[str, Any] = json.loads(line)
        if "error" in report:
            raise LocalError(report["error"])
        return report


def main(folder: str, port: str, *options: str) -> None:
    """Holds the state folder and says so; starts both servers and says where they are; keeps them.

    Each report is one line of JSON on standard output. With the option `--watch` it starts the
    watcher, when the environment is complete.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_obey_owner, args=[stop], daemon=True).start()
    state = StateFolder(Path(folder))
    started: dict[str, GuardedProcess] = {}
    try:
        with state.held():
            print("{}", flush=True)
            try:
                report = _start(state, emulator.free_port(int(port)), started)
                print(json.dumps(report), flush=True)
                watch = _WATCH in options
                ended: list[str] = []
                while not ended and not stop.wait(0.2):
                    ended = [name for name, one in started.items() if not one.running]
                    if watch and state.read_state() is not None:
                        started["watcher"] = _watcher(state)
                        watch = False
                if ended and not stop.is_set():
                    logs = " and ".join(str(state.log(name)) for name in ended)
                    state.note_end(f"the {' and the '.join(ended)} ended by itself; see {logs}")
            finally:
                for one in reversed(started.values()):
                    one.stop()
    except LocalError as error:
        print(json.dumps({"error": str(error)}), flush=True)


def _start(state: StateFolder, port: int, started: dict[str, GuardedProcess]) -> dict[str, str]:
    # Neither in the repository nor in $TMPDIR: the path of a Unix socket ends at 103 bytes, and
    # PostgreSQL's own user must be able to reach it when root starts us.
    scratch = Path(tempfile.mkdtemp(prefix="shadow-canary-", dir="/tmp"))
    state.note_scratch(scratch)
    home = state.folder
    with ThreadPoolExecutor() as pool:
        starts = {
            "database": pool.submit(database.start, scratch, home=home, log=state.log("database")),
            "emulator": pool.submit(
                emulator.start,
                port,
                home=home,
                temporary=state.temporary,
                log=state.log("emulator"),
            ),
        }
    started |= {name: start.result() for name, start in starts.items() if not start.exception()}
    for start in starts.values():
        start.result()
    return {"endpoint": f"http://127.0.0.1:{port}", "socket": str(scratch / "postgres")}


def _watcher(state: StateFolder) -> GuardedProcess:
    return GuardedProcess(
        [
            *(sys.executable, "-P", "-m", "localaws.watcher"),
            *(str(state.folder), str(time.time())),
        ],
        environment=environment.bare(state.folder),
        log=state.log("watcher"),
        folder=state.folder,
    )


def _obey_owner(stop: threading.Event) -> None:
    if os.read(sys.stdin.fileno(), len(_KEEP)) != _KEEP:
        stop.set()


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


if __name__ == "__main__":
    main(*sys.argv[1:])
