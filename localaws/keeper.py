"""The one process that holds the embedded PostgreSQL and the embedded AWS.

It is a session of its own, so a terminal's Ctrl-C does not reach it. Its standard input is a pipe
from its owner: one line `keep` lets it stay, and a pipe that closes without it stops everything.
What it starts is on a leash: if the keeper itself is killed, that ends too.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localaws import database, emulator, environment
from localaws.errors import LocalError
from localaws.home import ROOT, Home
from localaws.leash import Leashed

KEEP = b"keep\n"
WATCH = "--watch"


def main(folder: str, port: str, *options: str) -> None:
    """Reports one line of JSON on standard output, then keeps until it is told to stop.

    With the option `--watch` it starts the watcher, when the environment is complete.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_obey_owner, args=[stop], daemon=True).start()
    home = Home(Path(folder))
    started: list[Leashed] = []
    try:
        with home.held():
            try:
                report = _start(home, emulator.free_port(int(port)), started)
                print(json.dumps(report), flush=True)
                watch = WATCH in options
                while not stop.wait(0.2) and all(one.running for one in started):
                    if watch and home.read_state() is not None:
                        started.append(_watcher(home))
                        watch = False
            finally:
                for one in reversed(started):
                    one.stop()
    except LocalError as error:
        print(json.dumps({"error": str(error)}), flush=True)


def _start(home: Home, port: int, started: list[Leashed]) -> dict[str, str | int]:
    # Neither in the repository nor in $TMPDIR: the path of a Unix socket ends at 103 bytes, and
    # PostgreSQL's own user must be able to reach it when root starts us.
    scratch = Path(tempfile.mkdtemp(prefix="shadow-canary-", dir="/tmp"))
    home.note_scratch(scratch)
    with ThreadPoolExecutor() as pool:
        starts = [
            pool.submit(database.start, scratch, home),
            pool.submit(emulator.start, port, home),
        ]
    started += [start.result() for start in starts if not start.exception()]
    for start in starts:
        start.result()
    return {"endpoint": f"http://127.0.0.1:{port}", "socket": str(scratch / "postgres")}


def _watcher(home: Home) -> Leashed:
    return Leashed(
        [
            *(sys.executable, "-P", "-m", "localaws.watcher"),
            *(str(home.folder), str(time.time())),
        ],
        environment={**environment.bare(home.folder), "PYTHONPATH": str(ROOT)},
        log=home.watcher_log,
        folder=home.folder,
    )


def _obey_owner(stop: threading.Event) -> None:
    if os.read(sys.stdin.fileno(), len(KEEP)) != KEEP:
        stop.set()


if __name__ == "__main__":
    main(*sys.argv[1:])
