"""Copies sent are copies compared, dropped for a reason, or lost by Lambda: whatever happens."""

import contextlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Self

import pytest
import urllib3

from localaws.evidence import counted
from localaws.up import Local
from shadow_runtime.contract import DROPPED, MetricName, Position, Stage, Variable
from tests.local.deployed import Deployed, awaited

USER = "user-007"
COMPARED, LOST = "Compared", "lost by Lambda"
TIMEOUT_S = 3
"""Of the shadow, so that a copy is late after two seconds."""

_SETTLED_S = 0.5
_PATIENCE_S = 60

PLAIN = """
import asyncio, ctypes, os, signal, threading, time
from shadow_runtime.candidate import candidate
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating

JSON = {"content-type": "application/json"}

class Slow:
    def __del__(self): time.sleep(10)

"""
ANSWER = 'return Response.json({"id": request.user})'
CONTROL = f"""{PLAIN}
@migrating(repeatable=True)
def handler(request):
    if request.headers["x-case"] == "control fails":
        raise RuntimeError
    {ANSWER}
"""
BECOMES: dict[str, tuple[str, str]] = {
    "agrees": (ANSWER, COMPARED),
    "differs": ('return Response.json({"id": "Ada"})', COMPARED),
    "raises": ("raise RuntimeError", COMPARED),
    "exits": ("raise SystemExit", COMPARED),
    "answers no JSON": ('return Response(status=200, body="<html>")', COMPARED),
    "answers bytes": (r'return Response(status=200, body=b"\x1f\x8b\xff\x00")', COMPARED),
    "answers 5 MB": ('return Response.json(["x" * 100] * 48_000)', COMPARED),
    "answers what is nested without end": (
        'return Response(status=200, headers=JSON, body="[" * 100_000)',
        "Undecided",
    ),
    "answers no response": ("return object()", COMPARED),
    "answers nothing": ("return None", COMPARED),
    "cancels itself": ("raise asyncio.CancelledError", "SideFailed"),
    "control fails": (ANSWER, "SideFailed"),
    "misses a credential": ("return Response(status=401)", "Withheld"),
    "sleeps": ("time.sleep(10)", "Late"),
    "sleeps in a finalizer": ("Slow(); time.sleep(10)", "Late"),
    "dies at once": ("os._exit(1)", LOST),
    "is killed as it sleeps": (
        "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start(); time.sleep(10)",
        LOST,
    ),
    "ends in C": ("ctypes.string_at(0)", LOST),
    "is frozen": ("os.kill(os.getpid(), signal.SIGSTOP)", LOST),
    "hears nobody": ("signal.pthread_sigmask(0, [signal.SIGALRM]); time.sleep(10)", LOST),
}
BY_CASE = "\n".join(
    f"    if case == {case!r}:\n        {code}" for case, (code, _) in BECOMES.items()
)
CANDIDATE = f"""{PLAIN}
@candidate
def handler(request):
    case = request.headers["x-case"]
{BY_CASE}
"""


class Shadow:
    """The shadow under production's settings, with sides of a test's own.

    Each event is tried once; what Lambda then gives up goes to a queue, which stands for Lambda's
    own counts.
    """

    def __init__(self, local: Local) -> None:
        self.deployed = Deployed(local)
        [self._token] = local.tokens([USER]).values()
        self._url = f"{local.api_url}/users/me"
        self._functions = local.session().client("lambda")
        self._queues = local.session().client("sqs")
        self._name = self.deployed.name("Shadow")

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Self]:
        before = self.deployed.configuration("Shadow")
        self._lost = self._queues.create_queue(QueueName="lost")["QueueUrl"]
        queue = self._queues.get_queue_attributes(QueueUrl=self._lost, AttributeNames=["QueueArn"])
        for function in ("Route", "Shadow"):
            code = {
                "routes/get_user/control.py": CONTROL,
                "routes/get_user/candidate.py": CANDIDATE,
            }
            self.deployed.put_code(function, code)
        self._functions.update_function_configuration(FunctionName=self._name, Timeout=TIMEOUT_S)
        self._functions.put_function_event_invoke_config(
            FunctionName=self._name,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": queue["Attributes"]["QueueArn"]}},
        )
        # By its name, as no route is: the embedded AWS heeds these settings for no version.
        self.deployed.set("Route", **{Variable.SHADOW: before["FunctionArn"]})
        self.deployed.at(Position(Stage.SHADOW))
        try:
            with self.deployed.allowed("Route", "lambda:InvokeFunction", on=before["FunctionArn"]):
                yield self
        finally:
            self._functions.delete_function_event_invoke_config(FunctionName=self._name)
            self._functions.update_function_configuration(
                FunctionName=self._name, Timeout=before["Timeout"]
            )
            self._queues.delete_queue(QueueUrl=self._lost)

    @contextlib.contextmanager
    def at_once(self, environments: int) -> Iterator[None]:
        """No more of them than this; what comes beside is throttled."""
        self._functions.put_function_concurrency(
            FunctionName=self._name, ReservedConcurrentExecutions=environments
        )
        try:
            yield
        finally:
            self._functions.delete_function_concurrency(FunctionName=self._name)

    def ask(self, case: str) -> str:
        """The trace of a request, under which it is told what became of its copy."""
        trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        headers = {
            "Authorization": f"Bearer {self._token}",
            "X-Case": case,
            "X-Amzn-Trace-Id": trace,
        }
        if case == "misses a credential":
            headers["X-Api-Key"] = "key-51c0ffee"
        urllib3.request("GET", self._url, headers=headers, retries=False, timeout=15)
        return trace

    def lost(self) -> Iterator[str]:
        """The trace of each copy that Lambda gave up since it was asked last."""
        while messages := self._queues.receive_message(
            QueueUrl=self._lost, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                handle = message["ReceiptHandle"]
                self._queues.delete_message(QueueUrl=self._lost, ReceiptHandle=handle)
                yield json.loads(message["Body"])["requestPayload"]["trace"]


class Told:
    """What was told of some copies: how many were sent, and by trace how each of them ended."""

    def __init__(self, shadow: Shadow, traces: Iterable[str]) -> None:
        self._shadow = shadow
        self._since = time.time() - _PATIENCE_S
        self._ends = {trace: Counter[str]() for trace in traces}
        self._lost = Counter[str]()

    def sent(self) -> float:
        return sum(counted(line, MetricName.COPIES_SENT) for line in self._lines("Route"))

    def ends(self) -> dict[str, dict[str, int]]:
        """Once there is one for each copy, and nothing more has come for a while."""
        awaited(self._ended, len(self._ends))
        time.sleep(_SETTLED_S)
        self._ended()
        return {trace: dict(+ends) for trace, ends in self._ends.items()}

    def _ended(self) -> int:
        self._lost.update(self._shadow.lost())
        for trace, ends in self._ends.items():
            ends.clear()
            ends[LOST] = self._lost[trace]
        for line in self._lines("Shadow"):
            for end in (MetricName.COMPARED, MetricName.DUPLICATE, *DROPPED):
                self._ends[line["trace"]][end] += int(counted(line, end))
        return sum(map(Counter.total, self._ends.values()))

    def _lines(self, function: str) -> list[dict[str, Any]]:
        lines = self._shadow.deployed.lines(function, since=self._since)
        return [line for line in lines if line.get("trace") in self._ends]


@pytest.fixture(scope="module")
def shadow(local: Local) -> Iterator[Shadow]:
    shadow = Shadow(local)
    kept = shadow.deployed
    with kept.kept("Route"), kept.kept("Shadow"), kept.flag_kept(), shadow.prepared():
        yield shadow


@pytest.mark.parametrize("case", BECOMES)
def test_a_copy_has_one_end_whatever_its_side_does(shadow: Shadow, case: str) -> None:
    trace = shadow.ask(case)
    told = Told(shadow, [trace])
    assert told.ends() == {trace: {BECOMES[case][1]: 1}}
    assert told.sent() == 1


def test_copies_sent_are_copies_compared_dropped_or_lost_while_everything_breaks_at_once(
    shadow: Shadow,
) -> None:
    with shadow.at_once(2):
        traces = [shadow.ask(case) for _ in range(2) for case in BECOMES]
        told = Told(shadow, traces)
        ends = told.ends()
    assert {trace: sum(each.values()) for trace, each in ends.items()} == dict.fromkeys(traces, 1)
    assert told.sent() == len(traces)
    assert sum(LOST in each for each in ends.values()) > len(traces) / 4, "nothing was throttled"


def test_copies_that_are_throttled_are_lost_and_the_next_ones_are_compared(shadow: Shadow) -> None:
    with shadow.at_once(0):
        traces = [shadow.ask("agrees") for _ in range(3)]
        told = Told(shadow, traces)
        assert told.ends() == {trace: {LOST: 1} for trace in traces}
        assert told.sent() == len(traces)
    trace = shadow.ask("agrees")
    assert Told(shadow, [trace]).ends() == {trace: {COMPARED: 1}}
