"""A deployed route, found by the name of its stack."""

from dataclasses import dataclass
from typing import Self

import boto3
from botocore.exceptions import ClientError

from operations.alarms import ExposureAlarms
from operations.hosted_flag import HostedFlag
from shadow_runtime.contract import Stage, Variable


class RouteError(LookupError):
    """There is no such route: what was looked for, and what to do."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a route's flag is, how far it may go, and which alarms guard it."""

    stack: str
    name: str
    flag: HostedFlag
    ceiling: Stage
    alarms: ExposureAlarms

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
        settings = aws.client("lambda").get_function_configuration(FunctionName=operations[0])
        variables = settings["Environment"]["Variables"]
        flag = HostedFlag.of(aws.client("appconfig"), variables)
        ceiling = Stage.parse(variables[Variable.CEILING])
        alarms = ExposureAlarms(
            aws.client("cloudwatch"), variables[Variable.EXPOSURE_ALARMS].split(",")
        )
        return cls(stack, variables[Variable.ROUTE], flag, ceiling, alarms)
