"""The pre-traffic hook against a CodeDeploy and a Lambda that answer, refuse or hang: whatever
happens, it reports, and `Succeeded` only for a version that answered."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from pretraffic import check
from pretraffic.handler import handler
from shadow_runtime.contract import Variable
from shadow_runtime.handlers import MARK
from tests.runtime.played import HANG_UP, Reply, Service, serving
from tests.runtime.played_codedeploy import EVENT, CodeDeploy, appspec, refusal

NEWEST = "arn:aws:lambda:eu-central-1:123456789012:function:get-user:9"
OWN = {"method": "GET", "path": "/users/me", "user": "ada", "route_key": "GET /users/me"}
PLENTY_MS = 300_000
PUT = "PutLifecycleEventHookExecutionStatus"


def answer(status: int) -> Reply:
    return Reply(body=json.dumps({"statusCode": status, "body": ""}).encode())


GOOD, BAD = answer(200), answer(502)
FAILED = Reply(
    200, b'{"errorType": "Runtime.ImportModuleError"}', {"x-amz-function-error": "Unhandled"}
)


@pytest.fixture
def codedeploy(monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeDeploy]:
    with serving() as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEDEPLOY", service.url)
        yield CodeDeploy(service)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The route's folder in the hook's asset, with three recorded requests."""
    monkeypatch.setattr(check, "__file__", str(tmp_path / "pretraffic" / "check.py"))
    package = tmp_path / "routes" / "get_user"
    package.mkdir(parents=True)
    (package / "requests.jsonl").write_text(f"{json.dumps(OWN)}\n" * 3)
    return package


@pytest.fixture(autouse=True)
def _deployed(folder: Path, aws_lambda: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook as it is deployed, and a version that answers well."""
    monkeypatch.setenv(Variable.ROUTE_PACKAGE, "routes.get_user")
    monkeypatch.setenv(Variable.VERSION, NEWEST)
    aws_lambda.always(GOOD)


def run(remaining_ms: Callable[[], int] = lambda: PLENTY_MS) -> dict[str, str]:
    said = handler(EVENT, SimpleNamespace(get_remaining_time_in_millis=remaining_ms))
    assert said is not None
    return said


def asked(aws_lambda: Service) -> list[str]:
    """The version that each invocation was for."""
    return [received.path.split("/")[3].replace("%3A", ":") for received in aws_lambda.received]


def test_a_version_that_answers_all_that_was_recorded_may_meet_users(
    codedeploy: CodeDeploy, aws_lambda: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    run()
    assert codedeploy.statuses == ["Succeeded"]
    assert asked(aws_lambda) == ["get-user:8"] * 3
    ids = [received.json["requestContext"]["requestId"] for received in aws_lambda.received]
    assert ids == ["d-ABCDEF123-1", "d-ABCDEF123-2", "d-ABCDEF123-3"]
    [line] = capfd.readouterr().out.splitlines()
    assert json.loads(line) == {
        "status": "Succeeded",
        "message": "get-user:8 answered 3 of 3 requests",
        "deployment": "d-ABCDEF123",
    }


def test_one_bad_answer_keeps_a_version_from_users_and_the_log_says_to_which_request(
    codedeploy: CodeDeploy, aws_lambda: Service
) -> None:
    replies = iter([GOOD, BAD, GOOD])
    aws_lambda.script = lambda _: next(replies)
    said = run()["message"]
    assert codedeploy.statuses == ["Failed"]
    assert said == "get-user:8 answered 502 on request 2 of 3 (GET /users/me)"
    assert len(aws_lambda.received) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_fit_only_where_it_was_recorded(
    codedeploy: CodeDeploy, aws_lambda: Service, folder: Path, status: int
) -> None:
    aws_lambda.always(answer(status))
    assert run()["message"].startswith(f"get-user:8 answered {status} on request 1 of 3")
    recorded = "".join(f"{json.dumps({**OWN, 'status': status})}\n" for _ in range(3))
    (folder / "requests.jsonl").write_text(recorded)
    run()
    assert codedeploy.statuses == ["Failed", "Succeeded"]


@pytest.mark.parametrize("reply", [answer(204), answer(502), FAILED], ids=["204", "502", "import"])
def test_a_route_of_which_nothing_is_recorded_is_asked_whether_it_is_there_and_no_more(
    codedeploy: CodeDeploy, aws_lambda: Service, folder: Path, reply: Reply
) -> None:
    (folder / "requests.jsonl").unlink()
    aws_lambda.always(reply)
    said = run()["message"]
    is_fit = reply.body == answer(204).body
    assert codedeploy.statuses == ["Succeeded" if is_fit else "Failed"]
    assert ("no more is proven" in said) is is_fit
    assert asked(aws_lambda) == ["get-user:8"]
    assert [received.json for received in aws_lambda.received] == [{MARK: {"probe": True}}]


def test_a_version_is_not_let_at_users_on_requests_that_cannot_be_read(
    codedeploy: CodeDeploy, aws_lambda: Service, folder: Path
) -> None:
    (folder / "requests.jsonl").write_text("GET /users/me\n")
    assert "requests.jsonl:1 holds no request" in run()["message"]
    assert codedeploy.statuses == ["Failed"]
    assert aws_lambda.received == []


@pytest.mark.parametrize("target", [7, 6])
def test_a_way_back_is_never_held_up(
    codedeploy: CodeDeploy, aws_lambda: Service, target: int
) -> None:
    codedeploy.content = appspec(7, target)
    aws_lambda.always(BAD)
    run()
    assert codedeploy.statuses == ["Succeeded"]
    assert aws_lambda.received == []


@pytest.mark.parametrize("creator", ["codeDeployRollback", "CloudFormationRollback"])
def test_what_undoes_a_deployment_is_a_way_back_whatever_its_versions(
    codedeploy: CodeDeploy, aws_lambda: Service, creator: str
) -> None:
    codedeploy.creator = creator
    aws_lambda.always(BAD)
    run()
    assert codedeploy.statuses == ["Succeeded"]
    assert aws_lambda.received == []


def test_versions_are_compared_as_numbers(codedeploy: CodeDeploy, aws_lambda: Service) -> None:
    codedeploy.content = appspec(9, 10)
    run()
    assert asked(aws_lambda) == ["get-user:10"] * 3


def test_an_appspec_that_is_kept_as_a_string_is_read_too(
    codedeploy: CodeDeploy, aws_lambda: Service
) -> None:
    codedeploy.kept_as = "string"
    run()
    assert asked(aws_lambda) == ["get-user:8"] * 3


UNREADABLE = {
    "no content": None,
    "YAML": "version: 0.0\nResources:\n  - F:\n      Type: AWS::Lambda::Function\n",
    "a list": "[]",
    "no resource": '{"Resources": []}',
    "no properties": '{"Resources": [{"F": {}}]}',
    "nothing in it": '{"Resources": [null]}',
    "no number": appspec("$LATEST", 8),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(("reply", "status"), [(GOOD, "Succeeded"), (BAD, "Failed")])
def test_without_a_word_on_the_version_the_newest_is_asked(
    codedeploy: CodeDeploy, aws_lambda: Service, content: str | None, reply: Reply, status: str
) -> None:
    codedeploy.content = content
    aws_lambda.always(reply)
    run()
    assert codedeploy.statuses == [status]
    assert {*asked(aws_lambda)} == {NEWEST}


@pytest.mark.parametrize("action", ["GetDeployment", "GetApplicationRevision"])
def test_where_codedeploy_may_not_be_read_the_newest_version_is_asked_and_the_log_says_why(
    codedeploy: CodeDeploy, aws_lambda: Service, action: str, capfd: pytest.CaptureFixture[str]
) -> None:
    codedeploy.refusals[action] = [refusal(400, "AccessDeniedException")]
    run()
    assert codedeploy.statuses == ["Succeeded"]
    assert {*asked(aws_lambda)} == {NEWEST}
    warned, _ = map(json.loads, capfd.readouterr().out.splitlines())
    assert warned["message"] == "CodeDeploy names no version"
    assert f"(AccessDeniedException) when calling the {action}" in warned["error"]


def test_a_version_that_hangs_is_waited_for_no_longer_than_a_user_would(
    codedeploy: CodeDeploy, aws_lambda: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "WAIT_S", 0.3)
    aws_lambda.always(Reply(body=GOOD.body, delay=5))
    assert "gave no answer (ReadTimeoutError) on request 1" in run()["message"]
    assert codedeploy.statuses == ["Failed"]
    assert len(aws_lambda.received) == 1


def test_it_reports_while_there_is_time_to(codedeploy: CodeDeploy, aws_lambda: Service) -> None:
    needed = 1_000 * (1 + check.WAIT_S + check.REPORT_S)
    left = iter([needed + 10_000, needed, needed - 1])
    assert run(lambda: next(left))["message"].startswith("get-user:8 left no time for request 3")
    assert codedeploy.statuses == ["Failed"]
    assert len(aws_lambda.received) == 2


@pytest.mark.parametrize("error", [RuntimeError("s3cret"), SystemExit("s3cret")])
def test_a_hook_that_crashes_reports_a_failure_and_where_but_not_on_what(
    codedeploy: CodeDeploy, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def crash(_: object) -> None:
        raise error

    monkeypatch.setattr(check, "to_ask", crash)
    said = run()["message"]
    assert codedeploy.statuses == ["Failed"]
    assert said.startswith(f"the hook itself failed: {type(error).__name__} at test_pretraffic.py:")
    assert "s3cret" not in said


def test_a_hook_that_cannot_be_imported_reports_a_failure(
    codedeploy: CodeDeploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "pretraffic.check")
    monkeypatch.setitem(sys.modules, "pretraffic.probe", None)
    assert "ModuleNotFoundError at " in run()["message"]
    assert codedeploy.statuses == ["Failed"]


@pytest.mark.parametrize(
    "reply", [refusal(400, "ThrottlingException"), refusal(500, "InternalFailure"), HANG_UP]
)
def test_a_report_that_codedeploy_does_not_take_is_made_again(
    codedeploy: CodeDeploy, reply: Reply | None
) -> None:
    codedeploy.refusals[PUT] = [reply]
    run()
    assert codedeploy.statuses == ["Succeeded"]


def test_a_report_that_codedeploy_refuses_lets_lambda_call_again(codedeploy: CodeDeploy) -> None:
    codedeploy.refusals[PUT] = [refusal(400, "AccessDeniedException")]
    with pytest.raises(ClientError, match="AccessDenied"):
        run()


def test_a_second_call_after_a_report_is_no_error(codedeploy: CodeDeploy) -> None:
    codedeploy.refusals[PUT] = [refusal(400, "LifecycleEventAlreadyCompletedException")]
    assert run()["status"] == "Succeeded"
    assert codedeploy.statuses == []
