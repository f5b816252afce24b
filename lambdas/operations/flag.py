"""One route's flag in AppConfig, and the one way in which it moves, for people and machines."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from operations.settings import OperationsSettings
from shadow_runtime.contract import FLAG_KEY, Position, ShadowCanaryError, Stage, flag_document

if TYPE_CHECKING:
    from mypy_boto3_appconfig import AppConfigClient
    from mypy_boto3_appconfig.type_defs import DeploymentSummaryTypeDef as DeploymentSummary
    from mypy_boto3_appconfig.type_defs import DeploymentTypeDef as GetDeploymentResult

Document = dict[str, Any]

Progress = Callable[[str, float], None]
"""Called with the state of a deployment and its percentage, about once a second."""

Objections = Callable[[], Sequence[str]]
"""Returns why nobody may be moved to the candidate now, each with what to do."""

_ATTEMPTS = 10
_LONGEST_DESCRIPTION = 1_024
_POLL_SECONDS = 1
_UNFINISHED = frozenset({"VALIDATING", "DEPLOYING", "BAKING", "ROLLING_BACK"})
_TAKEN_BACK = frozenset({"ROLLING_BACK", "ROLLED_BACK", "REVERTED"})
_OTHER_WRITER = frozenset(
    {
        ("CreateHostedConfigurationVersion", "ConflictException"),
        ("StartDeployment", "ConflictException"),
        ("StopDeployment", "BadRequestException"),
    }
)
"""What AppConfig says when another writer was first, or when the one to be stopped has ended."""


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
        return _position(self.document)

    @property
    def is_running(self) -> bool:
        """Whether it has not reached everybody yet."""
        return self.state in _UNFINISHED


class HostedFlag:
    """One route's flag by AppConfig's ids, and its two strategies.

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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._application = application
        self._environment = environment
        self._profile = profile
        self._strategies = {True: raise_strategy, False: lower_strategy}
        self.sleep = sleep

    @classmethod
    def of(cls, client: "AppConfigClient", settings: OperationsSettings) -> Self:
        """The flag that the settings of an operations function name."""
        return cls(
            client,
            application=settings.application,
            environment=settings.environment,
            profile=settings.profile,
            raise_strategy=settings.raise_strategy,
            lower_strategy=settings.lower_strategy,
        )

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
        hosted = self._client.get_hosted_configuration_version(
            ApplicationId=self._application,
            ConfigurationProfileId=self._profile,
            VersionNumber=version,
        )
        document = _ours(hosted["Content"].read())
        return Deployed(
            document=document or flag_document(Position(Stage.COMPLETE)),
            is_ours=document is not None,
            version=version,
            number=newest["DeploymentNumber"],
            latest=deployments[-1]["DeploymentNumber"],
            state=newest["State"],
        )

    def description(self, number: int) -> str:
        """Why and from where the position of that deployment was reached; of a seed AppConfig's."""
        return self._deployment(number).get("Description", "")

    def completed(self, number: int) -> datetime | None:
        """When that deployment had reached everybody; None while it has not."""
        return self._deployment(number).get("CompletedAt")

    def deploy(self, document: Document, *, after: Deployed, raising: bool, why: str) -> int:
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
            Description=_ascii(why),
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


def move(
    flag: HostedFlag,
    to: Stage,
    *,
    why: str,
    objections: Objections,
    progress: Progress | None = None,
) -> bool:
    """Moves `flag` to the stage `to`; False when it is there already.

    What else the flag says (the shadow's share, the testers) stays as it is. The deployment's
    description says `why`, and from which stage to which.

    Lowering stops a deployment that is under way, and reaches everybody at once. Raising waits for
    one, and goes gradually; beyond `shadow` it is refused while there are `objections`. What
    another writer changed meanwhile is read and built upon.

    Raises:
        FlagWriterError: there are objections, other writers were faster each time, or the change
            was taken back.

    Example:
        >>> move(flag, Stage.SHADOW, why="first comparison",
        ...      objections=lambda: objections(read()))  # doctest: +SKIP
        True
    """
    return _change(flag, lambda document: _at(document, to), why, objections, progress)


def lower(flag: HostedFlag, to: Stage, *, why: str) -> bool:
    """Moves `flag` down to `to`, at once; False when it was there already, or lower.

    True as well when an earlier attempt did it: the deployment then has the same `why`. Raises what
    `move` raises, and hears no objection: lowering is always possible.
    """

    def change(document: Document) -> Document:
        return _at(document, lowered(_position(document).stage, to))

    return _change(flag, change, why) or _was_done(flag, why)


def lowered(stage: Stage, to: Stage) -> Stage:
    """Where a machine may move a route that is at `stage`: never up."""
    return min(stage, to)


def add_tester(flag: HostedFlag, user: str, *, why: str) -> bool:
    """Lets the candidate answer `user` from `canary` on; False when it would already.

    It moves nobody else. Raises what `move` raises.

    Raises:
        FlagWriterError: what is deployed cannot be read, so that nobody knows what to add to.
    """
    if not flag.deployed().is_ours:
        raise FlagWriterError("what the flag says cannot be read; move it to a stage first")

    def added(document: Document) -> Document:
        values = document["values"][FLAG_KEY]
        on_control = [each for each in values.get("control_users", []) if each != user]
        on_candidate = [*dict.fromkeys([*values.get("candidate_users", []), user])]
        testers = {"candidate_users": on_candidate, "control_users": on_control}
        return {**document, "values": {**document["values"], FLAG_KEY: {**values, **testers}}}

    return _change(flag, added, why)


def deprecate(flag: HostedFlag, date: str, *, why: str) -> bool:
    """Marks `flag` as to be removed after `date` (YYYY-MM-DD) and serves it on.

    False when it was marked already, other than by an earlier attempt with the same `why`. Raises
    what `move` raises.
    """

    def deprecated(document: Document) -> Document:
        own = {"_deprecation": {"status": "planned", "date": date}, **document["flags"][FLAG_KEY]}
        return {**document, "flags": {**document["flags"], FLAG_KEY: own}}

    return _change(flag, deprecated, why) or _was_done(flag, why)


def _change(
    flag: HostedFlag,
    change: Callable[[Document], Document],
    why: str,
    objections: Objections = tuple,
    progress: Progress | None = None,
) -> bool:
    progress = progress or (lambda _state, _percent: None)
    stopped = Stage.OFF
    for _ in range(_ATTEMPTS):
        deployed = flag.deployed()
        wanted = change(deployed.document)
        before, after = deployed.position.stage, _position(wanted).stage
        try:
            if deployed.is_running and after < before:
                flag.stop(deployed)
                stopped = before
            elif deployed.is_running:
                flag.wait(deployed.number, progress)
            elif wanted == deployed.document and deployed.is_ours and stopped == Stage.OFF:
                return False
            else:
                raising = after > before
                exposing = raising and after > Stage.SHADOW
                if exposing:
                    _refuse(objections())
                said = f"{why} (from {max(before, stopped)} to {after})"
                number = flag.deploy(wanted, raising=raising, why=said, after=deployed)
                if exposing and (found := objections()):  # between the question and the deployment
                    lower(flag, before, why=found[0])
                    _refuse(found)
                flag.wait(number, progress)
                return True
        except ClientError as error:
            if (error.operation_name, error.response["Error"]["Code"]) not in _OTHER_WRITER:
                raise
            flag.sleep(_POLL_SECONDS)
    raise FlagWriterError(
        f"other writers changed the flag {_ATTEMPTS} times in a row; see who moves it "
        "(CloudTrail: StartDeployment), then try again"
    )


def _was_done(flag: HostedFlag, why: str) -> bool:
    return flag.description(flag.deployed().number).startswith(_ascii(f"{why} (from "))


def _refuse(objections: Sequence[str]) -> None:
    if objections:
        raise FlagWriterError(f"nobody is exposed: {'; '.join(objections)}")


def _position(document: Document) -> Position:
    return Position.read(document["values"][FLAG_KEY])


def _ours(content: bytes) -> Document | None:
    """The document in `content`, when it is one of ours."""
    try:
        document: Document = json.loads(content)
        _position(document)
    except (KeyError, TypeError, ValueError):
        return None
    return document


def _at(document: Document, stage: Stage) -> Document:
    if _position(document).stage == stage:
        return document
    there = document["values"][FLAG_KEY]
    values = {**there, "enabled": True, "stage": stage.name, "canary_percent": stage.percent}
    return {**document, "values": {**document["values"], FLAG_KEY: values}}


def _in_use(deployments: "list[DeploymentSummary]") -> "list[DeploymentSummary]":
    """What somebody may be served: the newest that everybody has, then the one under way."""
    served = [d for d in deployments if d["State"] not in _TAKEN_BACK]
    finished = [d for d in served if d["State"] not in _UNFINISHED]
    return finished[-1:] + [d for d in served if d["State"] in _UNFINISHED]


def _ascii(text: str) -> str:
    """As AppConfig takes a description."""
    return text.encode("ascii", "replace").decode()[:_LONGEST_DESCRIPTION]
