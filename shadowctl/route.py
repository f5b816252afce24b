"""A deployed route: found by the name of its stack, shown, and moved."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

import boto3
from botocore.exceptions import ClientError

from operations.flag import HostedFlag, Progress, move
from operations.guards import Guards, objections
from operations.settings import OperationsSettings
from shadow_runtime.contract import ShadowCanaryError, Stage


class RouteError(ShadowCanaryError):
    """There is no such route, or it may not go there: what was asked for, and what to do."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a route's flag is, how far it may go, and which alarms guard it."""

    stack: str
    name: str
    flag: HostedFlag
    ceiling: Stage
    guards: Callable[[], Guards]

    @classmethod
    def find(cls, stack: str, aws: boto3.Session) -> Self:
        """The route in `stack`, from the settings of its operations function.

        Raises:
            RouteError: no such stack here, or one without a ShadowCanaryService.
        """
        try:
            described = aws.client("cloudformation").describe_stacks(StackName=stack)
        except ClientError as error:
            raise RouteError(
                f"no stack {stack!r} in {aws.region_name}: {error.response['Error']['Message']}"
            ) from error
        outputs = described["Stacks"][0].get("Outputs", [])
        operations = [o["OutputValue"] for o in outputs if "OperationsName" in o["OutputKey"]]
        if not operations:
            raise RouteError(f"stack {stack!r} holds no ShadowCanaryService; name a route's stack")
        function = aws.client("lambda").get_function_configuration(FunctionName=operations[0])
        settings = OperationsSettings.of(function["Environment"]["Variables"])
        return cls(
            stack,
            settings.route,
            HostedFlag.of(aws.client("appconfig"), settings),
            settings.ceiling,
            partial(
                Guards.read,
                aws.client("cloudwatch"),
                aws.client("sns"),
                names=settings.exposure_alarms,
                topic=settings.topic,
                function=function["FunctionArn"],
            ),
        )

    def objections(self) -> list[str]:
        """Why nobody may be moved to the candidate now, each with what to do."""
        return objections(self.guards())

    def where(self) -> str:
        """Where the route is, in one line."""
        deployed = self.flag.deployed()
        effective = _effective(deployed.position.stage, self.ceiling)
        running = f", a change is under way ({deployed.state})" if deployed.is_running else ""
        return f"{self.name}: {effective}{running}"

    def move(self, to: Stage, *, why: str, progress: Progress) -> str:
        """Moves the route to `to` and says where it then is, in one line.

        Raises:
            RouteError: the ceiling is lower.
            FlagWriterError: a guard could not act, or is in ALARM; or the flag could not be moved.
        """
        if to > self.ceiling:
            raise RouteError(
                f"{to} is over the ceiling, {self.ceiling}: raise `ceiling` in the route's stack "
                "and deploy, then move the flag"
            )
        changed = move(self.flag, to, why=why, objections=self.objections, progress=progress)
        return f"{self.name}: {'now' if changed else 'already'} {_effective(to, self.ceiling)}"


def wanted(stage: str | None, percent: float | None) -> Stage:
    """The stage that an operator asks for by its name, and for a canary its percentage.

    Raises:
        ValueError: an unknown stage, a canary without a percentage or a percentage without canary.
    """
    if (stage == "canary") != (percent is not None):
        raise ValueError(
            "a canary needs --percent, and no other stage takes it, such as "
            f"`canary --percent 2`; got {stage or 'no stage'} with "
            f"{'no percentage' if percent is None else f'--percent {percent:g}'}"
        )
    return Stage.of(str(stage), percent=percent or 0)


def _effective(position: Stage, ceiling: Stage) -> str:
    """The stage that acts, and whether the ceiling holds the flag lower."""
    if position <= ceiling:
        return f"at {position}, ceiling {ceiling}"
    return (
        f"at {ceiling}: the flag says {position}, but the ceiling in git holds it; raise `ceiling` "
        "in the route's stack and deploy"
    )
