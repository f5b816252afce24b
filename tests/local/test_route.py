"""GET /users/me on the embedded AWS, under enforced IAM, against a real PostgreSQL."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import urllib3

from localaws.evidence import Evidence, Traffic
from localaws.up import Local
from routes.get_user.seed import PLANTED
from shadow_runtime.contract import Position, Stage
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request
from shadowctl.deployed import find_route
from shadowctl.diffs import diffs
from shadowctl.functions import Functions
from shadowctl.log_query import trace_id
from shadowctl.logs import logs
from shadowctl.traces import traces
from tests.local.deployed import Deployed

USERS = [f"user-{number:03}" for number in range(1, 171)]  # two of them are in a canary of 2 %


@pytest.fixture(scope="module")
def tokens(local: Local) -> dict[str, str]:
    return local.tokens([*USERS, "nobody"])


@pytest.fixture
def candidate_off(local: Local) -> Iterator[None]:
    """The database lets the candidate in no more."""
    with psycopg.connect(local.database_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE candidate NOLOGIN")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'candidate'"
        )
        yield
        connection.execute("ALTER ROLE candidate LOGIN")


def get(local: Local, token: str | None) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = urllib3.request("GET", f"{local.api_url}/users/me", headers=headers, retries=False)
    return answer.status, json.loads(answer.data)


@pytest.fixture(scope="module")
def deployed(local: Local) -> Iterator[Deployed]:
    found = Deployed(local)
    with found.kept("Route"), found.flag_kept():
        # A busy machine makes no copy late.
        found.set("Route", SHADOW_CANARY_CANDIDATE_DEADLINE_MS="8000")
        yield found


def test_without_a_token_the_api_answers_401(local: Local) -> None:
    assert get(local, None) == (401, {"message": "Unauthorized"})


def test_with_a_forged_token_the_api_answers_401(local: Local, tokens: dict[str, str]) -> None:
    head, body, signature = tokens["user-001"].split(".")
    assert get(local, ".".join([head, body, signature[::-1]]))[0] == 401


def test_without_a_key_control_answers_and_what_nobody_asks_is_refused(local: Local) -> None:
    function, name = local.session().client("lambda"), Deployed(local).name("Route")
    event = HTTP_API.event(Request(method="GET", path="/users/me", id="1"))
    answered = function.invoke(FunctionName=name, Qualifier="live", Payload=json.dumps(event))
    assert json.loads(answered["Payload"].read())["statusCode"] == 404
    refused = function.invoke(FunctionName=name, Qualifier="live", Payload=b"{}")
    assert "an event without the marks" in json.loads(refused["Payload"].read())["errorMessage"]


def test_a_user_receives_the_own_record_and_no_other(local: Local, tokens: dict[str, str]) -> None:
    for user in USERS[:5]:
        status, record = get(local, tokens[user])
        assert (status, record["id"]) == (200, user)


def test_an_unknown_user_receives_404(local: Local, tokens: dict[str, str]) -> None:
    assert get(local, tokens["nobody"]) == (404, {"message": "Not Found"})


def test_shadow_compares_every_answer_and_shows_what_differs_masked(
    local: Local, deployed: Deployed, tokens: dict[str, str]
) -> None:
    deployed.at(Position(Stage.SHADOW))
    since = time.time()
    traffic = Traffic(f"{local.api_url}/users/me", tokens)
    answers = traffic.send(["user-001", PLANTED, "nobody"])
    assert [answer.status for answer in answers] == [200, 200, 404]
    sent = {answer.trace for answer in answers}
    evidence = Evidence(local.session(), "GetUser")

    def told(name: str) -> list[dict[str, Any]]:
        lines = evidence.written("Shadow", since)
        return [li for li in lines if li.get("trace") in sent and name in li]

    deadline = time.monotonic() + 60
    while len(told("Compared")) < len(sent) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert len(told("Compared")) == len(sent)
    assert told("CandidateErrors") == []
    [mismatch] = told("fingerprint")
    assert [d["path"] for d in mismatch["differences"]] == ["$.name"]
    assert PLANTED not in json.dumps(mismatch)
    begun, aws = datetime.fromtimestamp(since, UTC), local.session()
    functions = Functions(find_route("GetUser", aws), aws)
    [fingerprint] = diffs(functions, aws, since=begun, user=PLANTED).fingerprints
    assert (fingerprint.name, [*fingerprint.users]) == (mismatch["fingerprint"], [mismatch["user"]])
    assert diffs(functions, aws, since=begun, user="user-001").fingerprints == []
    [found] = traces(functions, aws, since=begun, limit=9).found
    assert (found.said, found.parts) == (["differs at $.name"], None)
    assert found.id == trace_id(mismatch["trace"])
    assert functions.released < begun
    groups = functions.log_groups()
    roles = {f"Service{role}" for role in ("Route", "Candidate", "Shadow", "Operations")}
    assert roles < {*groups.values()}
    assert any(" ServiceShadow " in each for each in logs(aws, groups, since=begun, follow=False))


def test_the_ceiling_holds_a_position_that_is_higher(
    local: Local, deployed: Deployed, tokens: dict[str, str]
) -> None:
    deployed.at(Position(Stage.LIVE))
    since = time.time()
    answers = {user: get(local, tokens[user]) for user in USERS}
    assert {status for status, _ in answers.values()} == {200}
    time.sleep(1)
    lines = [*Evidence(local.session(), "GetUser").written("Route", since)]
    asked = {line["request_id"]: line["Variant"] for line in lines if "Requests" in line}
    assert len(asked) == len(USERS)
    on_candidate = [line for line in lines if "Requests" in line and line["Variant"] == "candidate"]
    assert 0 < len(on_candidate) < 10  # canary(2%), not live


@pytest.mark.usefixtures("candidate_off")
def test_a_candidate_without_its_database_reaches_no_user(
    local: Local, deployed: Deployed, tokens: dict[str, str]
) -> None:
    deployed.at(Position(Stage.LIVE))
    since = time.time()
    assert {get(local, tokens[user])[0] for user in USERS} == {200}
    time.sleep(1)
    lines = list(Evidence(local.session(), "GetUser").written("Route", since))
    fallen = {line["request_id"] for line in lines if "Fallbacks" in line}
    assert fallen
    aws = local.session()
    functions = Functions(find_route("GetUser", aws), aws)
    told = traces(functions, aws, since=datetime.fromtimestamp(since, UTC), limit=100).found
    assert {each.id for each in told if "control stood in" in each.said} == fallen


def test_off_takes_everybody_back(local: Local, deployed: Deployed, tokens: dict[str, str]) -> None:
    deployed.at(Position.OFF)
    since = time.time()
    for user in USERS:
        get(local, tokens[user])
    time.sleep(1)
    lines = Evidence(local.session(), "GetUser").written("Route", since)
    assert {line["Variant"] for line in lines if "Requests" in line} == {"control"}
