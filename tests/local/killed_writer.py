"""A process that writes by the route's own handler, and is killed at a step of it."""

import os
import random
import signal
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from threading import Timer
from typing import Any, NamedTuple
from unittest.mock import patch

from dataset_runtime import route
from dataset_runtime.perform import Perform, run
from shadow_runtime.settings import settings


class Point(NamedTuple):
    """The step, from 1, and whether it dies before, within or after it."""

    step: int
    when: str


class Context:
    """Lambda's, with much time left."""

    aws_request_id = "killed"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def write(
    told: Connection, event: Mapping[str, Any], variables: Mapping[str, str], point: Point | None
) -> None:
    """Tells the parent what the front door would be told, if it lives."""
    os.environ.update(variables)
    settings.cache_clear()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    reached = 0

    def killed(steps: Any, perform: Perform) -> Any:
        def performed(step: Any) -> Any:
            nonlocal reached
            reached += 1
            when = point.when if point is not None and point.step == reached else ""
            if when == "before":
                _die()
            if when == "within":
                Timer(random.SystemRandom().uniform(0, 0.02), _die).start()
            came = perform(step)
            if when:
                _die()
            return came

        return run(steps, performed)

    patch.object(route, "run", killed).start()
    from routes.update_user import control  # now, as its clients belong to this process

    answer = control.handler(dict(event), Context())
    told.send((answer["statusCode"], answer["body"]))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
