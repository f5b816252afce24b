"""The pre-traffic hook against a CodeDeploy and a Lambda that answer, refuse or hang: whatever
happens, one report is made, and it says `Succeeded` only for a version that answered."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given

from pretraffic import check, probe
from pretraffic.deployment import Shift
from pretraffic.handler import handler
from shadow_runtime.contract import Variable
from shadow_runtime.http import Request, Response
from tests.runtime.played import HANG_UP, Received, Reply, Service, error
from tests.strategies import requests

NEWEST = "arn:aws:lambda:eu-central-1:123456789012:function:get-user:9"
EVENT = {"DeploymentId": "d-ABCDEF123", "LifecycleEventHookExecutionId": "eyJlbmNyeXB0"}
PLENTY_MS = 300_000
SECRET = "s3cret"
OWN = Request(
    method="GET",
    path="/users/me",
    user="ada",
    id="recorded",
    route_key="GET /users/me",
    headers={"accept": "*/*", "x-odd": SECRET},
)
GOOD = Reply(body=json.dumps(Response.json({"id": SECRET}).payload()).encode())


def answer(status: int) -> Reply:
    return Reply(body=json.dumps(Response(status=status, body=SECRET).payload()).encode())


def failed(type_: str) -> Reply:
    body = json.dumps({"errorMessage": SECRET, "errorType": type_, "stackTrace": [SECRET]})
    return Reply(200, body.encode(), {"x-amz-function-error": "Unhandled"})


def refusal(status: int, code: str) -> Reply:
    """An AWS error of the JSON protocol, which CodeDeploy speaks."""
    return Reply(status, json.dumps({"__type": code, "message": "no"}).encode())


def appspec(current: int, target: int) -> str:
    properties = {
        "Name": "get-user",
        "Alias": "live",
        "CurrentVersion": str(current),
        "TargetVersion": str(target),
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    hooks = [{"BeforeAllowTraffic": "hook"}]
    return json.dumps({"version": 0.0, "Resources": [{"F": resource}], "Hooks": hooks})


class Aws:
    """A CodeDeploy with one deployment, and a Lambda that answers one reply after the other."""

    def __init__(self, service: Service) -> None:
        self.creator = "CloudFormation"
        self.content: str | None = appspec(7, 8)
        self.kept_as = "appSpecContent"
        self.replies: list[Reply | None] = [GOOD]
        self.refusals: dict[str, list[Reply | None]] = {}
        self.reports: list[dict[str, str]] = []
        self.asked: list[Received] = []
        service.script = self._answer

    @property
    def status(self) -> str:
        """The one report."""
        [report] = self.reports
        assert report["deploymentId"] == EVENT["DeploymentId"]
        assert report["lifecycleEventHookExecutionId"] == EVENT["LifecycleEventHookExecutionId"]
        return report["status"]

    @property
    def versions(self) -> list[str]:
        """Of each invocation, what was asked."""
        return [received.path.split("/")[3].replace("%3A", ":") for received in self.asked]

    def _answer(self, received: Received) -> Reply | None:
        action = received.headers.get("x-amz-target", "").rpartition(".")[2]
        if not action:
            self.asked.append(received)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if refusals := self.refusals.get(action):
            return refusals.pop(0)
        return Reply(body=json.dumps(getattr(self, f"_{action}")(received.json)).encode())

    def _GetDeployment(self, given: Any) -> Any:  # noqa: N802
        assert given == {"deploymentId": EVENT["DeploymentId"]}
        about = {"applicationName": "app", "revision": self._revision(None)}
        return {"deploymentInfo": {**about, "creator": self.creator}}

    def _GetApplicationRevision(self, given: Any) -> Any:  # noqa: N802
        assert given == {"applicationName": "app", "revision": self._revision(None)}
        return {"applicationName": "app", "revision": self._revision(self.content)}

    def _revision(self, content: str | None) -> Any:
        kinds = {"appSpecContent": "AppSpecContent", "string": "String"}
        text = {"sha256": "cafe"} if content is None else {"sha256": "cafe", "content": content}
        return {"revisionType": kinds[self.kept_as], self.kept_as: text}

    def _PutLifecycleEventHookExecutionStatus(self, given: Any) -> Any:  # noqa: N802
        self.reports.append(given)
        return {"lifecycleEventHookExecutionId": given["lifecycleEventHookExecutionId"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The route's folder, as the hook's asset holds it: there is nothing recorded yet."""
    package = tmp_path / "routes" / "get_user"
    package.mkdir(parents=True)
    monkeypatch.setattr(check, "__file__", str(tmp_path / "pretraffic" / "check.py"))
    return package


@pytest.fixture
def aws(service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("AWS_ENDPOINT_URL", service.url)
    monkeypatch.setenv(Variable.ROUTE_PACKAGE, "routes.get_user")
    monkeypatch.setenv(Variable.VERSION, NEWEST)
    record(folder, OWN)
    return Aws(service)


def record(folder: Path, *recorded: Request) -> None:
    lines = [json.dumps(request.copy()) for request in recorded]
    (folder / "requests.jsonl").write_text("\n".join(lines), encoding="utf-8")


def run(remaining_ms: Callable[[], int] = lambda: PLENTY_MS) -> dict[str, str]:
    return handler(EVENT, SimpleNamespace(get_remaining_time_in_millis=remaining_ms))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What the hook wrote in its log; recorded data is never in it."""
    heard: list[str] = []

    def read() -> str:
        heard.append(capsys.readouterr().out)
        return heard[-1]

    yield read
    read()
    assert not any(SECRET in text or OWN.user in text for text in heard)


def test_a_version_that_answers_what_was_recorded_may_meet_users(
    aws: Aws, said: Callable[[], str]
) -> None:
    run()
    assert aws.status == "Succeeded"
    assert aws.versions == ["get-user:8"]
    [line] = said().splitlines()
    assert json.loads(line) == {
        "status": "Succeeded",
        "message": "get-user:8 answered 1 of 1 requests",
        "deployment": "d-ABCDEF123",
    }


def test_it_is_asked_as_an_http_api_asks_for_a_user_and_waited_for(aws: Aws) -> None:
    run()
    [received] = aws.asked
    assert received.headers.get("x-amz-invocation-type", "RequestResponse") == "RequestResponse"
    request = Request.from_event(received.json)
    assert request.user == OWN.user
    assert request.id == "d-ABCDEF123-1", "an id of its own, as every request has"
    assert {**request.copy(), "id": OWN.id} == OWN.copy()


@given(requests)
def test_whatever_can_be_recorded_arrives_as_it_was(request: Request) -> None:
    recorded = Request.from_copy(json.loads(json.dumps(request.copy())))
    event = json.loads(json.dumps(probe.event(recorded, id_=request.id)))
    assert Request.from_event(event) == recorded


@pytest.mark.parametrize("status", [200, 204, 301, 401, 404, 499])
def test_a_refusal_is_an_answer_too(aws: Aws, status: int) -> None:
    aws.replies = [answer(status)]
    run()
    assert aws.status == "Succeeded"


BAD = {
    "500": (answer(500), "answered 500"),
    "503": (answer(503), "answered 503"),
    "a failed import": (
        failed("Runtime.ImportModuleError"),
        "failed with Runtime.ImportModuleError",
    ),
    "a timeout": (failed("Sandbox.Timedout"), "failed with Sandbox.Timedout"),
    "no answer of a route": (Reply(body=b'{"id": "s3cret"}'), "gave no answer (MalformedError)"),
    "no JSON": (Reply(body=b"s3cret"), "gave no answer (JSONDecodeError)"),
    "nested too deeply": (Reply(body=b"[" * 100_000), "gave no answer (RecursionError)"),
    "throttled": (
        error(429, "TooManyRequestsException"),
        "could not be asked (TooManyRequestsException)",
    ),
    "forbidden": (error(403, "AccessDeniedException"), "could not be asked (AccessDeniedException"),
    "Lambda fails": (error(500, "ServiceException"), "could not be asked (ServiceException)"),
    "hung up": (HANG_UP, "gave no answer (ConnectionClosedError)"),
}


@pytest.mark.parametrize(("reply", "words"), BAD.values(), ids=BAD)
def test_one_bad_answer_keeps_the_version_from_users_and_is_named(
    aws: Aws, folder: Path, said: Callable[[], str], reply: Reply | None, words: str
) -> None:
    record(folder, OWN, OWN, OWN)
    aws.replies = [GOOD, reply, GOOD]
    run()
    assert aws.status == "Failed"
    assert len(aws.asked) == 2, "asked once each, and no more after the bad one"
    assert f"get-user:8 {words}" in said()


def test_the_line_names_the_request_that_went_wrong(
    aws: Aws, folder: Path, said: Callable[[], str]
) -> None:
    record(folder, OWN, OWN, OWN)
    aws.replies = [GOOD, answer(502), GOOD]
    run()
    assert "get-user:8 answered 502 on request 2 of 3 (GET /users/me)" in said()


def test_no_more_than_twenty_requests_are_asked(aws: Aws, folder: Path) -> None:
    record(folder, *[OWN] * 25)
    run()
    assert aws.status == "Succeeded"
    assert len(aws.asked) == 20


@pytest.mark.parametrize("file", ["missing", "empty"])
def test_a_route_without_recorded_requests_must_refuse_one_that_nobody_sent(
    aws: Aws, folder: Path, file: str
) -> None:
    (folder / "requests.jsonl").unlink()
    if file == "empty":
        record(folder)
    aws.replies = [answer(401)]
    run()
    assert aws.status == "Succeeded"
    [received] = aws.asked
    assert Request.from_event(received.json).user == ""


def test_a_line_that_is_no_request_is_named_and_nothing_is_asked(
    aws: Aws, folder: Path, said: Callable[[], str]
) -> None:
    own = json.dumps(OWN.copy())
    (folder / "requests.jsonl").write_text(f'{own}\n{{"path": "{SECRET}"}}\n')
    run()
    assert aws.status == "Failed"
    assert aws.asked == []
    assert "line 2 of requests.jsonl is no request" in said()


@pytest.mark.parametrize("target", [7, 6])
def test_a_way_back_is_never_held_up(aws: Aws, target: int) -> None:
    aws.content, aws.replies = appspec(7, target), [answer(500)]
    run()
    assert aws.status == "Succeeded"
    assert aws.asked == []


@pytest.mark.parametrize("creator", ["codeDeployRollback", "CloudFormationRollback"])
def test_what_undoes_a_deployment_is_a_way_back_whatever_its_numbers(
    aws: Aws, creator: str
) -> None:
    aws.creator, aws.content, aws.replies = creator, None, [answer(500)]
    run()
    assert aws.status == "Succeeded"
    assert aws.asked == []


def test_versions_are_compared_as_numbers(aws: Aws) -> None:
    aws.content, aws.replies = appspec(9, 10), [answer(500)]
    run()
    assert aws.status == "Failed"
    assert aws.versions == ["get-user:10"]


def test_an_appspec_that_is_kept_as_a_string_is_read_too(aws: Aws) -> None:
    aws.kept_as = "string"
    run()
    assert aws.versions == ["get-user:8"]


UNREADABLE = {
    "no content": None,
    "YAML": "version: 0.0\nResources:\n  - F:\n      Type: AWS::Lambda::Function\n",
    "a list": "[]",
    "no resource": '{"Resources": []}',
    "no properties": '{"Resources": [{"F": {}}]}',
    "nothing in it": '{"Resources": [null]}',
    "no number": appspec(7, 8).replace('"7"', '"$LATEST"'),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(("reply", "status"), [(GOOD, "Succeeded"), (answer(500), "Failed")])
def test_without_a_word_on_the_version_the_newest_is_asked(
    aws: Aws, content: str | None, reply: Reply, status: str
) -> None:
    aws.content, aws.replies = content, [reply]
    run()
    assert aws.status == status
    assert aws.versions == [NEWEST]


@pytest.mark.parametrize("action", ["GetDeployment", "GetApplicationRevision"])
def test_where_codedeploy_may_not_be_read_the_newest_version_is_asked(
    aws: Aws, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    aws.refusals[action] = [refusal(400, "AccessDeniedException")]
    run()
    assert aws.status == "Succeeded"
    assert aws.versions == [NEWEST]
    [line] = caplog.records
    assert line.getMessage() == "CodeDeploy names no version"
    assert f"(AccessDeniedException) when calling the {action} operation" in vars(line)["error"]


def test_a_version_that_hangs_is_waited_for_no_longer_than_a_user_would(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    monkeypatch.setattr(check, "WAIT_S", 0.3)
    aws.replies = [Reply(body=GOOD.body, delay=5)]
    run()
    assert aws.status == "Failed"
    assert "gave no answer (ReadTimeoutError)" in said()


def test_it_reports_while_lambda_still_lets_it(
    aws: Aws, folder: Path, said: Callable[[], str]
) -> None:
    record(folder, OWN, OWN, OWN)
    needed = 1_000 * (1 + check.WAIT_S + check.REPORT_S)
    left = iter([needed + 10_000, needed, needed - 1])
    run(lambda: next(left))
    assert aws.status == "Failed"
    assert len(aws.asked) == 2
    assert "get-user:8 left no time for request 3 of 3" in said()


def crash(_: object) -> None:
    raise RuntimeError(SECRET)


def leave(_: object) -> None:
    raise SystemExit(SECRET)


@pytest.mark.parametrize("end", [crash, leave])
def test_a_hook_that_crashes_reports_that_the_version_failed(
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], str],
    end: Callable[[object], None],
) -> None:
    monkeypatch.setattr(check, "recorded", end)
    run()
    assert aws.status == "Failed"
    assert "the hook itself failed: " in said()


def test_a_hook_that_cannot_be_imported_reports_too(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    for module in ("pretraffic.check", "pretraffic.probe"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "shadow_runtime.http", None)
    run()
    assert aws.status == "Failed"
    assert "the hook itself failed: ModuleNotFoundError at " in said()


@pytest.mark.parametrize(
    "reply", [refusal(400, "ThrottlingException"), refusal(500, "InternalFailure"), HANG_UP]
)
def test_a_report_that_codedeploy_refuses_is_made_again(aws: Aws, reply: Reply | None) -> None:
    aws.refusals["PutLifecycleEventHookExecutionStatus"] = [reply]
    run()
    assert aws.status == "Succeeded"


def test_a_report_that_codedeploy_never_takes_lets_lambda_call_again(aws: Aws) -> None:
    reply = refusal(400, "AccessDeniedException")
    aws.refusals["PutLifecycleEventHookExecutionStatus"] = [reply]
    with pytest.raises(ClientError, match="AccessDenied"):
        run()


def test_a_second_report_is_no_error_so_that_lambda_may_call_twice(aws: Aws) -> None:
    reply = refusal(400, "LifecycleEventAlreadyCompletedException")
    aws.refusals["PutLifecycleEventHookExecutionStatus"] = [reply]
    assert run()["status"] == "Succeeded"
    assert aws.reports == []


def test_a_shift_to_the_same_version_is_a_way_back() -> None:
    assert Shift("get-user", current=7, target=7).is_back
    assert not Shift("get-user", current=7, target=8).is_back
