"""What a write costs at each phase of its dataset, beside control alone.

`python -m bench.writing`, with `lambdas` on the path, prints the table.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from statistics import median, quantiles
from typing import Any

from rich import box
from rich.padding import Padding
from rich.table import Table

from bench.contest import ROOT
from bench.deployed import CONTEXT, ENVIRONMENT, EVENT, SHADOW, USER, nothing_said, warm_flag
from bench.report import Line, console, line, seconds
from dataset.register import Phase, Register
from dataset.steps import Dataset, Record
from dataset_runtime.api import Api
from dataset_runtime.intents import IntentQueue
from dataset_runtime.operation import attempt_of
from dataset_runtime.perform import Performer
from dataset_runtime.register import RegisterTable
from dataset_runtime.route import RouteData
from dataset_runtime.wire import from_json, to_json
from datasets.users import records
from datasets.users.control import Directory, InTable
from shadow_runtime.aws import Service
from shadow_runtime.candidate_call import CandidateCall
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import Position, Stage, Variable, Variant
from shadow_runtime.handlers import MARK
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.respond import RouteRuntime
from shadow_runtime.tee import Tee

TITLE = "(j) A write, beside control alone, by the phase of its dataset"
INCLUDES = (
    "Control reads and puts an item of DynamoDB, as the sample does. Every service is played on "
    "this machine and takes as long as said here: DynamoDB 4 ms a call, SQS 8 ms, a warm "
    "candidate 15 ms with its transaction. What is added is the median, and the 95th percentile, "
    "less that of control alone in the same run; calls are all that the route's function makes."
)
_NAMES = {"DynamoDB_20120810": "DynamoDB", "AmazonSQS": "SQS", "candidate": "Lambda"}
TAKES_S = {"DynamoDB_20120810": 0.004, "AmazonSQS": 0.008, "candidate": 0.015}
WRITES = 300
ALONE = "control alone"
NAME = "Users/users"
_TABLE, _DIRECTORY = "register", "directory"
_CANDIDATE = SHADOW.replace("shadow", "candidate")
_FIRST = {"name": "Ada", "email": "ada@example.com", "plan": "team"}


def main() -> list[Line]:
    """Measure, print the table, and return its lines."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.writing", "measured"],
        env={**os.environ, **ENVIRONMENT, Variable.DATASET: NAME},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: dict[str, tuple[list[float], dict[str, float]]] = json.loads(ran.stdout)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("a write", "median", "95th", "added", "added at the 95th", "calls"):
        table.add_column(heading, justify="left" if heading in ("a write", "calls") else "right")
    alone = _shape(measured[ALONE][0])
    for name, (took, calls) in measured.items():
        half, most = _shape(took)
        added = [seconds(max(0.0, each)) for each in (half - alone[0], most - alone[1])]
        said = ", ".join(f"{number:g} {service}" for service, number in calls.items())
        table.add_row(name, seconds(half), seconds(most), *added, said)
    console.print(f"[bold]{TITLE}[/]", highlight=False)
    console.print(table, Padding(INCLUDES, (0, 0, 1, 2)), highlight=False)
    return [
        line(f"a write, {name}", _shape(took)[0], ALONE, alone[0])
        for name, (took, _) in measured.items()
        if name != ALONE
    ]


def _shape(took: list[float]) -> tuple[float, float]:
    return median(took), quantiles(took, n=20)[-1]


def _measured() -> dict[str, tuple[list[float], dict[str, float]]]:
    """Each in turn, write by write, so that what else the machine does hits all of them."""
    with _played() as played:
        os.environ["AWS_ENDPOINT_URL"] = played.url
        works = {ALONE: _alone(), **dict(_phases(played))}
        took: dict[str, list[float]] = defaultdict(list)
        calls: dict[str, Counter[str]] = defaultdict(Counter)
        for number in range(WRITES + 5):
            for name, work in works.items():
                played.calls.clear()
                started = time.perf_counter()
                work()
                elapsed = time.perf_counter() - started
                if number >= 5:  # connections are kept by then
                    took[name].append(elapsed)
                    calls[name] += played.calls
        return {
            name: (took[name], {service: n / WRITES for service, n in calls[name].items()})
            for name in works
        }


def _alone() -> Callable[[], object]:
    handler = Migration(_control(), None)
    return lambda: _answered(handler(_event(), CONTEXT))


def _phases(played: "Played") -> Iterator[tuple[str, Callable[[], object]]]:
    for name, phase, exposed in (
        ("at off", Phase.OFF, False),
        ("at dual", Phase.DUAL, False),
        ("at synced, told by the candidate", Phase.SYNCED, True),
        ("at switched", Phase.SWITCHED, False),
    ):
        yield name, _at(played, phase, exposed=exposed)


def _at(played: "Played", phase: Phase, *, exposed: bool) -> Callable[[], object]:
    canary = Stage.canary(percent=2)
    position = (
        Position(canary, candidate_users=(USER,))
        if exposed
        else Position(canary, control_users=(USER,))
    )
    dynamodb = Api(Service("dynamodb"), "DynamoDB_20120810")
    lambda_, table = Service("lambda"), f"{_TABLE}-{phase}"
    queue = IntentQueue(Api(Service("sqs"), "AmazonSQS"), NAME, url=f"{played.url}/1/intents.fifo")
    control = _directory()
    register = RegisterTable(dynamodb, table)
    register.change(0, Register(phase=phase, epoch=1))
    runtime = RouteRuntime(
        flag=warm_flag(position),
        ceiling=Stage.LIVE,
        candidate=CandidateCall(lambda_, _CANDIDATE, deadline_ms=2_000),
        circuit_breaker=CircuitBreaker(),
        tee=Tee(lambda_, SHADOW),
        deadline_ms=2_000,
        dataset=RouteData(
            Dataset(NAME, records.translate, records.inverse),
            keys=records.keys,
            perform=Performer(register, queue, {Variant.CONTROL: control}),
        ),
    )
    handler = Migration(_control(control), runtime)
    return lambda: _answered(handler(_event(), CONTEXT))


def _directory() -> Directory:
    dynamodb = Api(Service("dynamodb"), "DynamoDB_20120810")
    return Directory(InTable(dynamodb, f"{_DIRECTORY}-{next(_numbers)}"), {USER: _FIRST})


def _control(directory: Directory | None = None) -> Callable[[Request], Response]:
    users = directory or _directory()

    def handler(request: Request) -> Response:
        asked = json.loads(request.body)
        user = users.apply(attempt_of(request), request.user, lambda old: {**old, **asked})
        return Response.json({"id": user.key, **(user.rows or {})})

    return handler


def _event() -> dict[str, Any]:
    key = f"write-{next(_numbers)}"
    http = {**EVENT["requestContext"]["http"], "method": "PUT"}
    return {
        **EVENT,
        "headers": {**EVENT["headers"], "idempotency-key": key},
        "requestContext": {**EVENT["requestContext"], "http": http, "requestId": key},
        "body": json.dumps({"name": key}),
    }


def _answered(answer: Any) -> None:
    if answer["statusCode"] != 200:
        raise AssertionError(answer)


_numbers = count()


class Played:
    """The services of a route that writes; each call takes its time, and is counted."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: Counter[str] = Counter()
        self._items: dict[tuple[str, str], Any] = {}
        self._versions: Counter[str] = Counter()

    def answer(self, service: str, action: str, asked: Any) -> Any:
        """What the service says, after a while."""
        self.calls[
            {"DynamoDB_20120810": "DynamoDB", "AmazonSQS": "SQS"}.get(service, "Lambda")
        ] += 1
        time.sleep(TAKES_S[service])
        match action:
            case "GetItem":
                item = self._items.get((asked["TableName"], asked["Key"]["pk"]["S"]))
                return {"Item": item} if item else {}
            case "PutItem":
                self._items[asked["TableName"], asked["Item"]["pk"]["S"]] = asked["Item"]
                return {}
            case "Invoke":
                return self._candidate(asked)
        return {"MessageId": "1", "SequenceNumber": "1"}

    def _candidate(self, event: Any) -> Any:
        told = event[MARK]["dataset"]
        if told["copies"]:
            states = [from_json(each) for each in told["copies"]]
        else:
            self._versions[USER] += 1
            rows = {**_FIRST, **json.loads(event["body"])}
            states = [Record(USER, 1 + self._versions[USER], rows)]
        body = json.dumps({"id": USER, **(states[0].rows or {})})
        payload = {"statusCode": 200, "body": body, "headers": {"content-type": "application/json"}}
        asked = told["operation"]
        return {
            "copied": [True for _ in told["copies"]],
            "records": [*map(to_json, states)] if asked else [],
            "payload": payload if asked else None,
        }


@contextmanager
def _played() -> Iterator[Played]:
    played = Played()

    class Services(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            """One call of any service."""
            body = self.rfile.read(int(self.headers["content-length"]))
            target = self.headers.get("x-amz-target")
            if self.headers.get("x-amz-invocation-type") == "Event":
                played.calls["copy to the shadow"] += 1
                self.send(202, b"")
                return
            service, _, action = (target or "candidate.Invoke").partition(".")
            self.send(200, json.dumps(played.answer(service, action, json.loads(body))).encode())

        def send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Services)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    played.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with nothing_said():
            found = _measured()
        sys.stdout.write(json.dumps(found))
    else:
        main()
