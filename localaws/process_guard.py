"""Processes that cannot outlive whoever started them, whatever ends it, SIGKILL included.

Run as a program, this file is the guard itself: it starts a command in a process group of its own
and watches a pipe. When the pipe closes, the command is asked to stop and, shortly after, the whole
group is killed. The kernel closes pipes of the dead, so no handler has to run for that.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

GRACE_SECONDS = 1.0
"""Between the request to stop and the kill."""


class GuardedProcess:
    """A running command, with everything it starts.

    Its output goes to the file `log`, by default to `lines`; its input is empty. `user` is an
    operating-system user to run as, by default the present one.

    Example:
        >>> with GuardedProcess(["echo", "started"], environment={}) as process:
        ...     [*process.lines()], process.wait()
        (['started'], 0)
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        log: Path | None = None,
        folder: Path | None = None,
        user: str | None = None,
    ) -> None:
        # -I and -S: the guard starts in milliseconds and imports nothing of the environment.
        arguments = [sys.executable, "-IS", __file__, user or "", *map(str, command)]
        with log.open("wb") if log else contextlib.nullcontext(subprocess.PIPE) as output:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                process_group=0,  # a terminal's Ctrl-C reaches the owner only, who stops in order
            )

    @property
    def running(self) -> bool:
        """Whether the command still runs."""
        return self.process.poll() is None

    def lines(self) -> Iterator[str]:
        """The command's output, when it has no log, until it ends."""
        assert self.process.stdout is not None  # noqa: S101 - tells mypy that it is a pipe
        for line in self.process.stdout:
            yield line.decode(errors="replace").rstrip()

    def wait(self) -> int:
        """The exit status, once the command has ended by itself."""
        return self.process.wait()

    def stop(self) -> None:
        """Ends the command and all that it started; does nothing when it has ended."""
        with self.process:
            assert self.process.stdin is not None  # noqa: S101 - tells mypy that it is a pipe
            self.process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def __enter__(self) -> "GuardedProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _run(user: str, command: Sequence[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, user=user or None)
    threading.Thread(target=_stop_with_owner, args=[child], daemon=True).start()
    return child.wait()


def _stop_with_owner(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    child.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1], sys.argv[2:]))
