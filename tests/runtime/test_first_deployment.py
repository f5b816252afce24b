"""A route that is new, asked for CloudFormation: it is told `SUCCESS` only of one that answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pretraffic import check, first
from pretraffic.handler import handler
from shadow_runtime.candidate import candidate
from shadow_runtime.contract import Variable
from shadow_runtime.handlers import MARK
from shadow_runtime.http import Request, Response
from tests.runtime.played import Received, Reply, Service, serving
from tests.unit.cloudformation import CloudFormation

ARN = "arn:aws:lambda:eu-central-1:123456789012:function"
GIVEN = {"Route": f"{ARN}:get-user:live", "Candidate": f"{ARN}:get-user-candidate"}
RECORDED = {"method": "GET", "path": "/users/me", "user": "ada", "route_key": "GET /users/me"}


def reply(status: int) -> Reply:
    return Reply(body=json.dumps({"statusCode": status, "body": ""}).encode())


def failure(error: str, **more: object) -> Reply:
    body = json.dumps({"errorType": error, "errorMessage": "s3cret of ada", **more}).encode()
    return Reply(200, body, {"x-amz-function-error": "Unhandled"})


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with serving() as service:
        yield CloudFormation(service)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, aws_lambda: Service, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hook as it is deployed with two recorded requests, beside functions that answer well."""
    monkeypatch.setattr(check, "__file__", str(tmp_path / "pretraffic" / "check.py"))
    monkeypatch.setattr(first, "PATIENCE_S", 0)
    monkeypatch.setattr(first, "PAUSE_S", 0.01)
    monkeypatch.setenv(Variable.ROUTE_PACKAGE, "routes.get_user")
    package = tmp_path / "routes" / "get_user"
    package.mkdir(parents=True)
    (package / "requests.jsonl").write_text(f"{json.dumps(RECORDED)}\n" * 2)
    aws_lambda.always(reply(200))
    return package


def deploys(cloudformation: CloudFormation, kind: str = "Create") -> tuple[str, str]:
    """How CloudFormation is answered, and why."""
    event = cloudformation.asks(kind, ResourceProperties=GIVEN)
    handler(event, SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000))
    [answer] = cloudformation.answers
    return answer["Status"], answer["Reason"]


def asked(aws_lambda: Service) -> list[str]:
    return [r.path.split("/")[3].replace("%3A", ":") for r in aws_lambda.received]


def fails(aws_lambda: Service, function: str, answer: Reply) -> None:
    """One function answers so, the other well."""
    aws_lambda.script = lambda r: answer if f"/{function}/" in _path(r) else reply(200)


def _path(received: Received) -> str:
    return received.path.replace("%3A", ":")


def test_a_route_that_answers_what_is_recorded_is_created(
    cloudformation: CloudFormation, aws_lambda: Service
) -> None:
    assert deploys(cloudformation) == ("SUCCESS", "")
    assert asked(aws_lambda) == ["get-user:live", "get-user:live", "get-user-candidate"]


def test_nobody_but_a_probe_asks_and_it_says_so(
    cloudformation: CloudFormation, aws_lambda: Service
) -> None:
    deploys(cloudformation)
    assert [received.json[MARK] for received in aws_lambda.received] == [{"probe": True}] * 3


IMPORT = "Unable to import module 'routes.get_user.control': No module named 'nothing'"
SYNTAX = "Syntax error in module 'routes.get_user.control': invalid syntax (control.py, line 3)"
TRACE = ['  File "/var/lang/importlib.py", line 88\n', '  File "/var/task/control.py", line 3\n']
UNFIT: dict[str, tuple[Reply, str]] = {
    "502": (reply(502), "answered 502"),
    "a refusal": (reply(403), "answered 403"),
    "a missing module": (
        failure("Runtime.ImportModuleError", errorMessage=IMPORT),
        "failed with Runtime.ImportModuleError (No module named 'nothing')",
    ),
    "bad syntax": (
        failure("Runtime.UserCodeSyntaxError", errorMessage=SYNTAX),
        "failed with Runtime.UserCodeSyntaxError (control.py, line 3)",
    ),
    "an error": (failure("KeyError", stackTrace=TRACE), "failed with KeyError at control.py:3"),
    "an exit": (failure("Runtime.ExitError"), "failed with Runtime.ExitError"),
    "no trace": (failure("KeyError", stackTrace=[]), "failed with KeyError"),
}


@pytest.mark.parametrize(("answer", "why"), UNFIT.values(), ids=UNFIT)
def test_a_route_that_users_would_see_fail_is_rolled_back_and_the_sentence_says_why(
    cloudformation: CloudFormation, aws_lambda: Service, answer: Reply, why: str
) -> None:
    fails(aws_lambda, "get-user:live", answer)
    status, said = deploys(cloudformation)
    assert status == "FAILED"
    assert said == (
        "no user should meet what was deployed: "
        f"get-user:live {why} on request 1 of 2 (GET /users/me)"
    )
    assert "s3cret" not in said


def test_a_candidate_that_cannot_be_imported_is_not_created_either(
    cloudformation: CloudFormation, aws_lambda: Service
) -> None:
    fails(aws_lambda, "get-user-candidate", failure("KeyError", stackTrace=TRACE))
    assert deploys(cloudformation) == (
        "FAILED",
        "no user should meet what was deployed: "
        "get-user-candidate failed with KeyError at control.py:3",
    )


def test_a_route_of_which_nothing_is_recorded_is_asked_whether_it_can_be_imported(
    cloudformation: CloudFormation, aws_lambda: Service, folder: Path
) -> None:
    (folder / "requests.jsonl").unlink()
    assert deploys(cloudformation) == ("SUCCESS", "")
    assert asked(aws_lambda) == ["get-user:live", "get-user-candidate"]
    assert {json.dumps(r.json) for r in aws_lambda.received} == {
        json.dumps({MARK: {"probe": True}})
    }


def test_a_role_that_has_to_get_about_first_is_waited_for(
    cloudformation: CloudFormation, aws_lambda: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first, "PATIENCE_S", 20)
    replies = iter([failure("ClientError"), reply(500)])
    aws_lambda.script = lambda _: next(replies, reply(200))
    assert deploys(cloudformation) == ("SUCCESS", "")
    assert asked(aws_lambda) == ["get-user:live"] * 4 + ["get-user-candidate"]


@pytest.mark.parametrize("kind", ["Update", "Delete"])
def test_neither_an_update_nor_a_way_back_is_ever_held_up(
    cloudformation: CloudFormation, aws_lambda: Service, kind: str
) -> None:
    aws_lambda.always(reply(502))
    assert deploys(cloudformation, kind) == ("SUCCESS", "")
    assert aws_lambda.received == []


def test_requests_that_cannot_be_read_are_said_to_cloudformation(
    cloudformation: CloudFormation, aws_lambda: Service, folder: Path
) -> None:
    (folder / "requests.jsonl").write_text("GET /users/me\n")
    status, said = deploys(cloudformation)
    assert status == "FAILED"
    assert "requests.jsonl:1 holds no request" in said


def test_a_candidate_that_is_only_asked_whether_it_is_there_reads_no_new_data_source() -> None:
    @candidate
    def handler(request: Request) -> Response:
        raise AssertionError("it was run")

    event: dict[str, Any] = {"rawPath": "/", MARK: {"probe": True}}
    assert handler(event, None) == {"statusCode": 204}
    assert handler({MARK: {"probe": True}}, None) == {"statusCode": 204}
