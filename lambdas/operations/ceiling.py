"""What CloudFormation asks for before another ceiling counts: a deploy moves nobody."""

import os
from collections.abc import Mapping
from typing import Any

import boto3

from custom_resource import answer
from operations.flag import HostedFlag
from operations.moves import lower
from operations.transitions import Who, Writer
from shadow_runtime.contract import Stage, Variable
from shadow_runtime.telemetry import logger


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Lowers the flag to the lower one of two ceilings, and tells CloudFormation how it went.

    What was over the ceiling acted on nobody; so nobody notices, and a higher one wakes nothing.
    """

    def work() -> None:
        if event["RequestType"] == "Update":
            hold(
                _flag(os.environ),
                old=_ceiling(event, "Old"),
                new=_ceiling(event),
                who=Who(Writer.DEPLOY, event["RequestId"]),
            )

    answer(event, work, resource="ceiling", failed="the flag was not lowered")


def hold(flag: HostedFlag, *, old: Stage, new: Stage, who: Who) -> bool:
    """Gives up what of the position is over either ceiling; False when nothing is.

    Raises:
        FlagWriterError: the flag could not be moved.
    """
    why = f"the ceiling goes from {old} to {new}"
    changed = lower(flag, min(old, new), who=who, why=why)
    logger.info("ceiling", old=str(old), new=str(new), changed=changed)
    return changed


def _ceiling(event: Mapping[str, Any], which: str = "") -> Stage:
    return Stage.parse(event[f"{which}ResourceProperties"]["Ceiling"])


def _flag(variables: Mapping[str, str]) -> HostedFlag:
    lower_strategy = variables[Variable.LOWER_STRATEGY]
    return HostedFlag(
        boto3.client("appconfig"),
        application=variables[Variable.FLAG_APPLICATION],
        environment=variables[Variable.FLAG_ENVIRONMENT],
        profile=variables[Variable.FLAG_PROFILE],
        raise_strategy=lower_strategy,  # it never raises
        lower_strategy=lower_strategy,
    )
