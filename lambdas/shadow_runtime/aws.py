"""Signed requests to an AWS service on a kept connection, each within a deadline in total.

A client of boto3 bounds each read but not their sum, does not tell a kept connection from a fresh
one, and takes 40 ms to make, in every cold start. Credentials and signatures are botocore's.
"""

import fcntl
import io
import math
import os
import select
import socket
import ssl
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ContainerProvider, CredentialResolver, EnvProvider

from shadow_runtime.telemetry import trace_header

IDLE_SECONDS = 60
"""A connection idle for longer is not used again: what lies between may have forgotten it, as a NAT
gateway does after 350 seconds, and an environment that was frozen was not told."""


_SIGNING_NAMES = {"appconfigdata": "appconfig"}
"""Of services that have another name in signatures."""


class Reply(NamedTuple):
    """What a service answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Service:
    """An AWS service in the function's region, asked directly: no proxy is heard of.

    `AWS_ENDPOINT_URL_LAMBDA` and the like name another address, such as one of another partition;
    `AWS_USE_FIPS_ENDPOINT` and `AWS_CA_BUNDLE` mean what they mean to any SDK of AWS.

    Example:
        >>> deadline = time.monotonic() + 0.5
        >>> functions = "/2015-03-31/functions"
        >>> Service("lambda").send("GET", functions, deadline).reply(deadline)  # doctest: +SKIP
        Reply(status=200, headers={…}, body=b'{"Functions":[]}')
    """

    def __init__(self, name: str) -> None:
        self._kept: tuple[socket.socket, float] | None = None
        self._signing_name = _SIGNING_NAMES.get(name, name)
        self._url = endpoint(name, os.environ)

    def send(
        self,
        method: str,
        path: str,
        deadline: float,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
        patient: bool = False,
    ) -> "Pending":
        """Sends a request and waits for no reply; `deadline` is one of `time.monotonic`.

        Only an `idempotent` request is ever sent twice; a `patient` one not to a service that has
        received it, and is merely slow.

        Raises:
            OSError: the service cannot be reached, or not by the deadline.
            botocore.exceptions.BotoCoreError: there are no credentials.
        """
        signed = self._signed(method, path, body, headers or {})
        return Pending(self, signed, deadline, idempotent=idempotent, patient=patient)

    def connect(self, deadline: float) -> socket.socket:
        """A fresh connection."""
        return _connection(self._url, deadline)

    def keep(self, connection: socket.socket) -> None:
        """Keeps a connection for the next request."""
        others, self._kept = self._kept, (connection, time.time())
        if others is not None:  # two threads asked at once
            others[0].close()

    def kept(self) -> socket.socket | None:
        """The connection that was kept, unless it is known to be dead, or may well be."""
        kept, self._kept = self._kept, None
        if kept is None:
            return None
        connection, since = kept
        idle = time.time() - since  # this clock goes on while an environment is frozen
        if 0 <= idle < IDLE_SECONDS and not _ready([connection], 0):
            return connection
        connection.close()
        return None

    def __del__(self) -> None:
        if self._kept is not None:
            self._kept[0].close()

    def _signed(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        host, path = self._url.netloc, self._url.path.rstrip("/") + path
        url = f"{self._url.scheme}://{host}{path}"
        request = AWSRequest(method, url, {"host": host, **headers}, body)
        _signer(self._signing_name).add_auth(request)
        lines = [f"{method} {path} HTTP/1.1", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        if trace := trace_header():
            lines.append(f"x-amzn-trace-id: {trace}")
        return "\r\n".join([*lines, "", ""]).encode() + body


class Pending:
    """A request that was sent and is not answered yet.

    A kept connection may be dead without having said so. When it closes before the reply begins, or
    is silent for half of the time, an idempotent request is sent once more, on a fresh connection,
    and whichever answers first has answered: a service that is merely slow loses nothing.
    """

    def __init__(
        self,
        service: Service,
        request: bytes,
        deadline: float,
        *,
        idempotent: bool,
        patient: bool,
    ) -> None:
        self._service = service
        self._is_patient = patient
        self._request = request
        self._connections: list[socket.socket] = []
        kept = service.kept()
        self._may_repeat = idempotent and kept is not None
        if kept is None:
            self._send(service.connect(deadline), deadline)
            return
        try:
            self._send(kept, deadline)
        except OSError:  # not all of it was sent, so none of it was acted on
            self._send_afresh(deadline)

    def reply(self, deadline: float) -> Reply:
        """The reply; what has arrived already is read even when `deadline` has passed.

        Raises:
            TimeoutError: it was not complete by `deadline`.
            OSError: the service hung up, or cannot be reached.
        """
        try:
            connection, begun = self._first(deadline)
            response = HTTPResponse(_Incoming(connection, begun, deadline))  # type: ignore[arg-type]
            response.begin()
            body = response.read()
            if not response.will_close:
                self._connections.remove(connection)
                self._service.keep(connection)
        except HTTPException as error:
            raise ConnectionError(f"the reply is no HTTP: {type(error).__name__}") from error
        finally:
            self.abandon()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, body)

    def abandon(self) -> None:
        """Waits for no reply any more."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _first(self, deadline: float) -> tuple[socket.socket, bytes]:
        """The connection on which the reply begins, and its first bytes."""
        now = time.monotonic()
        until = now + (deadline - now) / 2 if self._may_repeat else deadline
        while True:
            for connection in _ready(self._connections, until - time.monotonic()):
                begun = _received(connection)
                if begun:
                    return connection, begun
                if begun is not None:
                    self._connections.remove(connection)
                    connection.close()
            if self._may_repeat and (not self._connections or time.monotonic() >= until):
                until = deadline
                if self._is_patient and any(map(_is_received, self._connections)):
                    self._may_repeat = False
                else:
                    self._send_afresh(deadline)
            elif not self._connections:
                raise ConnectionResetError("the connection was closed before a reply")
            elif time.monotonic() >= until:
                raise TimeoutError("there was no reply in time")

    def _send_afresh(self, deadline: float) -> None:
        self._may_repeat = False
        self._send(self._service.connect(deadline), deadline)

    def _send(self, connection: socket.socket, deadline: float) -> None:
        try:
            connection.settimeout(_left(deadline))
            connection.sendall(self._request)
        except OSError:
            connection.close()
            raise
        self._connections.append(connection)


class _Incoming(io.RawIOBase):
    """What a connection brings until a deadline, however slowly it trickles."""

    def __init__(self, connection: socket.socket, begun: bytes, deadline: float) -> None:
        self._connection = connection
        self._begun = begun
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Itself: `HTTPResponse` asks a socket for this."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._begun:
            read = min(len(buffer), len(self._begun))
            buffer[:read], self._begun = self._begun[:read], self._begun[read:]
            return read
        self._connection.settimeout(_left(self._deadline))
        return self._connection.recv_into(buffer)


def invoke(
    lambda_: Service,
    function: str,
    payload: bytes,
    *,
    seconds: float,
    asynchronously: bool = False,
    idempotent: bool = True,
) -> Reply:
    """What Lambda answers to an invocation of `function`, an ARN, within `seconds`.

    One that Lambda shall only take note of is not sent again while Lambda may be about to.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html

    Raises:
        TimeoutError, OSError, botocore.exceptions.BotoCoreError: as `Service` and `Pending` do.
    """
    deadline = time.monotonic() + seconds
    kind = {"x-amz-invocation-type": "Event" if asynchronously else "RequestResponse"}
    path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
    pending = lambda_.send(
        "POST",
        path,
        deadline,
        payload,
        headers=kind,
        idempotent=idempotent,
        patient=asynchronously,
    )
    return pending.reply(deadline)


def endpoint(service: str, environment: Mapping[str, str]) -> SplitResult:
    """Where `service` is.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html

    Example:
        >>> endpoint("lambda", {"AWS_REGION": "eu-central-1"}).geturl()
        'https://lambda.eu-central-1.amazonaws.com'
    """
    named = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}")
    fips = "-fips" if environment.get("AWS_USE_FIPS_ENDPOINT") == "true" else ""
    region = environment["AWS_REGION"]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    usual = f"https://{service}{fips}.{region}.{suffix}"
    return urlsplit(named or environment.get("AWS_ENDPOINT_URL") or usual)


def _signer(service: str) -> SigV4Auth:
    credentials = _credentials()
    frozen = credentials and credentials.get_frozen_credentials()
    return SigV4Auth(frozen, service, os.environ["AWS_REGION"])


@cache
def _credentials() -> Any:
    """The role's: in the environment, or with SnapStart at an address in it, where they rotate."""
    return CredentialResolver([EnvProvider(), ContainerProvider()]).load_credentials()


def _connection(url: SplitResult, deadline: float) -> socket.socket:
    """A connection to the first address of `url` that accepts one."""
    port = url.port or (80 if url.scheme == "http" else 443)
    addresses = socket.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(deadline) / (len(addresses) - number))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if url.scheme == "http":
                return connection
            connection.settimeout(_left(deadline))
            context = _tls(os.environ.get("AWS_CA_BUNDLE"))
            return context.wrap_socket(connection, server_hostname=url.hostname)
        except OSError as error:
            connection.close()
            failed = error
    raise failed


@cache
def _tls(bundle: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=bundle)


def _ready(connections: Sequence[socket.socket], seconds: float) -> list[socket.socket]:
    """Those that have something to read, or were closed, within `seconds`."""
    asked = select.poll()  # select() knows no descriptor from 1,024 on
    for connection in connections:
        asked.register(connection, select.POLLIN)
    ready = {descriptor for descriptor, _ in asked.poll(math.ceil(1_000 * max(0.0, seconds)))}
    return [connection for connection in connections if connection.fileno() in ready]


def _received(connection: socket.socket) -> bytes | None:
    """What has come: `b""` when it was closed, None when it was TLS's own."""
    connection.setblocking(False)
    try:
        return connection.recv(65_536)
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    except OSError:
        return b""


def _is_received(connection: socket.socket) -> bool:
    """Whether the other end has acknowledged all that was sent.

    https://man7.org/linux/man-pages/man7/tcp.7.html (`SIOCOUTQ`)
    """
    unacknowledged = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(unacknowledged, sys.byteorder) == 0


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("there is no time left")
    return left
