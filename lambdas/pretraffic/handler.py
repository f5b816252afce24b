"""The pre-traffic hook: asks a new version before any user does, and tells CodeDeploy in any case.

CodeDeploy waits an hour for a hook that does not report. So what is ours is imported where a
failure is caught. CloudFormation asks for the same when a route is new.
"""

import json
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any

import boto3
from botocore.config import Config


def handler(event: Mapping[str, Any], context: Any) -> dict[str, str] | None:
    """Reports whether what is deployed may meet users, to whoever asks.

    Raises:
        ClientError: CodeDeploy takes no report; Lambda calls again, twice.
    """
    if "DeploymentId" in event:
        return _report(event, context)
    from pretraffic.first import handle

    handle(event, context)
    return None


def _report(event: Mapping[str, str], context: Any) -> dict[str, str]:
    """Reports `Succeeded` or `Failed` for the deployment in `event`; says why in one log line."""
    codedeploy = boto3.client(
        "codedeploy",
        config=Config(
            connect_timeout=1,
            read_timeout=4,
            retries={"mode": "standard", "total_max_attempts": 3},
        ),
    )
    deployment = event["DeploymentId"]
    try:
        from pretraffic.check import check

        found = check(codedeploy, deployment, context.get_remaining_time_in_millis)
        status, words = "Succeeded" if found.is_fit else "Failed", found.words
    except BaseException as error:  # such as an exit, too: whatever it is, it is reported
        status, words = "Failed", _crash(error)
    said = {"status": status, "message": words, "deployment": deployment}
    print(json.dumps(said, ensure_ascii=False))
    with suppress(codedeploy.exceptions.LifecycleEventAlreadyCompletedException):
        codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment,
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status=status,
        )
    return said


def _crash(error: BaseException) -> str:
    """What was raised and where, never the message, which may hold a recorded request."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    at = f"{PurePath(frame.filename).name}:{frame.lineno}"
    return f"the hook itself failed: {type(error).__name__} at {at}"
