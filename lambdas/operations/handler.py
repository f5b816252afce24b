"""The operations function: does what it is asked, and says what it did."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3

from operations.cleanup import clean_up
from operations.hosted_flag import HostedFlag
from shadow_runtime.contract import Action, MetricName, Variable
from shadow_runtime.telemetry import ROUTE, Measurements, logger


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Runs the `action` in `event`; its outcome is a log line, a metric and an event.

    Raises:
        ValueError: an unknown action.
        FlagWriterError: the flag could not be moved; Lambda tries again twice.
    """
    action = Action(event["action"])
    flag = HostedFlag(
        boto3.client("appconfig"),
        application=os.environ[Variable.FLAG_APPLICATION],
        environment=os.environ[Variable.FLAG_ENVIRONMENT],
        profile=os.environ[Variable.FLAG_PROFILE],
        raise_strategy=os.environ[Variable.RAISE_STRATEGY],
        lower_strategy=os.environ[Variable.LOWER_STRATEGY],
    )
    done = asdict(clean_up(flag, today=f"{datetime.now(UTC):%Y-%m-%d}"))
    _report(action, done)
    return done


def _report(action: Action, done: dict[str, Any]) -> None:
    logger.info(action, **done)
    measurements = Measurements()
    measurements.add(MetricName.CLEANUPS, outcome=done["outcome"])
    measurements.flush()
    boto3.client("events").put_events(
        Entries=[
            {
                "Source": "shadow-canary",
                "DetailType": f"Migration {action}",
                "Detail": json.dumps({"route": ROUTE, **done}),
            }
        ]
    )
