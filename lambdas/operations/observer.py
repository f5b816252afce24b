"""What is known of a route now: who guards it, and what is proven of its candidate."""

from dataclasses import dataclass
from datetime import UTC, datetime

import boto3

from judge import Counts, Tolerances, evidence, judge
from operations import dataset_needs
from operations.counts import candidate_versions, compared_since, counted
from operations.dataset_function import DatasetFunction
from operations.flag import HostedFlag
from operations.guards import Guards, objections
from operations.ramp import Proof
from operations.sample_ratio import SampleRatio
from operations.settings import OperationsSettings
from operations.transitions import Evidence
from shadow_runtime.contract import Stage


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at one route. `function` is its operations function, by ARN: who must hear the alarms.

    Example:
        >>> Observer(boto3.Session(), settings, HostedFlag.of(client, settings),
        ...          function="arn:…").objections(Stage.LIVE)  # doctest: +SKIP
        []
    """

    aws: boto3.Session
    settings: OperationsSettings
    flag: HostedFlag
    function: str

    def guards(self) -> Guards:
        """The exposure alarms, and the way from them to operations."""
        return Guards.read(
            self.aws.client("cloudwatch"),
            self.aws.client("sns"),
            names=self.settings.exposure_alarms,
            topic=self.settings.topic,
            function=self.function,
        )

    def sample_ratio(self) -> SampleRatio | None:
        """Who answered since the flag moved; None where no share of the users is asked for."""
        return SampleRatio.read(
            self.aws.client("cloudwatch"),
            self.flag,
            route=self.settings.route,
            ceiling=self.settings.ceiling,
            users=self.settings.users,
            now=datetime.now(UTC),
        )

    def dataset(self) -> DatasetFunction | None:
        """What moves the route's dataset; None where it has none."""
        name, function = self.settings.dataset, self.settings.dataset_function
        return DatasetFunction.of(self.aws.client, name=name, function=function)

    def objections(self, to: Stage) -> list[str]:
        """Why nobody may be moved up to a stage now, each with what to do."""
        found = objections(self.guards(), self.sample_ratio())
        return [*found, *dataset_needs.objections(self.dataset(), to)]

    def evidence(self) -> Evidence:
        """What is known of the newest version that answers, for whoever raises the flag."""
        ramp = self.settings.ramp
        newest = candidate_versions(self.aws.client("lambda"), self.settings.function)[0]
        found = counted(self.aws.client("cloudwatch"), self.settings.route, version=newest)
        counts = found.counts if found else Counts()
        return evidence(newest, counts, judge(counts, ramp.tolerances if ramp else Tolerances()))

    def proof(self, stage: Stage | None, since: datetime | None) -> Proof:
        """What was counted of each version that answers, and at `stage`, which is so `since`."""
        cloudwatch, route = self.aws.client("cloudwatch"), self.settings.route
        versions = candidate_versions(self.aws.client("lambda"), self.settings.function)
        found = [counted(cloudwatch, route, version=version) for version in versions]
        counts = {v: each.counts if each else None for v, each in zip(versions, found, strict=True)}
        pairs = 0
        if since is not None:
            pairs = compared_since(
                cloudwatch,
                route,
                version=versions[0],
                of_users=stage is not None and stage > Stage.SHADOW,
                since=since,
                until=datetime.now(UTC),
            )
        return Proof(counts, pairs)
