"""What a user waits while the candidate, in the shadow, takes a second.

`python -m bench.waiting`, with `lambdas` on the path, prints the table.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TextIO

import boto3

from bench.contest import Contest, Work, measure, race
from bench.deployed import CONTEXT, ENVIRONMENT, EVENT, SHADOW, USER, control, runtime
from bench.peers import experiment, migrator
from bench.report import Line, show
from shadow_runtime.contract import Position, Stage, Variant
from shadow_runtime.copies import Copy
from shadow_runtime.credentials import stripped
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration

TITLE = "(e) What a user waits at stage shadow, the candidate taking 1 s (median)"
INCLUDES = (
    "Ours is the whole handler: flag, control, telemetry, and a copy sent to a played Lambda, "
    "which answers 202 at once, or after 5 ms. 'One async invoke' is boto3's invoke of the same "
    "Lambda with the same payload, nothing else. LaunchDarkly's Migrator runs both sides in "
    "parallel and laboratory one after the other; both wait for the slower one."
)
INVOKE = "one async invoke"
MOST = 1.1
SECOND = 1.0
PROMPT, SLOWER = SHADOW, SHADOW.replace("shadow", "slower-shadow")


def main() -> list[Line]:
    """Measure, print the table, and return its lines."""
    with _played() as url:
        environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL_LAMBDA": url}
        return show(TITLE, INCLUDES, measure("bench.waiting", environment))


def contests(sink: TextIO) -> Iterator[Contest]:
    """Ours beside one invoke, for either speed of the played Lambda, and beside the peers."""
    peers = {
        INVOKE: _invoke(PROMPT),
        "LaunchDarkly's Migrator": migrator("shadow", control, _candidate),
        "laboratory": experiment(control, _candidate, enabled=True),
    }
    yield Contest("copied, 202 at once", _ours(sink, PROMPT), peers, {INVOKE: MOST})
    slower = {INVOKE: _invoke(SLOWER)}
    yield Contest("copied, 202 after 5 ms", _ours(sink, SLOWER), slower, {INVOKE: MOST})


def _candidate(request: Request) -> Response:
    time.sleep(SECOND)
    return control(request)


def _ours(sink: TextIO, shadow: str) -> Work:
    handler = Migration(control, runtime(Position(Stage.SHADOW), shadow))

    def handle() -> object:
        with redirect_stdout(sink):
            return handler(EVENT, CONTEXT)

    return handle


def _invoke(shadow: str) -> Work:
    event, withheld = stripped(EVENT)
    payload = Copy(
        event=event,
        withheld=tuple(withheld),
        user=USER,
        id="Z67rFiaQS3QA1A=",
        trace="",
        traceparent="",
        variant=Variant.CONTROL,
        response=control(HTTP_API.request(EVENT, USER)),
        exposed=False,
        deadline_ms=2_000,
    ).payload()
    client = boto3.client("lambda")
    return lambda: client.invoke(FunctionName=shadow, InvocationType="Event", Payload=payload)


class _Lambda(BaseHTTPRequestHandler):
    """Lambda's Invoke of type Event: accepted at once; what runs later is no user's wait."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Accepts one copy."""
        self.rfile.read(int(self.headers["content-length"]))
        if "slower-shadow" in self.path:
            time.sleep(0.005)
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def _played() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Lambda)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with Path(os.devnull).open("w", buffering=1) as null:  # a write a line, as in Lambda
            race("bench.waiting", contests(null))
    else:
        main()
