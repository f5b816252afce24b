"""An HTTP server on 127.0.0.1 for Pact's verifier, whose requests the thread of the test answers.

There a handler finds what the test prepared: monkeypatches, context variables, a connection of that
thread, the debugger.
"""

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, Self, TypeVar
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from shadow_runtime.http import Request, Response

_AGAIN_S = 0.1
"""Until code that goes on when its time is up is told once more: an `except` may swallow it."""

_LOOK_S = 0.01
_TEXT = re.compile(r"text/|application/(.*[+])?(json|xml|javascript)\b")

T = TypeVar("T")
Answer = Callable[[Request], Response]


class Overdue(BaseException):
    """The time of what runs is up; no `except Exception` of its own stops it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Ends what runs in the block when its time is up, wherever it is; in the main thread alone.

    Raises:
        Overdue: the time is up.

    Example:
        >>> with within(0.01):
        ...     threading.Event().wait()
        Traceback (most recent call last):
        shadowctl.pacts.provider.Overdue
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise Overdue

    before = signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # twice: it may ring in the line above, but not again so soon
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left, interval)


@dataclass(frozen=True, slots=True)
class RouteKey:
    """What a route answers, as its API's route key says it.

    Example:
        >>> key = RouteKey.of("GET /orders/{id}")
        >>> key.parameters("GET", "/orders/a%20b"), key.parameters("GET", "/orders")
        ({'id': 'a b'}, None)
    """

    text: str
    method: str
    path: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Of a method and a path: `GET /orders/{id}`, `ANY /shop/{proxy+}`, or `$default`.

        Raises:
            ValueError: it is none.
        """
        method, _, path = text.strip().partition(" ")
        if text.strip() == "$default":
            return cls("$default", "ANY", re.compile(".*"))
        if not method.isalpha() or not path.startswith("/"):
            raise ValueError(
                f"answers={text!r} is no route key: write a method and a path, such as "
                "'GET /orders/{id}'"
            )
        pattern = re.sub(
            r"\\{(\w+)(\\\+)?\\}",
            lambda found: f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})",
            re.escape(path),
        )
        return cls(f"{method.upper()} {path}", method.upper(), re.compile(pattern))

    def parameters(self, method: str, path: str) -> dict[str, str] | None:
        """The parameters of a path, decoded; None where the route does not answer."""
        found = self.path.fullmatch(path)
        if found is None or self.method not in ("ANY", method):
            return None
        return {name: unquote(value) for name, value in found.groupdict().items()}


class Provider:
    """Plays the front door of a route: each request that arrives is one of its `keys`, or gets 404.

    `url` is where it listens; at `states_url` it tells what the states of an interaction gave,
    `given` by their names.

    Example:
        >>> with Provider([RouteKey.of("GET /users/me")]) as provider:
        ...     provider.url  # doctest: +ELLIPSIS
        'http://127.0.0.1:...'
    """

    def __init__(self, keys: list[RouteKey]) -> None:
        self._keys = keys
        self._asked: SimpleQueue[tuple[Request, Future[Response]]] = SimpleQueue()
        self._states = f"/{uuid4()}"
        self.given: Mapping[str, Mapping[str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=[_LOOK_S], daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where the route is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def states_url(self) -> str:
        """Where the verifier asks for states, which are there already."""
        return f"{self.url}{self._states}"

    def serve(self, answer: Answer, job: Callable[[], T]) -> T:
        """What `job` returns in a thread of its own, while this one answers its requests."""
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(job)
            while not running.done():
                try:
                    request, told = self._asked.get(timeout=_LOOK_S)
                except Empty:
                    continue
                try:
                    told.set_result(answer(request))
                except BaseException:
                    told.cancel()
                    raise
            return running.result()

    def received(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """The answer to a request, once the serving thread has it."""
        parts = urlsplit(target)
        if parts.path == self._states:
            return Response.json(self.given.get(json.loads(body).get("state", ""), {}))
        matching = ((key, key.parameters(method, parts.path)) for key in self._keys)
        key, parameters = next((m for m in matching if m[1] is not None), (None, None))
        if key is None:
            return Response.error(404, "Not Found")
        told: Future[Response] = Future()
        request = Request(
            method=method,
            path=parts.path,
            query=parts.query,
            route_key=key.text,
            path_parameters=parameters or {},
            headers=headers,
            id=f"{uuid4()}",
            source_ip="127.0.0.1",
            body=_body(headers, body),
        )
        self._asked.put((request, told))
        return told.result()


def _body(headers: Mapping[str, str], body: bytes) -> str | bytes:
    """Text where a front door hands over text."""
    if _TEXT.match(headers.get("content-type", "application/json")):
        try:
            return body.decode()
        except UnicodeDecodeError:
            pass
    return body


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers: dict[str, str] = {}
            for name, value in self.headers.items():
                key = name.lower()
                headers[key] = f"{headers[key]},{value}" if key in headers else value
            answer = provider.received(self.command, self.path, headers, self.rfile.read(length))
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                if name.lower() != "content-length":
                    self.send_header(name, value.encode().decode("latin-1"))
            for cookie in answer.cookies:
                self.send_header("set-cookie", cookie)
            if answer.status not in (204, 304):
                self.send_header("content-length", f"{len(body)}")
            self.end_headers()
            if self.command != "HEAD" and answer.status not in (204, 304):
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Pact tells."""

    return Handler
