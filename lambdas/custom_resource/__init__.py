"""What CloudFormation hears from a custom resource's function."""

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from shadow_runtime.telemetry import logger

_SECONDS = 10


def answer(
    event: Mapping[str, Any], work: Callable[[], object], *, resource: str, failed: str
) -> None:
    """Does the `work` that `event` asks for and tells CloudFormation how it went, always.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html
    """
    try:
        work()
        status, reason = "SUCCESS", ""
    except Exception as error:  # CloudFormation would wait for an answer, and for nothing
        logger.error(resource, error=f"{type(error).__name__}: {error}")
        status, reason = "FAILED", f"{failed}: {error}"
    same = ("StackId", "RequestId", "LogicalResourceId")
    told = {
        "Status": status,
        "Reason": reason,
        "PhysicalResourceId": event.get("PhysicalResourceId", resource),
        **{name: event[name] for name in same},
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own, signed
        event["ResponseURL"],
        data=json.dumps(told).encode(),
        method="PUT",
        headers={"Content-Type": ""},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
        pass
