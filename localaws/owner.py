"""How a command starts a keeper, owns it, and lets it go."""

import json
import subprocess
import sys
from typing import Any

from localaws import environment
from localaws.errors import LocalError
from localaws.home import ROOT, Home
from localaws.keeper import KEEP, WATCH


class Owner:
    """A keeper that stops when this process ends, however it ends, unless `let_go` was called.

    `port` is where the embedded AWS listens on 127.0.0.1, by default a free one. With `watch` its
    alarms turn, once the environment is complete.
    """

    def __init__(self, home: Home, *, port: int = 0, watch: bool = False) -> None:
        self._home = home
        with home.keeper_log.open("wb") as log:
            self._keeper = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "localaws.keeper"),
                    *(str(home.folder), str(port)),
                    *([WATCH] if watch else []),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={
                    **environment.bare(home.folder),
                    "PYTHONPATH": str(ROOT),
                    "XDG_RUNTIME_DIR": str(home.folder),
                },
                start_new_session=True,
            )

    def started(self) -> dict[str, Any]:
        """`endpoint` and `socket`, once both servers answer.

        Raises:
            LocalError: one of them does not.
        """
        assert self._keeper.stdout is not None  # noqa: S101 - tells mypy that it is a pipe
        line = self._keeper.stdout.readline()
        if not line:
            raise LocalError(f"the keeper ended at once; see {self._home.keeper_log}")
        report: dict[str, Any] = json.loads(line)
        if "error" in report:
            raise LocalError(report["error"])
        return report

    def let_go(self) -> None:
        """Leaves the keeper running after this process."""
        assert self._keeper.stdin is not None  # noqa: S101 - tells mypy that it is a pipe
        self._keeper.stdin.write(KEEP)
        self._keeper.stdin.flush()

    def stop(self) -> None:
        """Stops everything, and waits until it has stopped."""
        with self._keeper:
            assert self._keeper.stdin is not None  # noqa: S101 - tells mypy that it is a pipe
            self._keeper.stdin.close()
