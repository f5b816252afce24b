"""A real HTTP server on this machine that plays an AWS service, and plays it badly on request."""

import ctypes
import json
import os
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it came in, the `nth` on its connection; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    nth: int

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
    is_reset: bool = False


HANG_UP: Reply | None = None
"""No answer: the connection is closed."""

RESET = Reply(is_reset=True)
"""No answer: the connection is reset."""

SILENCE = Reply(delay=60)
"""No answer for longer than anybody waits."""

_SO_ATTACH_FILTER = 26  # of Linux

Script = Callable[[Received], Reply | None]

DEAD: dict[str, Reply | None] = {"closed": HANG_UP, "reset": RESET, "silent": SILENCE}
"""What becomes of a connection that is used again after a freeze."""


def once(good: Reply, dead: Reply | None) -> Script:
    """Each connection answers one request, and is dead afterwards."""
    return lambda received: good if received.nth == 1 else dead


def error(status: int, code: str) -> Reply:
    """An AWS error of the REST-JSON protocol."""
    body = json.dumps({"Type": "User", "message": code}).encode()
    return Reply(status, body, {"x-amzn-errortype": code})


class Service(ThreadingHTTPServer):
    """Answers every request as `script` says, and remembers it in `received`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.connections: list[socket.socket] = []
        self.received: list[Received] = []
        self.script: Script = lambda _: Reply()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that hang up, as they do when they have waited long enough."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Closes every connection, as a service does that was not asked for a while."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def fall_silent(self) -> None:
        """Drops all that comes in on the connections there are, as a network does whose way to a
        frozen environment is forgotten: nothing is even acknowledged."""
        code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: keep 0 bytes
        filter_ = struct.pack("HL", 1, ctypes.addressof(code))
        for connection in self.connections:
            connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)

    def always(self, reply: Reply | None) -> None:
        self.script = lambda _: reply


class _Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"  # connections are kept, as AWS keeps them
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._requests = 0
        self.server.connections.append(self.connection)

    def do_POST(self) -> None:
        self._requests += 1
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.path, headers, body, self._requests)
        self.server.received.append(received)
        reply = self.server.script(received)
        if reply is None or reply.is_reset:
            self.close_connection = True
            if reply is not None:
                at_once = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                os.close(self.connection.detach())
            return
        try:
            self._send(reply)
        except OSError:  # the client had enough
            self.close_connection = True

    def do_GET(self) -> None:
        self.do_POST()

    def do_PUT(self) -> None:
        self.do_POST()

    def _send(self, reply: Reply) -> None:
        self.server.closing.wait(reply.delay)
        headers = {"content-length": str(len(reply.body)), **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} Played", *(f"{n}: {v}" for n, v in headers.items())]
        sent = "\r\n".join([*lines, "", ""]).encode() + reply.body
        self.close_connection = headers.get("connection") == "close"
        step = 1 if reply.pause else len(sent)
        for start in range(0, len(sent), step):
            self.wfile.write(sent[start : start + step])
            self.server.closing.wait(reply.pause)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    """A service that runs until the block ends."""
    service = Service(tls)
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
