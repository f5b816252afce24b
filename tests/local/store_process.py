"""An execution environment that has the store of users: one operation a line, and what came of it.

Run as a program, with a secret as its argument. `stops` says where it stops itself, as a process
does that is not run for a while, or asks to be killed.
"""

import json
import os
import signal
import sys
import time
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from dataset.steps import Operation, Rows
from dataset_runtime.operation import Attempt
from datasets.users.candidate import store
from shadow_runtime import database


def main(secret: str) -> None:
    setattr(database, "named_by", lambda _: secret)  # noqa: B010
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer: Any = _applied(**asked)
        except Exception as error:
            answer = type(error).__name__
        print(json.dumps(answer), flush=True)


def _applied(
    *,
    key: str,
    id: str,
    digest: str = "d",
    seconds: float = 3.0,
    stops: str = "",
    pause: float = 0.0,
    initial: Rows | None = None,
) -> Any:
    until = time.time() + seconds if seconds else 0.0

    def change(rows: Rows) -> Rows:
        if stops == "in the change":
            _stop()
        time.sleep(pause)
        return {**rows, "name": rows["name"] + "+"}

    if stops == "before the commit":
        event.listen(Session, "before_commit", lambda _: _stop(), once=True)
    if stops == "after the commit":
        event.listen(Session, "after_commit", lambda _: _stop(), once=True)
    attempt = Attempt(Operation(id, digest, (key,)), until)
    record = store.apply(attempt, key, change, initial=initial)
    return {"version": record.version, "name": (record.rows or {})["name"]}


def _stop() -> None:
    print("stopped", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    main(sys.argv[1])
