"""Users' requests, and what the deployed functions wrote of them: their logs are believed alone."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
import urllib3

from shadow_runtime.contract import POLL_INTERVAL, Dimension, MetricName, ShadowCanaryError
from shadowctl.deployed import stack_resources

AT_ONCE = 4
"""Requests at a time, as many as the two cores of a small machine can serve."""

_A_SECOND = 150
"""Requests, within what the API lets through."""

_AGE = "flag_age"
"""In each line about a request: how old the flag is that served it, in seconds."""

_LOGS_SECONDS = 120
"""Until the logs must tell what is waited for."""

_NUDGE_SECONDS = 3
"""After which a line that is waited for is taken for late."""

T = TypeVar("T")


class EvidenceError(ShadowCanaryError):
    """The logs lack something: what was waited for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one user received, and the trace under which the logs tell of it."""

    user: str
    status: int
    trace: str
    body: bytes


class Traffic:
    """Users who each hold a token and ask for themselves: real HTTP requests.

    Example:
        >>> Traffic("http://127.0.0.1:4566/users/me", tokens).send(["user-001"])  # doctest: +SKIP
    """

    def __init__(self, url: str, tokens: Mapping[str, str]) -> None:
        self._url = url
        self._tokens = tokens
        self._http = urllib3.PoolManager(maxsize=2 * AT_ONCE, retries=False, timeout=30)

    def send(
        self, users: Iterable[str], done: Callable[[int], None] = lambda _: None
    ) -> list[Answer]:
        """One request of each user, 150 a second; `done` is given how many were sent."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            waiting = []
            for user in users:
                waiting.append(threads.submit(self._ask, user))
                done(len(waiting))
                time.sleep(1 / _A_SECOND)
            return [answer.result() for answer in waiting]

    def burst(self, users: Sequence[str]) -> list[Answer]:
        """One request of each user, all at the same time."""
        with ThreadPoolExecutor(len(users)) as threads:
            return [*threads.map(self._ask, users)]

    def follow(self, users: Iterable[str], next_query: Callable[[Any], str]) -> list[Answer]:
        """Every page of each user, one after the other, until one is no 200.

        `next_query` reads in a page's JSON what asks for the next, nothing after the last.
        """

        def pages(user: str) -> Iterator[Answer]:
            yield (page := self._ask(user))
            while page.status == 200 and (query := next_query(json.loads(page.body))):
                yield (page := self._ask(user, query))

        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = threads.map(lambda user: [*pages(user)], users)
            return [page for pages_of_one in found for page in pages_of_one]

    def put(self, user: str, body: bytes, *, key: str) -> Answer:
        """One request that writes, known by `key` should it be sent again."""
        return self._ask(user, method="PUT", body=body, **{"Idempotency-Key": key})

    def _ask(
        self,
        user: str,
        query: str = "",
        *,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        headers |= {"Authorization": f"Bearer {self._tokens[user]}", "X-Amzn-Trace-Id": trace}
        answer = self._http.request(method, f"{self._url}{query}", body=body, headers=headers)
        return Answer(user, answer.status, trace, answer.data)


@dataclass(frozen=True, slots=True)
class Pass:
    """Requests that were sent since then, in seconds since 1970, and their answers."""

    since: float
    answers: list[Answer]

    @property
    def traces(self) -> set[str]:
        """The traces under which the logs tell of them."""
        return {answer.trace for answer in self.answers}


@dataclass(frozen=True, slots=True)
class Parity:
    """How many copies were compared or dropped, how many differed or failed; a few examples."""

    compared: int
    dropped: int
    mismatched: int
    errors: int
    examples: list[dict[str, Any]]


class Evidence:
    """What the functions of one stack wrote to their logs themselves; times are seconds since 1970.

    Example:
        >>> next(Evidence(aws, "Orders").written("Route", since=0))["Variant"]  # doctest: +SKIP
        'control'
    """

    def __init__(self, aws: boto3.Session, stack: str) -> None:
        self._logs = aws.client("logs")
        self._groups = {
            logical_id: physical_id
            for logical_id, kind, physical_id in stack_resources(aws, stack)
            if kind == "AWS::Logs::LogGroup"
        }

    def variants(self, asked: Pass, *, nudge: Callable[[], object]) -> dict[str, str]:
        """Who was asked to answer the request of each trace.

        `nudge` sends something more: the emulator hands on a late line with the next invocation.

        Raises:
            EvidenceError: the logs do not tell of all of them within two minutes.
        """

        def told() -> dict[str, str]:
            return {
                line["trace"]: line[Dimension.VARIANT]
                for line in self.lines("Route", asked)
                if MetricName.REQUESTS in line
            }

        return _awaited(told, lambda found: found.keys() >= asked.traces, "every request", nudge)

    def parity(
        self, asked: Pass, *, seen: Callable[[int], None], nudge: Callable[[], object]
    ) -> Parity:
        """The comparisons, once there is one of each request.

        Raises:
            EvidenceError: there are fewer after two minutes.
        """

        def told() -> Parity:
            lines = list(self.lines("Shadow", asked))
            compared, dropped, mismatched, errors = (
                sum(int(counted(line, metric)) for line in lines)
                for metric in (
                    MetricName.COMPARED,
                    MetricName.COPIES_DROPPED,
                    MetricName.MISMATCHED,
                    MetricName.CANDIDATE_ERRORS,
                )
            )
            seen(compared + dropped)
            examples = [line for line in lines if line.get("message") == "mismatch"]
            return Parity(compared, dropped, mismatched, errors, examples)

        expected = len(asked.traces)
        what = f"{expected} comparisons"
        return _awaited(told, lambda found: found.compared + found.dropped >= expected, what, nudge)

    def operation(self, name: str, *, since: float) -> dict[str, Any]:
        """What the operations function wrote of its first `rollback` or `cleanup`.

        Raises:
            EvidenceError: there was none within two minutes.
        """

        def told() -> list[dict[str, Any]]:
            written = self.written("Operations", since)
            return [line for line in written if line.get("message") == name]

        return _awaited(told, bool, f"a {name}")[0]

    def fallbacks(self, asked: Pass, *, nudge: Callable[[], object]) -> int:
        """How often control answered in the place of its candidate.

        Raises:
            EvidenceError: the logs do not tell of all requests within two minutes.
        """

        def told() -> list[dict[str, Any]]:
            return [*self.lines("Route", asked)]

        def is_all(lines: list[dict[str, Any]]) -> bool:
            return {line["trace"] for line in lines if _AGE in line} >= asked.traces

        lines = _awaited(told, is_all, "every request", nudge)
        return sum(int(counted(line, MetricName.FALLBACKS)) for line in lines)

    def polled_at(self) -> float:
        """When the last of the route's execution environments has polled the flag, at the latest.

        A request measures how old the position is that serves it; one that is due polls, too.
        """
        # Not all that was ever written: the emulator gives the oldest 10,000 lines, and no more.
        since = time.time() - 2 * POLL_INTERVAL
        ages = [
            (line["_aws"]["Timestamp"] / 1_000, line[_AGE])
            for line in self.written("Route", since)
            if _AGE in line
        ]
        polled = (at - (age if age < POLL_INTERVAL else 0) for at, age in ages)
        return float(max(polled, default=since))

    def lines(self, function: str, asked: Pass) -> Iterator[dict[str, Any]]:
        """What the function wrote of these requests."""
        written = self.written(function, asked.since)
        return (line for line in written if line.get("trace") in asked.traces)

    def written(self, function: str, since: float) -> Iterator[dict[str, Any]]:
        """What the function wrote as JSON since then, such as `Route`."""
        group = next(name for key, name in self._groups.items() if f"{function}Logs" in key)
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since * 1_000)
        )
        for page in pages:
            for event in page["events"]:
                if event["message"].startswith("{"):
                    yield json.loads(event["message"])


def counted(line: Mapping[str, Any], metric: str, **dimensions: str) -> float:
    """What a line of a log adds to the route's metric with these dimensions and no other."""
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
        by = [{*names} for names in directive["Dimensions"]]
        names = [each["Name"] for each in directive["Metrics"]]
        if metric in names and {Dimension.ROUTE, *dimensions} in by:
            return float(sum(line.get(metric, []))) * (dimensions.items() <= line.items())
    return 0.0


def _awaited(
    look: Callable[[], T],
    is_enough: Callable[[T], bool],
    what: str,
    nudge: Callable[[], object] = lambda: None,
) -> T:
    started = nudged = time.monotonic()
    while not is_enough(found := look()):
        now = time.monotonic()
        if now - started > _LOGS_SECONDS:
            raise EvidenceError(f"two minutes have passed, and the logs do not tell of {what}")
        if now - nudged > _NUDGE_SECONDS:  # not all the time: it is work, too
            nudge()
            nudged = time.monotonic()
        time.sleep(0.2)
    return found
