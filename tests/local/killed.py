"""A route's process is killed at each step of a write, and its client asks again.

The handler, DynamoDB, the queue and PostgreSQL are real; AppConfig's data plane and Lambda's are
played, the latter by the candidate's own handler. `python -m tests.local.killed 200` kills as many;
`make soak` does.
"""

import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dataset.reconciler import reconcile
from dataset.register import Phase, Register
from dataset.steps import Dataset
from dataset_runtime.api import Api
from dataset_runtime.intents import IntentQueue
from dataset_runtime.operation import operation_of
from dataset_runtime.perform import Performer, run
from dataset_runtime.register import RegisterTable
from dataset_runtime.store import Store
from datasets.users import candidate, records
from datasets.users.control import USERS, Directory, InTable
from shadow_runtime.aws import Service
from shadow_runtime.contract import Position, Stage, Variable, Variant, flag_document
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.settings import settings
from tests.local.killed_writer import Point, write
from tests.local.postgres import make_tables, owner, postgres, reached
from tests.local.services import new_queues, new_table, services

NAME = "Users/users"
FIRST = {
    key: {"name": user["name"], "email": user["email"], "plan": user["plan"]}
    for key, user in islice(USERS.items(), 12)
}
EXPOSED = [*FIRST][::2]
LAMBDAS = "arn:aws:lambda:us-east-1:000000000000:function"
PHASES = (Phase.DUAL, Phase.SYNCED, Phase.SWITCHED)
POINTS = [Point(step, when) for step in (1, 2, 3, 4) for when in ("before", "within", "after")]
"""The register, the intent, the effect, the copy."""

_LOGIN = """
CREATE ROLE candidate LOGIN PASSWORD 'a';
GRANT pg_read_all_data, pg_write_all_data TO candidate;
"""
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.local.killed_writer", "shadow_runtime.migrating"])


@dataclass
class Killed:
    """What became of the writes of killed processes."""

    variables: Mapping[str, str]
    performer: Performer
    control: Directory
    url: str
    texts: dict[str, dict[str, str]] = field(default_factory=lambda: {key: {} for key in FIRST})
    acknowledged: dict[str, list[str]] = field(default_factory=lambda: {key: [] for key in FIRST})
    phases: list[Phase] = field(default_factory=list)
    kills: int = 0

    def at(self, phase: Phase) -> None:
        """The dataset is there, with nothing on its way."""
        self.drain()
        self.phases.append(phase)
        found = self.performer.register.read()
        assert found is not None
        moved = replace(found, phase=phase, epoch=found.epoch + 1)
        assert self.performer.register.change(found.epoch, moved)

    def write(self, user: str, point: Point, *, asks_again: bool) -> None:
        """A user's request, whose process dies; the client asks again under the same key."""
        key = f"key-{next(_numbers)}"
        event = put(user, key)
        operation = operation_of(HTTP_API.request(event, user))
        self.texts[user][operation.id] = key
        answer = self._process(event, point)
        self.kills += answer is None
        until = time.monotonic() + 30
        while asks_again and (answer is None or answer[0] >= 500) and time.monotonic() < until:
            answer = self._process(event, None)
        if answer is not None:
            assert answer[0] == 200, answer
            assert json.loads(answer[1])["name"] == key
            self.acknowledged[user].append(operation.id)
        assert answer is not None or not asks_again

    def _process(self, event: Any, point: Point | None) -> Any:
        mine, its = _processes.Pipe()
        process = _processes.Process(target=write, args=(its, event, self.variables, point))
        process.start()
        its.close()
        try:
            return mine.recv()
        except EOFError:
            return None
        finally:
            process.join()
            mine.close()

    def drain(self) -> None:
        """The reconciler takes all that is in the queue."""
        dataset = Dataset(NAME, records.translate, records.inverse)
        queue = self.performer.queue
        same = IntentQueue(
            Api(Service("sqs"), "AmazonSQS"), NAME, url=self.url, dead_letters=self.url
        )
        until = time.monotonic() + 60
        while queue.depth() and time.monotonic() < until:
            for letter in same.receive_dead():
                run(reconcile(dataset, queue.read(letter.body), now=time.time), self.performer)
                same.delete_dead(letter)
        assert queue.depth() == 0, "the queue does not drain"

    def check(self) -> None:
        """Nothing is lost, and nothing is doubled, on neither side, once the queue is empty."""
        self.drain()
        for user, texts in self.texts.items():
            held, copy = self.control.load(user), candidate.store.load(user)
            assert held is not None
            assert copy is not None
            assert held == copy, f"after {self.kills} kills, at {self.phases[-1]}"
            assert {*self.acknowledged[user]} <= {*held.operations} <= {*texts}, "a write is lost"
            assert held.version == 1 + len(held.operations), "a write is doubled"
            if held.operations:
                assert held.rows is not None
                assert held.rows["name"] == texts[[*held.operations][-1]]


_numbers = count()


def put(user: str, key: str) -> dict[str, Any]:
    """An event of an HTTP API."""
    return {
        "version": "2.0",
        "routeKey": "PUT /users/me",
        "rawPath": "/users/me",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "idempotency-key": key},
        "requestContext": {
            "requestId": f"request-{key}",
            "http": {"method": "PUT", "path": "/users/me", "sourceIp": "203.0.113.7"},
            "authorizer": {"jwt": {"claims": {"sub": user}, "scopes": None}},
        },
        "body": json.dumps({"name": key}),
        "isBase64Encoded": False,
    }


@contextmanager
def killed(folder: Path, *, delay_s: int) -> Iterator[Killed]:
    """Twelve users on both sides, equal, at `off`; the queue delays by `delay_s`."""
    with services(folder) as found, postgres(_LOGIN) as socket, patch.dict(os.environ):
        os.environ |= {name: value for name, value in found.items() if name.startswith("AWS_")}
        endpoint = found["AWS_ENDPOINT_URL"]
        url, dead = new_queues(endpoint, DelaySeconds=str(delay_s), VisibilityTimeout="30")
        table, changes = new_table(endpoint), new_table(endpoint)
        os.environ["DIRECTORY_TABLE"] = changes  # before a process imports the directory
        make_tables(socket)
        with owner(socket) as connection:
            for key, row in FIRST.items():
                values = [key, row["name"], row["email"], row["plan"]]
                connection.execute(
                    "INSERT INTO users (id, name, email, plan) VALUES (%s, %s, %s, %s)", values
                )
                connection.execute("INSERT INTO users_versions VALUES (%s, 1, '{}')", [key])
        os.environ |= {Variable.DATASET: NAME, Variable.DATASET_PACKAGE: "datasets.users"}
        settings.cache_clear()
        with reached(socket, "candidate"), _played() as played:
            dynamodb = Api(Service("dynamodb"), "DynamoDB_20120810")
            control = Directory(InTable(dynamodb, changes), FIRST)
            queue = IntentQueue(Api(Service("sqs"), "AmazonSQS"), NAME, url=url, dead_letters=dead)
            stores: dict[Variant, Store] = {
                Variant.CONTROL: control,
                Variant.CANDIDATE: candidate.store,
            }
            variables = {
                **os.environ,
                "AWS_ENDPOINT_URL_APPCONFIGDATA": played,
                "AWS_ENDPOINT_URL_LAMBDA": played,
                "AWS_LAMBDA_FUNCTION_NAME": "route",
                Variable.ROUTE: "UpdateUser/update-user",
                Variable.CEILING: "canary(2%)",
                Variable.FLAG_APPLICATION: "a",
                Variable.FLAG_ENVIRONMENT: "e",
                Variable.FLAG_PROFILE: "p",
                Variable.CANDIDATE: f"{LAMBDAS}:candidate:1",
                Variable.CANDIDATE_DEADLINE_MS: "2000",
                Variable.SHADOW: f"{LAMBDAS}:shadow:1",
                Variable.DATASET_TABLE: table,
                Variable.DATASET_QUEUE: url,
            }
            performer = Performer(RegisterTable(dynamodb, table), queue, stores)
            assert performer.register.change(0, Register(phase=Phase.DUAL, epoch=1))
            yield Killed(variables, performer, control, url)
    settings.cache_clear()


@contextmanager
def _played() -> Iterator[str]:
    """A flag, and a Lambda whose candidate is this process."""
    from routes.update_user import candidate as update_user

    position = Position(
        Stage.canary(percent=2),
        candidate_users=tuple(EXPOSED),
        control_users=tuple(key for key in FIRST if key not in EXPOSED),
    )
    flag = json.dumps(flag_document(position)["values"]).encode()
    alone = threading.Lock()

    class Services(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.answer(200, flag)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path.startswith("/configurationsessions"):
                self.answer(201, b'{"InitialConfigurationToken": "first"}')
            elif self.headers["x-amz-invocation-type"] == "Event":
                self.answer(202, b"")
            else:
                with alone:
                    answer = update_user.handler(json.loads(body), None)
                self.answer(200, json.dumps(answer).encode())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("next-poll-configuration-token", "next")
            self.send_header("next-poll-interval-in-seconds", "86400")
            self.end_headers()
            self.wfile.write(body)

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                """Whoever asked was killed."""

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Services)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def kill_all(dataset: Killed, kills: int) -> None:
    """A third of them in each phase; each fifth client never asks again.

    Before a user writes once more, what the last write left is looked at: it would be mended.
    """
    users = [*FIRST]
    for number in range(kills):
        if (phase := PHASES[3 * number // kills]) not in dataset.phases:
            dataset.at(phase)
        turn, which = divmod(number, len(POINTS))  # another user at each point, each time
        user = users[(turn + which) % len(users)]
        dataset.write(user, POINTS[which], asks_again=number % 5 != 4)
        if which == len(POINTS) - 1:
            dataset.check()
    dataset.check()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as here, killed(Path(here), delay_s=5) as everything:
        kill_all(everything, int(sys.argv[1]))
        said = sum(map(len, everything.acknowledged.values()))
    sys.stdout.write(
        f"{everything.kills} of {sys.argv[1]} processes were killed in a write; {said} writes were "
        "acknowledged: none is lost, none is doubled, both sides are equal\n"
    )
