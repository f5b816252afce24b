"""Hostile clients of the deployed route: no 5xx by us, nobody else's data, nothing in a log.

What API Gateway refuses by itself and the embedded one lets through - headers over 10 KB, bodies
over 10 MB, the stage's throttle - comes to the functions here, which is the harder case.
"""

import contextlib
import http.client
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from sqlmodel import Session, create_engine

from datasets.users.models import User
from localaws.supervisor import StateFolder
from localaws.up import Local
from shadow_runtime.contract import Position, Stage
from shadow_runtime.handlers import MARK
from tests.hostile import ACCENTED, BODIES, HEADERS, PATHS, TEXTS, TWINS
from tests.local.deployed import Deployed, awaited
from tests.local.tokens import Issuer

CONTROL, CANDIDATE = "user-301", "user-302"
"""A user of each side, by the flag; nobody else's test reads what these are changed to."""
POSITION = Position(
    Stage.canary(percent=0.01), candidate_users=(CANDIDATE, *TWINS.values(), *TEXTS.values())
)
PATH = "/users/me"


class Answer(NamedTuple):
    """What a client received."""

    status: int
    body: bytes

    @property
    def is_fault(self) -> bool:
        return self.status >= 500

    @property
    def record(self) -> Any:
        """Whose data it is; None where it is nobody's."""
        return json.loads(self.body) if self.status == 200 else None


class Client:
    """Sends what no well-behaved library would, byte for byte, and under a trace of its own."""

    def __init__(self, local: Local) -> None:
        [self._api] = local.resources["AWS::ApiGatewayV2::Api"]
        self._address = urlsplit(local.endpoint).netloc

    def send(
        self,
        token: str | None,
        *,
        method: str = "GET",
        path: str = PATH,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        trace: str = "",
    ) -> Answer:
        sent = [("Host", f"{self._api}.execute-api.localhost"), *headers]
        if trace:
            sent.append(("X-Amzn-Trace-Id", trace))
        if token is not None:
            sent.append(("Authorization", f"Bearer {token}"))
        if body:
            sent.append(("Content-Length", str(len(body))))
        connection = http.client.HTTPConnection(self._address, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent:
                connection.putheader(name, _bytes(value))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())


def _bytes(value: str) -> bytes:
    """A header as it is sent: bytes by their number, or else UTF-8."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def new_trace() -> str:
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"


@pytest.fixture(scope="module")
def issuer(local: Local) -> Issuer:
    return Issuer(local)


@pytest.fixture(scope="module")
def client(local: Local) -> Client:
    return Client(local)


@pytest.fixture(scope="module")
def deployed(local: Local) -> Iterator[Deployed]:
    """A canary, in which everybody with a hostile subject is named."""
    found = Deployed(local)
    record = {"id": ACCENTED, "name": "Ada", "email": "ada@example.com", "plan": "free"}
    engine = create_engine(local.database_url.replace("://", "+psycopg://"))
    with found.kept("Route"), found.flag_kept(), Session(engine) as database:
        database.add(user := User.model_validate(record))
        database.commit()
        found.set("Route", SHADOW_CANARY_CANDIDATE_DEADLINE_MS="8000")
        found.at(POSITION)
        yield found
        database.delete(user)
        database.commit()
    engine.dispose()


@pytest.fixture(scope="module")
def tokens(issuer: Issuer, deployed: Deployed) -> Mapping[str, str]:
    """Of a user of each side, by the flag."""
    return {user: issuer.token(user) for user in (CONTROL, CANDIDATE)}


@pytest.fixture(scope="module")
def methods(local: Local) -> list[str]:
    """All that the API lets a client do with its own record."""
    [api] = local.resources["AWS::ApiGatewayV2::Api"]
    routes = local.session().client("apigatewayv2").get_routes(ApiId=api)["Items"]
    return sorted(route["RouteKey"].split()[0] for route in routes if PATH in route["RouteKey"])


def said_of(deployed: Deployed, trace: str) -> dict[str, float]:
    """What the route counted of one request, by metric and the side that it was about."""

    def counted() -> dict[str, float]:
        lines = [line for line in deployed.lines("Route") if line.get("trace") == trace]
        return {
            f"{name} {line.get('Variant', '')}".strip(): sum(line[name])
            for line in lines
            for name in ("Requests", "Faults", "Fallbacks")
            if name in line
        }

    deadline = time.monotonic() + 60
    while not (found := counted()) and time.monotonic() < deadline:
        time.sleep(0.2)
        nudge(deployed)
    return found


def nudge(deployed: Deployed) -> None:
    """Counts as nothing; the emulator hands on a late line with the next invocation."""
    name, probe = f"{deployed.name('Route')}:live", json.dumps({MARK: {"probe": True}})
    deployed.aws.client("lambda").invoke(FunctionName=name, Payload=probe)


def check_own(answer: Answer, user: str) -> None:
    """It is no fault, and holds the user's own data or nobody's."""
    assert not answer.is_fault, answer
    assert answer.record is None or answer.record["id"] == user


def test_no_token_but_the_issuers_own_reaches_a_function(
    issuer: Issuer, client: Client, deployed: Deployed
) -> None:
    tokens: dict[str, str | None] = {
        **issuer.forged(CONTROL),
        "none": None,
        "for another audience": issuer.of_another_client(CONTROL),
        "of another issuer": issuer.of_another_issuer(CONTROL),
        "expired": issuer.expired(CONTROL),
    }
    trace = new_trace()
    answered = {kind: client.send(token, trace=trace).status for kind, token in tokens.items()}
    assert [kind for kind, status in answered.items() if status < 400] == []
    basic = [("Authorization", "Basic YTpi")]
    assert client.send(None, headers=basic, trace=trace).status == 401
    assert client.send(issuer.token(CONTROL), trace=(good := new_trace())).status == 200
    assert said_of(deployed, good)
    assert not [line for line in deployed.lines("Route") if line.get("trace") == trace]


@pytest.mark.parametrize("side", ["control", "candidate"])
@pytest.mark.parametrize("subject", TWINS.values(), ids=TWINS)
def test_a_twin_of_a_subject_is_nobody(
    issuer: Issuer, client: Client, deployed: Deployed, subject: str, side: str
) -> None:
    check_nobody(client, deployed, issuer.token(subject), side)


@pytest.mark.parametrize("side", ["control", "candidate"])
@pytest.mark.parametrize("subject", TEXTS.values(), ids=TEXTS)
def test_a_subject_may_be_any_text(
    issuer: Issuer, client: Client, deployed: Deployed, subject: str, side: str
) -> None:
    check_nobody(client, deployed, issuer.token(subject), side)


def check_nobody(client: Client, deployed: Deployed, token: str, side: str) -> None:
    """The side answers by itself that there is no such user."""
    trace = new_trace()
    answer = client.send(token, headers=[("x-shadow-canary", side)], trace=trace)
    assert answer.status == 404, answer
    assert said_of(deployed, trace) == {f"Requests {side}": 1}


@pytest.mark.parametrize("user", [CONTROL, CANDIDATE])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_whatever_text_a_client_writes_a_user_gets_the_own_record(
    tokens: Mapping[str, str], client: Client, methods: list[str], text: str, user: str
) -> None:
    quoted = quote(text.encode("utf-8", "surrogatepass"))
    plain = text if text.isprintable() else quoted
    asked: list[dict[str, Any]] = [
        {"path": f"{PATH}?{quoted}={quoted}&access_token={quoted}"},
        {"path": f"{PATH}?{quoted}"},
        {"path": f"/users/{quoted}"},
        {"headers": [("X-Text", plain), ("Cookie", f"{plain}={plain}"), ("Referer", plain)]},
        {"headers": [("x-shadow-canary", plain), ("Content-Type", plain)]},
        {"body": text.encode("utf-8", "surrogatepass")},
        {"body": json.dumps({"name": text, "email": text, text: text}).encode()},
    ]
    for method in methods:
        for each in asked:
            check_own(client.send(tokens[user], method=method, **each), user)


@pytest.mark.parametrize("user", [CONTROL, CANDIDATE])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_whatever_the_body_a_user_gets_the_own_record(
    tokens: Mapping[str, str], client: Client, methods: list[str], body: bytes, user: str
) -> None:
    for method in methods:
        for kind in ("application/json", "application/octet-stream"):
            headers = [("Content-Type", kind)]
            answer = client.send(tokens[user], method=method, headers=headers, body=body)
            check_own(answer, user)


@pytest.mark.parametrize("user", [CONTROL, CANDIDATE])
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_whatever_the_path_a_user_gets_the_own_record(
    tokens: Mapping[str, str], client: Client, methods: list[str], path: str, user: str
) -> None:
    for method in methods:
        check_own(client.send(tokens[user], method=method, path=path), user)


@pytest.mark.parametrize(("user", "side"), [(CONTROL, "control"), (CANDIDATE, "candidate")])
@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_no_header_moves_a_user_who_is_not_named_or_shows_another_record(
    tokens: Mapping[str, str],
    client: Client,
    deployed: Deployed,
    methods: list[str],
    headers: list[tuple[str, str]],
    user: str,
    side: str,
) -> None:
    trace = new_trace()
    is_traced = any(name == "x-amzn-trace-id" for name, _ in headers)
    answer = client.send(tokens[user], headers=headers, trace="" if is_traced else trace)
    check_own(answer, user)
    if answer.status == 200 and not is_traced:
        assert f"Requests {side}" in said_of(deployed, trace)
    for method in methods:
        answer = client.send(tokens[user], method=method, headers=headers, body=b'{"plan":"team"}')
        check_own(answer, user)


def test_a_flood_that_the_candidate_cannot_serve_reaches_no_user_as_a_fault(
    tokens: Mapping[str, str], client: Client, deployed: Deployed
) -> None:
    functions, name = deployed.aws.client("lambda"), deployed.name("Candidate")
    fallbacks = deployed.count("Route", "Fallbacks")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    try:
        with deployed.kept("Route"), ThreadPoolExecutor(12) as threads:
            newest = deployed.newest("Candidate")  # no published version is throttled
            deployed.set("Route", SHADOW_CANARY_CANDIDATE=newest)
            deployed.renew("Route")
            sent = [threads.submit(client.send, tokens[CANDIDATE]) for _ in range(48)]
            answers = [each.result() for each in sent]
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    assert {answer.status for answer in answers} == {200}
    assert {answer.record["id"] for answer in answers} == {CANDIDATE}
    assert awaited(lambda: deployed.count("Route", "Fallbacks"), fallbacks + 1) > fallbacks


def test_nothing_that_a_client_sends_is_in_a_log_nor_raises_out_of_a_function(
    issuer: Issuer, client: Client, deployed: Deployed, local_state: StateFolder, methods: list[str]
) -> None:
    begun, planted = time.time(), f"planted{secrets.token_hex(8)}"
    tokens = [issuer.token(f"{subject}{planted}") for subject in ("user-001", "a\0", "\ud800")]
    for token in (*tokens, f"{planted}.{planted}.{planted}"):
        for method in methods:
            headers = [(f"x-{planted}", planted), ("Cookie", f"{planted}={planted}")]
            for path in (f"{PATH}?{planted}={planted}&token={planted}", f"/users/{planted}"):
                client.send(token, method=method, path=path, headers=headers)
            for body in (*BODIES.values(), f"{{{planted}".encode(), json.dumps([planted]).encode()):
                client.send(token, method=method, body=body.replace(b"Ada", planted.encode()))
    time.sleep(2)  # for the copies
    database = Path(local_state.log("database")).read_text()
    written = {**logs(deployed, since=begun), "database": database}
    for metric in ("Requests", "Compared"):
        assert [where for where, text in written.items() if f'"{metric}"' in text]
    assert [where for where, text in written.items() if planted in text] == []
    assert [where for where, text in written.items() if "Traceback" in text] == []


def logs(deployed: Deployed, *, since: float) -> dict[str, str]:
    """All that was written since then, by group."""
    client = deployed.aws.client("logs")
    pages = client.get_paginator("filter_log_events")
    return {
        group["logGroupName"]: "\n".join(
            event["message"]
            for page in pages.paginate(
                logGroupName=group["logGroupName"], startTime=int(since * 1_000)
            )
            for event in page["events"]
        )
        for group in client.describe_log_groups()["logGroups"]
    }
