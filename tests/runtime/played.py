"""A real HTTP server on this machine that plays an AWS service, and plays it badly on request."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it came in; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is sent back: after `delay` seconds, a piece at a time if `pause` is set."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pause: float = 0.0


HANG_UP: Reply | None = None
"""No answer: the connection is closed."""

Script = Callable[[Received], Reply | None]


def error(status: int, code: str) -> Reply:
    """An AWS error of the REST-JSON protocol."""
    body = json.dumps({"Type": "User", "message": code}).encode()
    return Reply(status, body, {"x-amzn-errortype": code})


class Service(ThreadingHTTPServer):
    """Answers every request as `script` says, and remembers it in `received`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.script: Script = lambda _: Reply()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that hang up, as they do when they have waited long enough."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def always(self, reply: Reply | None) -> None:
        self.script = lambda _: reply


class _Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"  # connections are kept, as AWS keeps them
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.path, headers, body)
        self.server.received.append(received)
        reply = self.server.script(received)
        if reply is None:
            self.close_connection = True
            return
        try:
            self._send(reply)
        except OSError:  # the client had enough
            self.close_connection = True

    def do_GET(self) -> None:
        self.do_POST()

    def _send(self, reply: Reply) -> None:
        self.server.closing.wait(reply.delay)
        self.send_response(reply.status)
        for name, value in {"content-length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if not reply.pause:
            self.wfile.write(reply.body)
            return
        for start in range(len(reply.body)):
            self.wfile.write(reply.body[start : start + 1])
            self.server.closing.wait(reply.pause)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Service]:
    """A service that runs until the block ends."""
    service = Service()
    thread = threading.Thread(target=lambda: service.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield service
    finally:
        service.closing.set()
        service.shutdown()
        thread.join()
        service.server_close()


@contextmanager
def nobody_there() -> Iterator[str]:
    """An address of this machine at which every connection is refused."""
    with serving() as service:
        url = service.url
    yield url
