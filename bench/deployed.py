"""A route as it is deployed: its environment, an event, and the machinery around its control."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from shadow_runtime import telemetry
from shadow_runtime.aws import Reply, Service
from shadow_runtime.candidate_call import CandidateCall
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import Position, Stage, flag_document
from shadow_runtime.flag import FlagReader
from shadow_runtime.http import Request, Response
from shadow_runtime.respond import RouteRuntime
from shadow_runtime.tee import Tee

_LAMBDAS = "arn:aws:lambda:eu-central-1:000000000000:function"
_TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793"
SHADOW = f"{_LAMBDAS}:shadow:7"

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "route",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "_X_AMZN_TRACE_ID": f"{_TRACE};Parent=53995c3f42cd8ad8;Sampled=1",
    "NO_PROXY": "127.0.0.1",
    "SHADOW_CANARY_ROUTE": "get-user",
    "SHADOW_CANARY_CEILING": "canary(1%)",
    "SHADOW_CANARY_FLAG_APPLICATION": "a1b2c3d",
    "SHADOW_CANARY_FLAG_ENVIRONMENT": "e1b2c3d",
    "SHADOW_CANARY_FLAG_PROFILE": "p1b2c3d",
    "SHADOW_CANARY_CANDIDATE": f"{_LAMBDAS}:candidate:7",
    "SHADOW_CANARY_CANDIDATE_DEADLINE_MS": "2000",
    "SHADOW_CANARY_SHADOW": SHADOW,
}

USER = "user-042"
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 9_000)

EVENT: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "GET /users/me",
    "rawPath": "/users/me",
    "rawQueryString": "expand=plan",
    "headers": {
        "accept": "application/json",
        "accept-encoding": "gzip, br",
        "authorization": f"Bearer {'e' * 700}",
        "host": "api.example.com",
        "user-agent": "app/4.2 (iOS 19.0)",
        "x-amzn-trace-id": _TRACE,
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    },
    "requestContext": {
        "requestId": "Z67rFiaQS3QA1A=",
        "http": {"method": "GET", "path": "/users/me", "sourceIp": "203.0.113.7"},
        "authorizer": {"jwt": {"claims": {"sub": USER}, "scopes": None}},
    },
    "isBase64Encoded": False,
}


def control(request: Request) -> Response:
    """The old code that everybody wraps: a small JSON answer from memory."""
    return Response.json(
        {"id": request.user, "name": "Ada Lovelace", "email": "ada@example.com", "plan": "team"}
    )


class _AppConfig(BaseHTTPRequestHandler):
    """One flag at `off`, and a token that is always good."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Starts a session."""
        self.rfile.read(int(self.headers["content-length"]))
        self._send(201, b'{"InitialConfigurationToken": "first"}')

    def do_GET(self) -> None:
        """Serves the flag."""
        self._send(200, json.dumps(flag_document(Position.OFF)["values"]).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("next-poll-configuration-token", "next")
        self.send_header("next-poll-interval-in-seconds", "86400")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def played_appconfig() -> Iterator[str]:
    """The address of an AppConfig on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _AppConfig)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def nothing_said() -> Iterator[None]:
    """Lines go to a null device, as pyperf speaks on standard output, and traces to a socket."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon,
        Path(os.devnull).open("wb") as null,
        patch.object(telemetry, "_DESCRIPTOR", null.fileno()),
    ):
        daemon.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        daemon.bind(("127.0.0.1", 2_000))
        yield


def warm_flag(position: Position) -> FlagReader:
    """A reader that has read `position`, and will not poll again for a day."""
    body = json.dumps(flag_document(position)["values"]).encode()
    served = {"next-poll-configuration-token": "next", "next-poll-interval-in-seconds": "86400"}
    replies = iter(
        [Reply(201, {}, b'{"InitialConfigurationToken": "first"}'), Reply(200, served, body)]
    )
    played = SimpleNamespace(send=lambda *_, **__: SimpleNamespace(reply=lambda _: next(replies)))
    reader = FlagReader(cast("Any", played), application="a", environment="e", profile="p")
    reader.start()
    with reader.current() as current:
        if current != position:
            raise AssertionError("the flag is not warm")
    return reader


def runtime(position: Position, shadow: str = SHADOW) -> RouteRuntime:
    """What stands around control, with the flag at `position`."""
    lambda_ = Service("lambda")
    return RouteRuntime(
        flag=warm_flag(position),
        ceiling=Stage.LIVE,
        candidate=CandidateCall(lambda_, f"{_LAMBDAS}:candidate:7", deadline_ms=2_000),
        circuit_breaker=CircuitBreaker(),
        tee=Tee(lambda_, shadow),
        deadline_ms=2_000,
    )
