"""AppConfig's control plane in memory, behind the real boto3 client.

Parameters are validated, pages turned and errors raised by botocore itself; only the network is
missing. It keeps the rules of AWS that the embedded one lacks.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3

from shadow_runtime.contract import FLAG_KEY, Position, flag_document

if TYPE_CHECKING:
    from mypy_boto3_appconfig import AppConfigClient

Given = dict[str, Any]

PAGE = 2
STRATEGIES = {"raise0": (600, 0), "lower0": (0, 0), "bakes0": (0, 600)}
"""Seconds from nobody to everybody, and seconds under watch after that."""

_STATUS = {
    "ConflictException": 409,
    "BadRequestException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
}


class RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Deployment:
    number: int
    version: int
    strategy: str
    started: float
    description: str = ""
    state: str = "DEPLOYING"
    percent: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.state in ("DEPLOYING", "BAKING")


class FakeAppConfig:
    """One environment and one profile, with `document` deployed to everybody."""

    def __init__(self, document: Given | bytes) -> None:
        self.now = 0.0
        self.versions: dict[int, bytes] = {}
        self.deployments: list[Deployment] = []
        self.environments = ["env0"]
        self.calls: list[str] = []
        self.validators = [{"Type": "LAMBDA", "Content": "arn:validator"}]
        self.validate: Callable[[bytes], str] = lambda _content: ""
        """What the validator says against a content; empty where it says nothing."""
        self._before: dict[str, list[Callable[[], object]]] = {}
        self.deploy(document, "lower0")

    def client(self) -> "AppConfigClient":
        client = boto3.client(
            "appconfig",
            region_name="eu-central-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        events: Any = client.meta.events
        events.register("provide-client-params.appconfig", _keep)
        events.register("before-call.appconfig", self._answer)
        return client

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def before(self, call: str, *happens: Callable[[], object]) -> None:
        """Lets something happen just before each of the next calls of that name, one a call."""
        self._before[call] = [*happens]

    def deploy(self, document: Given | bytes, strategy: str) -> Deployment:
        """What another writer does, who keeps the rules too."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.versions[max(self.versions, default=0) + 1] = content
        return self._deployed(max(self.versions), strategy)

    def move(self, position: Position, strategy: str) -> Deployment:
        return self.deploy(flag_document(position), strategy)

    def delete_environment(self) -> None:
        """What CloudFormation does before it deletes the profile."""
        self.deployments.clear()

    @property
    def served(self) -> Any:
        """The document that everybody has."""
        self._advance()
        complete = [d.version for d in self.deployments if d.state in ("COMPLETE", "BAKING")]
        return json.loads(self.versions[complete[-1]])

    @property
    def position(self) -> Position:
        return Position.read(self.served["values"][FLAG_KEY])

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith(("Get", "List"))]

    def _advance(self) -> None:
        for deployment in self.deployments:
            if deployment.is_running:
                rollout, bake = STRATEGIES[deployment.strategy]
                elapsed = self.now - deployment.started
                deployment.percent = 100.0 if elapsed >= rollout else 100 * elapsed / rollout
                if elapsed >= rollout:
                    deployment.state = "BAKING" if elapsed < rollout + bake else "COMPLETE"

    def _answer(self, model: Any, context: Given, **_: object) -> tuple[object, Given]:
        self.calls.append(model.name)
        try:
            if waiting := self._before.get(model.name):
                waiting.pop(0)()
            self._advance()
            parsed, status = getattr(self, f"_{model.name}")(context["params"]), 200
        except RefusedError as refused:
            parsed = {"Error": {"Code": refused.code, "Message": str(refused)}}
            status = _STATUS[refused.code]
        parsed["ResponseMetadata"] = {"HTTPStatusCode": status}
        return SimpleNamespace(status_code=status), parsed

    def _GetConfigurationProfile(self, given: Given) -> Given:  # noqa: N802
        return {"Id": given["ConfigurationProfileId"], "Validators": [*self.validators]}

    def _UpdateConfigurationProfile(self, given: Given) -> Given:  # noqa: N802
        self.validators = given["Validators"]
        return {"Id": given["ConfigurationProfileId"], "Validators": [*self.validators]}

    def _ListEnvironments(self, given: Given) -> Given:  # noqa: N802
        return _page([{"Id": each} for each in self.environments], given)

    def _GetDeploymentStrategy(self, given: Given) -> Given:  # noqa: N802
        seconds, _ = STRATEGIES[given["DeploymentStrategyId"]]
        return {"DeploymentDurationInMinutes": seconds / 60}

    def _ListDeployments(self, given: Given) -> Given:  # noqa: N802
        items = [
            {
                "DeploymentNumber": d.number,
                "ConfigurationVersion": str(d.version),
                "State": d.state,
                "PercentageComplete": d.percent,
                "StartedAt": datetime.fromtimestamp(d.started, UTC),
                **({} if d.is_running else {"CompletedAt": self._ended(d)}),
            }
            for d in self.deployments
        ]
        return _page(items, given)

    def _GetDeployment(self, given: Given) -> Given:  # noqa: N802
        deployment = self.deployments[given["DeploymentNumber"] - 1]
        return {
            "Description": deployment.description,
            "State": deployment.state,
            "PercentageComplete": deployment.percent,
            **({} if deployment.is_running else {"CompletedAt": self._ended(deployment)}),
        }

    @staticmethod
    def _ended(deployment: Deployment) -> datetime:
        seconds = deployment.started + sum(STRATEGIES[deployment.strategy])
        return datetime.fromtimestamp(seconds, UTC)

    def _StartDeployment(self, given: Given) -> Given:  # noqa: N802
        version = int(given["ConfigurationVersion"])
        if version not in self.versions:
            raise RefusedError("ResourceNotFoundException", f"there is no version {version}")
        if self.validators and (refusal := self.validate(self.versions[version])):
            raise RefusedError("BadRequestException", refusal)
        number = len(self.deployments)
        if given.get("LatestDeploymentNumber", number) != number:
            raise RefusedError("ConflictException", f"the latest deployment is {number}")
        description = given.get("Description", "")
        if not description.isascii() or len(description) > 1_024:
            raise RefusedError("BadRequestException", "the description is not ASCII, or too long")
        deployment = self._deployed(version, given["DeploymentStrategyId"])
        deployment.description = description
        return {"DeploymentNumber": deployment.number}

    def _deployed(self, version: int, strategy: str) -> Deployment:
        self._advance()
        if any(d.is_running for d in self.deployments):
            raise RefusedError("ConflictException", "a deployment is running")
        deployment = Deployment(len(self.deployments) + 1, version, strategy, self.now)
        self.deployments.append(deployment)
        self._advance()
        return deployment

    def _StopDeployment(self, given: Given) -> Given:  # noqa: N802
        deployment = self.deployments[given["DeploymentNumber"] - 1]
        may_revert = given.get("AllowRevert", False)
        if deployment.state == "DEPLOYING" or (may_revert and deployment.state == "BAKING"):
            deployment.state = "ROLLED_BACK"
        elif may_revert and deployment.state == "COMPLETE":
            deployment.state = "REVERTED"
        else:
            raise RefusedError("BadRequestException", f"a deployment in {deployment.state} goes on")
        return {"State": deployment.state}

    def _ListHostedConfigurationVersions(self, given: Given) -> Given:  # noqa: N802
        return _page([{"VersionNumber": number} for number in self.versions], given)

    def _GetHostedConfigurationVersion(self, given: Given) -> Given:  # noqa: N802
        version = given["VersionNumber"]
        if version not in self.versions:
            raise RefusedError("ResourceNotFoundException", f"there is no version {version}")
        return {"Content": io.BytesIO(self.versions[version])}

    def _CreateHostedConfigurationVersion(self, given: Given) -> Given:  # noqa: N802
        latest = max(self.versions)
        if given.get("LatestVersionNumber", latest) != latest:
            raise RefusedError("ConflictException", f"the latest version is {latest}")
        document = json.loads(given["Content"])
        for key, values in document["values"].items():
            if set(values) - {"enabled", *document["flags"][key]["attributes"]}:
                raise RefusedError("BadRequestException", "a value without its attribute")
        self.versions[latest + 1] = given["Content"]
        return {"VersionNumber": latest + 1}

    def _DeleteHostedConfigurationVersion(self, given: Given) -> Given:  # noqa: N802
        version = given["VersionNumber"]
        if version not in self.versions:
            raise RefusedError("ResourceNotFoundException", f"there is no version {version}")
        served = [d.version for d in self.deployments if d.state in ("COMPLETE", "BAKING")][-1:]
        if version in {*served, *(d.version for d in self.deployments if d.is_running)}:
            raise RefusedError("BadRequestException", f"version {version} is deployed")
        del self.versions[version]
        return {}


def _keep(params: Given, context: Given, **_: object) -> None:
    context["params"] = params


def _page(items: list[Given], given: Given) -> Given:
    start = int(given.get("NextToken", 0))
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(items) else {}
    return {"Items": items[start : start + PAGE], **more}
