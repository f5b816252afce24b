"""CodeDeploy, played on this machine: it has one deployment, and takes the report of its hook."""

import json
from typing import Any

from tests.runtime.played import Received, Reply, Service

EVENT = {"DeploymentId": "d-ABCDEF123", "LifecycleEventHookExecutionId": "eyJlbmNyeXB0"}
"""What CodeDeploy sends to a hook."""


def appspec(current: str | int, target: str | int, *, function: str = "get-user") -> str:
    """What CloudFormation writes when it shifts the alias of `function`."""
    properties = {
        "Name": function,
        "Alias": "live",
        "CurrentVersion": str(current),
        "TargetVersion": str(target),
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    hooks = [{"BeforeAllowTraffic": "hook"}]
    return json.dumps({"version": 0.0, "Resources": [{"F": resource}], "Hooks": hooks})


def refusal(status: int, code: str) -> Reply:
    """An AWS error of the JSON protocol."""
    return Reply(status, json.dumps({"__type": code, "message": "no"}).encode())


class CodeDeploy:
    """One deployment, by its `creator`, whose AppSpec has a `content`; first come the `refusals`.

    The AppSpec is kept as `appSpecContent` or, as before that came, as `string`.
    """

    def __init__(self, service: Service) -> None:
        self.creator = "CloudFormation"
        self.content: str | None = appspec(7, 8)
        self.kept_as = "appSpecContent"
        self.refusals: dict[str, list[Reply | None]] = {}
        self._reports: list[dict[str, str]] = []
        service.script = self._answer

    @property
    def statuses(self) -> list[str]:
        """What was reported for the deployment so far."""
        deployment, execution = EVENT.values()
        assert all(report["deploymentId"] == deployment for report in self._reports)
        assert all(report["lifecycleEventHookExecutionId"] == execution for report in self._reports)
        return [report["status"] for report in self._reports]

    def _answer(self, received: Received) -> Reply | None:
        action = received.headers["x-amz-target"].rpartition(".")[2]
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
        self._reports.append(given)
        return {"lifecycleEventHookExecutionId": given["lifecycleEventHookExecutionId"]}
