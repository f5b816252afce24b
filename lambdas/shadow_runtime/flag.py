"""The position as AppConfig serves it: cached, polled rarely, never in doubt."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from shadow_runtime.aws import Pending, Reply, Service
from shadow_runtime.contract import FLAG_KEY, POLL_INTERVAL, Position
from shadow_runtime.telemetry import logger

PATIENCE = 0.7
"""Seconds that a user waits for a poll at most, in total."""

INIT_PATIENCE = 1.5
"""Seconds that each of the two polls in init may take: no user waits for them."""

YOUNG = 60
"""Seconds for which a position serves while a poll runs beside control."""

LONGEST_PAUSE = 240
"""Seconds between polls while AppConfig hangs: each one costs a user `PATIENCE`."""


class FlagReader:
    """The last good position of one route; `off` until there is one.

    Every `POLL_INTERVAL` seconds one request polls AppConfig. It sends the poll, is served by the
    position that stands, and reads the answer before it returns, because Lambda may freeze an
    environment for hours right after: the next request acts on what was read. A position older than
    a minute, as after a freeze or a restored snapshot, does not serve: there the poll comes first.

    What fails (no answer, a rejected token, a malformed flag) leaves the last good position
    standing, and the next poll starts a new session. An AppConfig that hangs is polled after twice
    the pause each time, up to four minutes.

    Example:
        >>> reader = FlagReader(Service("appconfigdata"), application="a1b2c3d",
        ...                     environment="e1", profile="p1")  # doctest: +SKIP
        >>> with reader.current() as position:  # doctest: +SKIP
        ...     position.stage
        canary(1%)
    """

    def __init__(
        self,
        appconfig: Service,
        *,
        application: str,
        environment: str,
        profile: str,
        clock: Callable[[], float] = time.time,  # it goes on while an environment is frozen
    ) -> None:
        self._appconfig = appconfig
        session = {
            "ApplicationIdentifier": application,
            "EnvironmentIdentifier": environment,
            "ConfigurationProfileIdentifier": profile,
            "RequiredMinimumPollIntervalInSeconds": POLL_INTERVAL,
        }
        self._session = json.dumps(session).encode()
        self._clock = clock
        self._polling = threading.Lock()
        self._token: str | None = None
        self._position = Position.OFF
        self._good_at = self._asked_at = clock()
        self._next_poll = self._asked_at
        self._hung = 0
        self.is_unread = True
        """Whether no flag was ever read here, so that control answers for want of one."""

    def start(self) -> None:
        """The first poll, and a second should it fail: in init, while no user waits."""
        for _ in range(2):
            if self.is_unread:
                self._finish(self._poll(INIT_PATIENCE))

    @contextmanager
    def current(self) -> Iterator[Position]:
        """The position for one request, whose work is the block. Never raises."""
        if not self._is_due() or not self._polling.acquire(blocking=False):
            yield self._position
            return
        try:
            poll = self._poll(PATIENCE)
            next(poll, None)
            if self.is_unread or not 0 <= self.age < YOUNG:
                self._finish(poll)
            yield self._position
        finally:
            self._finish(poll)
            self._polling.release()

    @property
    def age(self) -> float:
        """Seconds since the position was last confirmed."""
        return self._clock() - self._good_at

    def _is_due(self) -> bool:
        """Also when the clock went back, as in a snapshot that was restored."""
        return not self._asked_at <= self._clock() < self._next_poll

    def _poll(self, patience: float) -> Iterator[None]:
        """One poll in two steps: what is asked, and what was answered. Never raises."""
        self._asked_at = self._clock()
        self._next_poll = self._asked_at + POLL_INTERVAL
        started = time.monotonic()
        try:
            pending = self._send(started + patience)
            left = patience - (time.monotonic() - started)
            yield
            deadline = time.monotonic() + left
            self._read(pending.reply(deadline), deadline)
            self._hung = 0
        except Exception as error:  # any doubt: what stood before still stands
            self._token = None
            if isinstance(error, TimeoutError):
                self._hung += 1
                pause = min(POLL_INTERVAL * 2**self._hung, LONGEST_PAUSE)
                self._next_poll = self._asked_at + pause
            logger.warning("flag not read", error=type(error).__name__, age=round(self.age))

    def _send(self, deadline: float) -> Pending:
        """Asks for the flag, or first for a session."""
        if self._token is None:
            kind = {"content-type": "application/json"}
            path = "/configurationsessions"
            return self._appconfig.send("POST", path, deadline, self._session, headers=kind)
        path = f"/configuration?configuration_token={quote(self._token, safe='')}"
        return self._appconfig.send("GET", path, deadline)

    def _read(self, reply: Reply, deadline: float) -> None:
        if self._token is not None and reply.status == 400:  # it was spent, or has expired
            self._token = None
            reply = self._send(deadline).reply(deadline)
        if self._token is None:
            self._token = json.loads(reply.body)["InitialConfigurationToken"]
            reply = self._send(deadline).reply(deadline)
        if reply.status != 200:
            raise ConnectionError(f"AppConfig answered {reply.status}")
        if reply.body:  # empty when nothing changed
            self._position = Position.read(json.loads(reply.body)[FLAG_KEY])
            self.is_unread = False
        self._token = reply.headers["next-poll-configuration-token"]
        self._good_at = self._clock()
        pause = float(reply.headers["next-poll-interval-in-seconds"])
        self._next_poll = self._good_at + max(POLL_INTERVAL, pause)

    @staticmethod
    def _finish(poll: Iterator[None]) -> None:
        for _ in poll:
            pass
