"""The operations function: does what it is asked, and says what it did."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3

from operations import words
from operations.alarms import Call
from operations.cleanup import clean_up
from operations.hosted_flag import HostedFlag
from operations.report import report, versions
from operations.rollback import roll_back
from shadow_runtime.contract import Action, MetricName, Variable
from shadow_runtime.telemetry import logger


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Runs an action, or answers an alarm; the outcome is a log line, a metric, an event and words.

    Raises:
        ValueError: an unknown action, or a notification that is no alarm's.
        FlagWriterError: the flag could not be moved; Lambda tries again twice.
    """
    match event:
        case {"Records": [{"Sns": {"Message": str(message)}}]}:
            return _answer(Call.read(message))
        case {"action": Action.CLEANUP}:
            done = clean_up(_flag(), today=f"{datetime.now(UTC):%Y-%m-%d}")
            report(Action.CLEANUP, MetricName.CLEANUPS, asdict(done), words.of_clean_up(done))
            return asdict(done)
    raise ValueError(
        f"operations answers alarms and the action {Action.CLEANUP.value!r}; got {event!r}"
    )


def _answer(call: Call) -> dict[str, Any]:
    exposure = os.environ[Variable.EXPOSURE_ALARMS].split(",")
    if call.name not in exposure or call.state != "ALARM":
        logger.info("not an exposure alarm that is red", alarm=call.name, state=call.state)
        return {"outcome": "none", "changed": False}
    done = roll_back(_flag(), call)
    evidence = {**asdict(done), "alarm_says": call.description, "versions": versions()}
    report(
        Action.ROLLBACK,
        MetricName.ROLLBACKS,
        evidence,
        words.of_rollback(done, call.description, evidence["versions"]),
    )
    return evidence


def _flag() -> HostedFlag:
    return HostedFlag.of(boto3.client("appconfig"), os.environ)
