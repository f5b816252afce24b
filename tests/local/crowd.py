"""Users of a canary, who ask for themselves again and again, and what they see."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import urllib3

from datasets.users.control import USERS as DIRECTORY
from localaws.up import Local
from shadow_runtime.contract import Position, Stage

ON_CANDIDATE = tuple(f"user-{number:03}" for number in range(1, 11))
USERS = [f"user-{number:03}" for number in range(1, 41)]
CANARY = Position(Stage.canary(percent=0.01), candidate_users=ON_CANDIDATE)
"""A quarter of the users, whatever their bucket says."""

_AT_ONCE = 4
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """What a user saw."""

    user: str
    status: int
    body: Any

    @property
    def is_wrong(self) -> bool:
        return bool(self.body != DIRECTORY[self.user])


class Crowd:
    """The users."""

    def __init__(self, local: Local) -> None:
        self._url = f"{local.api_url}/users/me"
        self._tokens = local.tokens(USERS)
        self._http = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False, timeout=30)

    def close(self) -> None:
        self._http.clear()

    def asks(self) -> list[Seen]:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return [*threads.map(self._ask, USERS)]

    def asks_until(self, done: Callable[[], bool]) -> list[Seen]:
        """All that they saw until it was `done`."""
        deadline, seen = time.monotonic() + _PATIENCE_SECONDS, list[Seen]()
        while not done():
            assert time.monotonic() < deadline, "the flag did not fall back"
            seen += self.asks()
        return seen

    def _ask(self, user: str) -> Seen:
        headers = {"Authorization": f"Bearer {self._tokens[user]}"}
        answer = self._http.request("GET", self._url, headers=headers)
        return Seen(user, answer.status, json.loads(answer.data))
