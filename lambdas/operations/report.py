"""What operations did, for machines and for people."""

import json
import os
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.words import Words
from shadow_runtime.contract import ALIAS, Action, MetricName, Variable
from shadow_runtime.settings import settings
from shadow_runtime.telemetry import Measurements, logger


def report(action: Action, metric: MetricName, done: dict[str, Any], words: Words) -> None:
    """A log line, a metric by outcome, an event on the default bus, a message to the topic."""
    logger.info(action, **done)
    measurements = Measurements()
    measurements.add(metric, outcome=done["outcome"])
    measurements.flush()
    boto3.client("events").put_events(
        Entries=[
            {
                "Source": "shadow-canary",
                "DetailType": f"Migration {action}",
                "Detail": json.dumps({"route": settings().route, **done}),
            }
        ]
    )
    boto3.client("sns").publish(
        TopicArn=os.environ[Variable.TOPIC], Subject=words.subject, Message=words.text
    )


def versions() -> dict[str, float]:
    """The route's versions that users are on, with their shares; empty when it cannot be told."""
    try:
        aliases = boto3.client("lambda").list_aliases(FunctionName=os.environ[Variable.FUNCTION])
    except (BotoCoreError, ClientError) as error:  # users are back, and that is what matters
        logger.warning("versions unknown", error=type(error).__name__)
        return {}
    [live] = [alias for alias in aliases["Aliases"] if alias["Name"] == ALIAS]
    others = live.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return {live["FunctionVersion"]: 1 - sum(others.values()), **others}
