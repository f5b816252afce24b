"""One route's flag in AppConfig: what it says, what was deployed when, and by whom."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from operations.settings import OperationsSettings
from operations.transitions import Change, Transitions
from shadow_runtime.contract import FLAG_KEY, Position, ShadowCanaryError, Stage, flag_document

if TYPE_CHECKING:
    from mypy_boto3_appconfig import AppConfigClient
    from mypy_boto3_appconfig.type_defs import DeploymentSummaryTypeDef as DeploymentSummary
    from mypy_boto3_appconfig.type_defs import DeploymentTypeDef as GetDeploymentResult

Document = dict[str, Any]

Progress = Callable[[str, float], None]
"""Called with the state of a deployment and its percentage, about once a second."""

_POLL_SECONDS = 1
_UNFINISHED = frozenset({"VALIDATING", "DEPLOYING", "BAKING", "ROLLING_BACK"})
_TAKEN_BACK = frozenset({"ROLLING_BACK", "ROLLED_BACK", "REVERTED"})


class FlagWriterError(ShadowCanaryError):
    """The flag was not moved: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What AppConfig serves, or is about to: the document and the numbers behind it.

    `is_ours` is false when what is deployed cannot be read; `document` then stands at `complete`,
    so that any move lowers it. `latest` is the newest deployment's number, even of one that was
    taken back: AppConfig starts the next one only upon that.
    """

    document: Document
    is_ours: bool
    version: int
    number: int
    latest: int
    state: str

    @property
    def position(self) -> Position:
        """The position in `document`."""
        return position(self.document)

    @property
    def stage(self) -> Stage | None:
        """The stage, as `Transitions` asks for it: None when what is deployed cannot be read."""
        return self.position.stage if self.is_ours else None

    @property
    def is_paused(self) -> bool:
        """Whether the ramp waits where it is."""
        return self.document["values"][FLAG_KEY].get("paused") is True

    @property
    def is_running(self) -> bool:
        """Whether it has not reached everybody yet."""
        return self.state in _UNFINISHED

    @property
    def deprecated_on(self) -> str:
        """The day (YYYY-MM-DD) on which it was marked as to be removed; `""` where it was not."""
        return str(self.document["flags"][FLAG_KEY].get("_deprecation", {}).get("date", ""))


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of a flag, as AppConfig remembers it.

    `percent` of the execution environments may have it. `completed` is None while it is under way.
    `change` is None where a console or the template made it: who that was, CloudTrail knows
    (StartDeployment). `stage` is what it served: None where that cannot be read, or was deleted.
    """

    number: int
    state: str
    percent: float
    started: datetime
    completed: datetime | None
    change: Change | None
    stage: Stage | None

    @property
    def is_taken_back(self) -> bool:
        """Whether nobody is served by it: it was stopped, or is being."""
        return self.state in _TAKEN_BACK


class HostedFlag:
    """One route's flag by AppConfig's ids, its two strategies, and how it may move.

    Example:
        >>> HostedFlag(boto3.client("appconfig"), application="a1", environment="e1", profile="p1",
        ...            raise_strategy="s1", lower_strategy="s2").deployed()  # doctest: +SKIP
    """

    def __init__(
        self,
        client: "AppConfigClient",
        *,
        application: str,
        environment: str,
        profile: str,
        raise_strategy: str,
        lower_strategy: str,
        transitions: Transitions = Transitions(),  # noqa: B008 - frozen
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._application = application
        self._environment = environment
        self._profile = profile
        self._strategies = {True: raise_strategy, False: lower_strategy}
        self.transitions = transitions
        self.sleep = sleep

    @classmethod
    def of(cls, client: "AppConfigClient", settings: OperationsSettings) -> Self:
        """The flag that the settings of an operations function name."""
        steps = settings.ramp.stages if settings.ramp else ()
        return cls(
            client,
            application=settings.application,
            environment=settings.environment,
            profile=settings.profile,
            raise_strategy=settings.raise_strategy,
            lower_strategy=settings.lower_strategy,
            transitions=Transitions(settings.ceiling, steps),
        )

    @contextmanager
    def unvalidated(self) -> Iterator[None]:
        """In the block AppConfig asks no validator before it deploys."""
        profile = {
            "ApplicationId": self._application,
            "ConfigurationProfileId": self._profile,
        }
        validators = self._client.get_configuration_profile(**profile).get("Validators", [])
        self._client.update_configuration_profile(**profile, Validators=[])
        try:
            yield
        finally:
            if validators:  # else another writer has just taken them off, and puts them back
                self._client.update_configuration_profile(**profile, Validators=validators)

    def deployed(self) -> Deployed:
        """The newest deployment that was not taken back; one under way counts.

        Raises:
            FlagWriterError: nothing was ever deployed.
        """
        deployments = self._deployments()
        in_use = _in_use(deployments)
        if not in_use:
            raise FlagWriterError(
                "this environment has no deployment: deploy the route's stack, which seeds the flag"
            )
        newest = in_use[-1]
        version = int(newest["ConfigurationVersion"])
        document = self._document(version)
        return Deployed(
            document=document or flag_document(Position(Stage.COMPLETE)),
            is_ours=document is not None,
            version=version,
            number=newest["DeploymentNumber"],
            latest=deployments[-1]["DeploymentNumber"],
            state=newest["State"],
        )

    def change(self, number: int) -> Change | None:
        """Who made that deployment, and why; None where a console or the template did."""
        return Change.parse(self._deployment(number).get("Description", ""))

    def history(self, last: int = 20) -> list[Deployment]:
        """The last so many deployments, whatever became of them; the newest last.

        Each is asked for: AppConfig's list says nothing of who and why.
        """
        return [self._remembered(found) for found in self._deployments()[-last:]]

    def _remembered(self, found: "DeploymentSummary") -> Deployment:
        change = self.change(found["DeploymentNumber"])
        return Deployment(
            found["DeploymentNumber"],
            found["State"],
            found["PercentageComplete"],
            found["StartedAt"],
            found.get("CompletedAt"),
            change,
            change.after if change else self._stage(int(found["ConfigurationVersion"])),
        )

    def _stage(self, version: int) -> Stage | None:
        try:
            document = self._document(version)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        return position(document).stage if document else None

    def before(self, number: int) -> Document:
        """What was served before the deployment `number`.

        Raises:
            FlagWriterError: nothing was, or it was deleted or cannot be read.
        """
        served = [
            deployment
            for deployment in self._deployments()
            if deployment["DeploymentNumber"] < number and deployment["State"] not in _TAKEN_BACK
        ]
        with suppress(self._client.exceptions.ResourceNotFoundException):
            if served and (document := self._document(int(served[-1]["ConfigurationVersion"]))):
                return document
        raise FlagWriterError(
            f"what was served before deployment {number} is not there any more: say where to, with "
            "`shadowctl stage`"
        )

    def minutes(self, *, raising: bool) -> float:
        """In which a deployment reaches everybody."""
        strategy = self._client.get_deployment_strategy(
            DeploymentStrategyId=self._strategies[raising]
        )
        return strategy["DeploymentDurationInMinutes"]

    def _document(self, version: int) -> Document | None:
        """What a hosted version says, where it is one of ours."""
        hosted = self._client.get_hosted_configuration_version(
            ApplicationId=self._application,
            ConfigurationProfileId=self._profile,
            VersionNumber=version,
        )
        return _ours(hosted["Content"].read())

    def completed(self, number: int) -> datetime | None:
        """When that deployment had reached everybody; None while it has not."""
        return self._deployment(number).get("CompletedAt")

    def deploy(
        self, document: Document, *, after: Deployed, raising: bool, description: str
    ) -> int:
        """Starts the deployment of `document` upon `after`; returns its number.

        Raises:
            botocore.exceptions.ClientError: ConflictException, when others started one after it.
        """
        created = self._client.create_hosted_configuration_version(
            ApplicationId=self._application,
            ConfigurationProfileId=self._profile,
            ContentType="application/json",
            Content=json.dumps(document).encode(),
            LatestVersionNumber=max(self._versions()),
        )
        started = self._client.start_deployment(
            ApplicationId=self._application,
            EnvironmentId=self._environment,
            ConfigurationProfileId=self._profile,
            ConfigurationVersion=str(created["VersionNumber"]),
            DeploymentStrategyId=self._strategies[raising],
            Description=description,
            LatestDeploymentNumber=after.latest,
        )
        return started["DeploymentNumber"]

    def stop(self, running: Deployed) -> None:
        """Stops the deployment that is under way; the position before it is served again."""
        self._client.stop_deployment(
            ApplicationId=self._application,
            EnvironmentId=self._environment,
            DeploymentNumber=running.number,
            AllowRevert=running.state == "BAKING",  # it reached everybody, and is still watched
        )

    def wait(self, number: int, progress: Progress) -> None:
        """Returns when the deployment `number` has reached everybody.

        Raises:
            FlagWriterError: it was taken back.
        """
        while True:
            deployment = self._deployment(number)
            state = deployment["State"]
            progress(state, deployment["PercentageComplete"])
            if state in _TAKEN_BACK:
                raise FlagWriterError(
                    f"deployment {number} was taken back ({state}): somebody stopped it; look at "
                    "its events in AppConfig before you try again"
                )
            if state not in _UNFINISHED:
                return
            self.sleep(_POLL_SECONDS)

    def prune(self) -> int:
        """Deletes the hosted versions older than those in use; returns how many."""
        oldest = min(int(used["ConfigurationVersion"]) for used in _in_use(self._deployments()))
        old = [version for version in self._versions() if version < oldest]
        for version in old:
            self._client.delete_hosted_configuration_version(
                ApplicationId=self._application,
                ConfigurationProfileId=self._profile,
                VersionNumber=version,
            )
        return len(old)

    def _deployment(self, number: int) -> "GetDeploymentResult":
        return self._client.get_deployment(
            ApplicationId=self._application,
            EnvironmentId=self._environment,
            DeploymentNumber=number,
        )

    def _deployments(self) -> "list[DeploymentSummary]":
        """Every deployment, the newest last."""
        pages = self._client.get_paginator("list_deployments").paginate(
            ApplicationId=self._application, EnvironmentId=self._environment
        )
        found = [deployment for page in pages for deployment in page["Items"]]
        return sorted(found, key=lambda deployment: deployment["DeploymentNumber"])

    def _versions(self) -> list[int]:
        return hosted_versions(self._client, self._application, self._profile)


def hosted_versions(client: "AppConfigClient", application: str, profile: str) -> list[int]:
    """The numbers of all that was ever written into a flag, and not deleted."""
    pages = client.get_paginator("list_hosted_configuration_versions").paginate(
        ApplicationId=application, ConfigurationProfileId=profile
    )
    return [item["VersionNumber"] for page in pages for item in page["Items"]]


def position(document: Document) -> Position:
    """Where a document of ours says that the route is."""
    return Position.read(document["values"][FLAG_KEY])


def _ours(content: bytes) -> Document | None:
    """The document in `content`, when it is one of ours."""
    try:
        document: Document = json.loads(content)
        position(document)
    except (KeyError, TypeError, ValueError):
        return None
    return document


def _in_use(deployments: "list[DeploymentSummary]") -> "list[DeploymentSummary]":
    """What somebody may be served: the newest that everybody has, then the one under way."""
    served = [d for d in deployments if d["State"] not in _TAKEN_BACK]
    finished = [d for d in served if d["State"] not in _UNFINISHED]
    return finished[-1:] + [d for d in served if d["State"] in _UNFINISHED]
