"""The position as AppConfig serves it: cached, polled rarely, never in doubt."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from shadow_runtime.contract import FLAG_KEY, POLL_INTERVAL, Position
from shadow_runtime.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_appconfigdata import AppConfigDataClient
    from mypy_boto3_appconfigdata.type_defs import (
        GetLatestConfigurationResponseTypeDef as Latest,
    )
    from mypy_boto3_appconfigdata.type_defs import (
        StartConfigurationSessionRequestTypeDef as Session,
    )


class FlagReader:
    """The last good position of one route; `off` until there is one.

    A read costs a comparison of two numbers; every `POLL_INTERVAL` seconds one read asks AppConfig.
    What fails (no answer, a rejected token, a malformed flag) leaves the last good position
    standing, and the next poll starts a new session.

    Example:
        >>> reader = FlagReader(boto3.client("appconfigdata"), application="a1b2c3d",
        ...                     environment="e1", profile="p1")  # doctest: +SKIP
        >>> reader.read().stage  # doctest: +SKIP
        canary(1%)
    """

    def __init__(
        self,
        client: "AppConfigDataClient",
        *,
        application: str,
        environment: str,
        profile: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._session: Session = {
            "ApplicationIdentifier": application,
            "EnvironmentIdentifier": environment,
            "ConfigurationProfileIdentifier": profile,
            "RequiredMinimumPollIntervalInSeconds": POLL_INTERVAL,
        }
        self._clock = clock
        self._polling = threading.Lock()
        self._token: str | None = None
        self._position = Position.OFF
        self._good_at = clock()
        self._next_poll = self._good_at

    def read(self) -> Position:
        """The last good position. Never raises."""
        if self._clock() >= self._next_poll and self._polling.acquire(blocking=False):
            try:
                self._poll()
            finally:
                self._polling.release()
        return self._position

    def start(self) -> None:
        """Polls for the first time."""
        self.read()

    @contextmanager
    def current(self) -> Iterator[Position]:
        """The position to act on for one request. Never raises."""
        yield self.read()

    @property
    def age(self) -> float:
        """Seconds since the position was last confirmed."""
        return self._clock() - self._good_at

    def _poll(self) -> None:
        self._next_poll = self._clock() + POLL_INTERVAL  # a poll that fails is not repeated sooner
        try:
            answer = self._latest()
            content = answer["Configuration"].read()
            if content:  # empty when nothing changed
                self._position = Position.read(json.loads(content)[FLAG_KEY])
            self._token = answer["NextPollConfigurationToken"]
            self._good_at = self._clock()
            pause = max(POLL_INTERVAL, answer["NextPollIntervalInSeconds"])
            self._next_poll = self._good_at + pause
        except Exception as error:  # any doubt: what stood before still stands
            self._token = None
            logger.warning("flag not read", error=type(error).__name__, age=round(self.age))

    def _latest(self) -> "Latest":
        if self._token is not None:
            # A token that was spent or has expired is refused with a 400: start a new session.
            with suppress(self._client.exceptions.BadRequestException):
                return self._client.get_latest_configuration(ConfigurationToken=self._token)
        started = self._client.start_configuration_session(**self._session)
        return self._client.get_latest_configuration(
            ConfigurationToken=started["InitialConfigurationToken"]
        )
