"""Users: real HTTP requests with real tokens."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import urllib3

_AT_ONCE = 4
_A_SECOND = 150


@dataclass(frozen=True, slots=True)
class Answer:
    """What one user received, and the trace under which the logs tell of it."""

    user: str
    status: int
    trace: str


class Traffic:
    """Users who each hold a token and ask for themselves.

    Example:
        >>> Traffic("http://127.0.0.1:4566/users/me", tokens).send(["user-001"])  # doctest: +SKIP
    """

    def __init__(self, url: str, tokens: Mapping[str, str]) -> None:
        self._url = url
        self._tokens = tokens
        self._http = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False, timeout=30)

    def send(
        self, users: Iterable[str], done: Callable[[int], None] = lambda _: None
    ) -> list[Answer]:
        """One request of each user, 150 a second; `done` hears how many have come."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            waiting = []
            for user in users:
                waiting.append(threads.submit(self._ask, user))
                done(len(waiting))
                time.sleep(1 / _A_SECOND)
            return [answer.result() for answer in waiting]

    def _ask(self, user: str) -> Answer:
        trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        headers = {"Authorization": f"Bearer {self._tokens[user]}", "X-Amzn-Trace-Id": trace}
        answer = self._http.request("GET", self._url, headers=headers)
        return Answer(user, answer.status, trace)
