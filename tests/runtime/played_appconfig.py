"""AppConfig's data plane, played on this machine: in order, failing, and serving nonsense."""

import json
from collections.abc import Callable
from typing import Any

from shadow_runtime.contract import FLAG_KEY, POLL_INTERVAL, Position, Stage
from tests.runtime.played import HANG_UP, Received, Reply, Service, error

CANARY = Position(Stage.canary(percent=2), 50)
LIVE = Position(Stage.LIVE)

Fault = Callable[[str], Reply | None]
"""What is sent instead of an answer to `start` (a session) or `poll`."""


class AppConfig:
    """AppConfig's data plane: each token is good once; the body is empty when nothing changed."""

    def __init__(self, service: Service) -> None:
        self.content = b""
        self.interval = POLL_INTERVAL
        self.fault: Fault | None = None
        self.sessions: list[dict[str, Any]] = []
        self.polls = 0
        self._tokens: set[str] = set()
        self._sent: dict[str, bytes] = {}
        self._numbers = iter(range(10_000))
        service.script = self._answer

    def serve(self, position: Position) -> None:
        self.serve_values(position.values())

    def serve_values(self, values: object) -> None:
        self.content = json.dumps({FLAG_KEY: values}).encode()

    def forget_tokens(self) -> None:
        self._tokens.clear()

    def _token(self) -> str:
        token = f"token-{next(self._numbers)}"
        self._tokens.add(token)
        return token

    def _answer(self, received: Received) -> Reply | None:
        starts = received.path == "/configurationsessions"
        if self.fault is not None:
            return self.fault("start" if starts else "poll")
        if starts:
            self.sessions.append(received.json)
            started = json.dumps({"InitialConfigurationToken": self._token()}).encode()
            return Reply(201, started, {"content-type": "application/json"})
        token = received.path.rpartition("configuration_token=")[2]
        self.polls += 1
        if token not in self._tokens:
            return error(400, "BadRequestException")
        self._tokens.remove(token)
        following, sent = self._token(), self._sent.pop(token, None)
        self._sent[following] = self.content
        headers = {
            "next-poll-configuration-token": following,
            "next-poll-interval-in-seconds": str(self.interval),
            "content-type": "application/json",
        }
        return Reply(200, b"" if sent == self.content else self.content, headers)


FAULTS: dict[str, Fault] = {
    "hangs up": lambda _: HANG_UP,
    "is slow": lambda _: Reply(delay=3),
    "fails": lambda _: error(500, "InternalServerException"),
    "throttles": lambda _: error(429, "ThrottlingException"),
    "refuses": lambda _: error(403, "AccessDeniedException"),
    "refuses every token": lambda call: (
        error(400, "BadRequestException")
        if call == "poll"
        else Reply(201, b'{"InitialConfigurationToken": "t"}')
    ),
    "answers with another protocol": lambda _: Reply(200, b"<html>"),
    "sends no token": lambda call: Reply(200, b"{}" if call == "start" else b""),
}

MALFORMED = {
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00",
    "no object": b"[]",
    "null": b"null",
    "no flag": b"{}",
    "another flag": json.dumps({"other": LIVE.values()}).encode(),
    "empty values": json.dumps({FLAG_KEY: {}}).encode(),
    "nested too deeply": b"[" * 100_000,
    "an unknown stage": json.dumps({FLAG_KEY: {**LIVE.values(), "stage": "beta"}}).encode(),
    "over 100 %": json.dumps({FLAG_KEY: {**CANARY.values(), "canary_percent": 101}}).encode(),
    "under 0 %": json.dumps({FLAG_KEY: {**CANARY.values(), "shadow_percent": -1}}).encode(),
    "not a number": json.dumps(
        {FLAG_KEY: {**CANARY.values(), "canary_percent": float("nan")}}
    ).encode(),
    "a number as text": json.dumps({FLAG_KEY: {**CANARY.values(), "canary_percent": "2"}}).encode(),
}
