"""When a route's clean-up is to happen, as EventBridge Scheduler knows it."""

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import boto3

from shadow_runtime.contract import Action
from shadowctl.deployed import DeployedRoute, stack_resources

_AT = re.compile(r"at\((.+)\)")
"""https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#one-time"""


def clean_up_at(found: DeployedRoute, aws: boto3.Session) -> datetime | None:
    """The date of the one-shot schedule that asks a route's operations function to clean up.

    None where the stack has none.
    """
    scheduler = aws.client("scheduler")
    for _, kind, name in stack_resources(aws, found.stack):
        if kind == "AWS::Scheduler::Schedule":
            schedule = scheduler.get_schedule(Name=name)
            target, once = schedule["Target"], _AT.fullmatch(schedule["ScheduleExpression"])
            asked = json.loads(target.get("Input", "{}")).get("action")
            if once and asked == Action.CLEANUP and target["Arn"].startswith(found.function):
                zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone", "UTC"))
                return datetime.fromisoformat(once[1]).replace(tzinfo=zone)
    return None
