"""What a test looks at when a route should be back on control."""

import json
import time
from typing import Any, Literal

from shadow_runtime.contract import Stage
from shadowctl.route import Route
from tests.local.crowd import CANARY, Crowd
from tests.local.deployed import Deployed, awaited


def settled(deployed: Deployed, users: Crowd) -> None:
    """The users ask until the candidate answers them all: processes that start may be late."""
    before = -1.0
    while (fallbacks := deployed.count("Route", "Fallbacks")) != before:
        before = fallbacks
        users.asks()
        time.sleep(0.5)  # what is written is read a little later


def is_off(deployed: Deployed) -> bool:
    return deployed.flag.deployed().position.stage == Stage.OFF


def rollbacks(deployed: Deployed) -> list[dict[str, Any]]:
    return [line for line in deployed.lines("Operations") if line.get("message") == "rollback"]


def rolled_back(deployed: Deployed, before: int) -> dict[str, Any]:
    """The evidence of the first rollback after so many."""
    awaited(lambda: len(rollbacks(deployed)), before + 1)
    evidence = rollbacks(deployed)[before]
    assert evidence["changed"] is True
    assert f"(from {CANARY.stage} to off)" in evidence["deployment"]
    return evidence


def set_state(
    deployed: Deployed, alarm: str, state: Literal["ALARM", "INSUFFICIENT_DATA", "OK"]
) -> None:
    """Turns an alarm, as CloudWatch would."""
    deployed.aws.client("cloudwatch").set_alarm_state(
        AlarmName=alarm, StateValue=state, StateReason="a test"
    )


def alarms(deployed: Deployed) -> list[str]:
    """Every alarm of the route, by name."""
    described = deployed.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    names = [alarm["AlarmName"] for alarm in described]
    return [name for name in names if name.startswith("GetUser-")]


def exposure(deployed: Deployed) -> list[str]:
    """Those that take users off the candidate."""
    return [*Route.find("GetUser", deployed.aws).guards().names]


def call(deployed: Deployed, alarm: str) -> None:
    """Calls operations as SNS does on AWS: asynchronously. The emulator's SNS waits for it."""
    message = {
        "AlarmName": alarm,
        "NewStateValue": "ALARM",
        "NewStateReason": "a test",
        "StateChangeTime": "2030-01-09T03:00:00.000+0000",
    }
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}
    deployed.aws.client("lambda").invoke(
        FunctionName=deployed.name("Operations"), InvocationType="Event", Payload=json.dumps(event)
    )


def waiting_letters(deployed: Deployed) -> int:
    """How many rest in the queue of the operations function."""
    number = "ApproximateNumberOfMessages"
    attributes = deployed.aws.client("sqs").get_queue_attributes(
        QueueUrl=_dead_letter_queue(deployed), AttributeNames=[number]
    )
    return int(attributes["Attributes"][number])


def dead_letters(deployed: Deployed) -> list[str]:
    """Takes them out."""
    queues, url = deployed.aws.client("sqs"), _dead_letter_queue(deployed)
    received = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    for message in received.get("Messages", []):
        queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in received.get("Messages", [])]


def _dead_letter_queue(deployed: Deployed) -> str:
    return deployed.resource("AWS::SQS::Queue", "ServiceOperationsDeadLetters")
