"""A corpus of secrets sent through every path: who can see them afterwards, and who cannot."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import urllib3

from localaws.supervisor import StateFolder
from localaws.up import Local
from shadow_runtime.compare import mask
from shadow_runtime.contract import Position, Stage, Variable, Variant
from tests.local.corpus import (
    CANDIDATE,
    CANDIDATE_CODE,
    CASES,
    CONTROL,
    CONTROL_CODE,
    CREDENTIALS,
    IN_QUERY,
    OF_CANDIDATE,
    PERSONAL,
    SET_COOKIE,
    TAP,
    copied,
    copy_of_old,
    ear,
    hashed,
)
from tests.local.deployed import Deployed, awaited


@dataclass
class Seen:
    """What the corpus left behind."""

    tokens: dict[str, str]
    answers: list[urllib3.BaseHTTPResponse]
    asked: list[str]
    copies: list[str]
    traces: list[str]
    logs: dict[str, str]
    metrics: str
    queues: list[str]
    database: str

    @property
    def open(self) -> dict[str, str]:
        """All that people other than the user can read."""
        return {
            **self.logs,
            "metrics": self.metrics,
            "traces": "\n".join(self.traces),
            "queues": "\n".join(self.queues),
            "database": self.database,
        }


@pytest.fixture(scope="module")
def seen(local: Local, local_state: StateFolder) -> Iterator[Seen]:
    deployed = Deployed(local)
    tokens = local.tokens([CONTROL, CANDIDATE])
    with contextlib.ExitStack() as stack:
        tap, daemon = stack.enter_context(ear()), stack.enter_context(ear())
        stack.enter_context(deployed.flag_kept())
        for function in ("Candidate", "Shadow", "Route"):
            stack.enter_context(deployed.kept(function))
            plant(deployed, function, tap.port, daemon.port)
        deployed.set(
            "Route",
            SHADOW_CANARY_CANDIDATE=deployed.renew("Candidate"),
            SHADOW_CANARY_CANDIDATE_DEADLINE_MS="8000",  # a busy machine is no failure
        )
        answers = []
        for stage in (Stage.OFF, Stage.SHADOW, Stage.canary(percent=0.01)):
            deployed.at(Position(stage, candidate_users=(CANDIDATE,)))
            for case in CASES:
                answers += paired(deployed, tokens, case, copies=copied(stage, case))
        dropped = deployed.count("Shadow", "CopiesDropped")
        broken_copies(deployed)
        least = dropped + 3
        assert awaited(lambda: deployed.count("Shadow", "CopiesDropped"), least) == least
        time.sleep(1)  # for what the runtime itself may write at the end of an invocation
        events = tap.heard()
        yield Seen(
            tokens=tokens,
            answers=answers,
            asked=[event for event in events if '"deployed_as": "Candidate"' in event],
            copies=[event for event in events if '"deployed_as": "Shadow"' in event],
            traces=daemon.heard(),
            logs=logs(deployed),
            metrics=json.dumps(deployed.aws.client("cloudwatch").list_metrics()["Metrics"]),
            queues=queues(deployed),
            database=Path(local_state.log("database")).read_text(),
        )


def plant(deployed: Deployed, function: str, tap: int, daemon: int) -> None:
    code = {
        "routes/get_user/control.py": CONTROL_CODE,
        "routes/get_user/candidate.py": CANDIDATE_CODE,
        "tap.py": TAP,
    }
    variables = {"AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon}", "TAP": str(tap)}
    deployed.put_code(function, code)
    if function != "Route":
        variables["DEPLOYED_AS"] = function
        variables["TAPPED"] = deployed.configuration(function)["Handler"]
        deployed.renew(function, Handler="tap.handler")
    deployed.set(function, **variables)


def paired(
    deployed: Deployed, tokens: dict[str, str], case: str, *, copies: int
) -> list[urllib3.BaseHTTPResponse]:
    """A request of each user; a copy that is still on its way would outlive the planted code.

    Asked again where a busy machine has lost one: its process started for longer than it may run.
    """

    def ended() -> float:
        return deployed.count("Shadow", "Compared") + deployed.count("Shadow", "CopiesDropped")

    for _ in range(3):
        least = ended() + copies
        answers = [get(deployed.local, token, case) for token in tokens.values()]
        if awaited(ended, least) >= least:
            return answers
    raise AssertionError(f"of {case} no copy came to its end")


def get(local: Local, token: str, case: str) -> urllib3.BaseHTTPResponse:
    query = urlencode({**IN_QUERY, "phone": PERSONAL["in the query"]})
    headers = {
        **CREDENTIALS,
        "Authorization": f"Bearer {token}",
        "X-Address": PERSONAL["in a header"],
        "X-Case": case,
    }
    url = f"{local.api_url}/users/me?{query}"
    return urllib3.request("GET", url, headers=headers, retries=False, timeout=15)


def broken_copies(deployed: Deployed) -> None:
    """A copy that nobody can read, one that is no copy, and one that is too old."""
    personal = "; ".join(PERSONAL.values())
    for payload in (
        {"marker": "shadow-canary/2", "event": {"user": CONTROL, "body": personal}},
        {"e-mail": personal},
        {**json.loads(copy_of_old(personal)), "sent_at": 1.0},
    ):
        deployed.aws.client("lambda").invoke(
            FunctionName=deployed.name("Shadow"),
            InvocationType="Event",
            Payload=json.dumps(payload),
        )


def logs(deployed: Deployed) -> dict[str, str]:
    client = deployed.aws.client("logs")
    groups = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
    pages = client.get_paginator("filter_log_events")
    return {
        group: "\n".join(
            event["message"]
            for page in pages.paginate(logGroupName=group)
            for event in page["events"]
        )
        for group in groups
    }


def queues(deployed: Deployed) -> list[str]:
    client = deployed.aws.client("sqs")
    return [
        message["Body"]
        for url in client.list_queues()["QueueUrls"]
        for message in client.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages", [])
    ]


def credentials(seen: Seen) -> list[str]:
    """Each credential, and that part of a token which is useless to nobody: its signature."""
    signatures = [token.rpartition(".")[2] for token in seen.tokens.values()]
    values = [*CREDENTIALS.values(), *IN_QUERY.values(), SET_COOKIE, *signatures]
    return [part for value in values for part in (value, quote(value))]


def personal() -> list[str]:
    values = [CONTROL, CANDIDATE, *PERSONAL.values(), *OF_CANDIDATE.values()]
    return [form for value in values for form in (value, quote(value), hashed(value))]


def found(secrets: list[str], texts: dict[str, str]) -> list[tuple[str, str]]:
    return [(where, s) for where, text in texts.items() for s in secrets if s in text]


def test_every_path_was_taken(seen: Seen) -> None:
    """Or the rest would prove little."""
    assert {answer.status for answer in seen.answers} == {200, 500}
    text = "\n".join(seen.logs.values())
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    written = {key for line in lines for key in line} | {line.get("message") for line in lines}
    assert written >= {"mismatch", "raised", "Fallbacks", "CandidateErrors", "CopiesDropped"}
    assert {json.loads(copy)["event"].get("variant") for copy in seen.copies} >= {*Variant}
    for variant in Variant:
        assert any(f'"variant":"{variant}"' in trace for trace in seen.traces)
    assert "no_such_column" in seen.database


def test_a_copy_holds_what_is_personal(seen: Seen) -> None:
    """It must, to be compared; this also shows that the search would find it elsewhere."""
    copies = "\n".join(seen.copies)
    sent = [CONTROL, *PERSONAL.values(), OF_CANDIDATE["in the candidate's answer"]]
    missing = [text for text in sent if text not in copies and quote(text) not in copies]
    assert missing == []


def test_no_credential_is_in_a_copy(seen: Seen) -> None:
    assert found(credentials(seen), {"copies": "\n".join(seen.copies)}) == []


def test_the_candidate_is_handed_the_whole_request_as_control_is(seen: Seen) -> None:
    assert len(seen.asked) == len(CASES)
    for asked in seen.asked:
        missing = [
            text for text in (*CREDENTIALS.values(), *IN_QUERY.values()) if text not in asked
        ]
        assert missing == []


def test_a_user_still_receives_the_own_cookie(seen: Seen) -> None:
    assert [a for a in seen.answers if a.headers.get("set-cookie") == SET_COOKIE]


def test_no_credential_is_in_a_log_a_metric_a_trace_or_a_queue(seen: Seen) -> None:
    assert found(credentials(seen), seen.open) == []


def test_nothing_personal_is_in_a_log_a_metric_a_trace_or_a_queue(seen: Seen) -> None:
    assert found(personal(), seen.open) == []


def test_the_user_of_a_mismatch_is_known_by_a_keyed_hash_alone(seen: Seen, local: Local) -> None:
    deployed = Deployed(local)
    arn = deployed.configuration("Shadow")["Environment"]["Variables"][Variable.MASKING_KEY]
    key = deployed.aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    lines = deployed.lines("Shadow", since=0)
    users = {line["user"] for line in lines if line.get("message") == "mismatch"}
    assert {mask(user, key.encode()) for user in (CONTROL, CANDIDATE)} <= users


def test_the_access_log_has_no_field_for_a_token_a_user_or_a_path(local: Local) -> None:
    client = local.session().client("apigatewayv2")
    [api] = client.get_apis()["Items"]
    [stage] = client.get_stages(ApiId=api["ApiId"])["Items"]
    fields = {*json.loads(stage["AccessLogSettings"]["Format"]).values()}
    assert not [f for f in fields if "claims" in f or "identity" in f or "ath" in f.split(".")[-1]]
