"""A route's alarms, and the way from them to its operations function, in memory.

Behind the real boto3 clients: parameters are validated and pages turned by botocore itself.
"""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3

from operations.guards import Guards

Given = dict[str, Any]

BAD, SLOW, TEAM = "GetUser-get-user-bad", "GetUser-get-user-slow", "checkout, errors"
NAMES = (BAD, SLOW, TEAM)
TOPIC = "arn:aws:sns:eu-central-1:111122223333:Pager"
FUNCTION = "arn:aws:lambda:eu-central-1:111122223333:function:Operations"
SUBSCRIPTION = f"{TOPIC}:0a1b"
PAGE = 2


class Aws:
    """Three alarms, the last one composite; all of it as it should be, for a test to spoil."""

    def __init__(self) -> None:
        self.alarms: dict[str, Given] = {name: described(name) for name in NAMES}
        self.mute_rules: dict[str, list[str]] | None = {}
        self.subscriptions: dict[str, Given] = {
            "arn:another": {"Endpoint": "you@example.com"},
            SUBSCRIPTION: {
                "Endpoint": FUNCTION,
                "PendingConfirmation": "false",
                "FilterPolicyScope": "MessageBody",
                "FilterPolicy": json.dumps({"NewStateValue": ["ALARM"], "AlarmName": [*NAMES]}),
            },
        }
        self.refused = ""

    def read(self) -> Guards:
        return Guards.read(
            self.client("cloudwatch"),
            self.client("sns"),
            names=NAMES,
            topic=TOPIC,
            function=FUNCTION,
        )

    def client(self, service: Any) -> Any:
        made: Any = boto3.client(
            service,
            region_name="eu-central-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        made.meta.events.register(f"provide-client-params.{service}", _keep)
        made.meta.events.register("before-call", self._answer)
        return made

    def _answer(self, model: Any, context: Given, **_: object) -> tuple[object, Given]:
        parsed, status = getattr(self, f"_{model.name}")(context["given"]), 200
        if self.refused == model.name:
            parsed = error("AccessDenied")
        if "Error" in parsed:
            status = 400
        parsed["ResponseMetadata"] = {"HTTPStatusCode": status}
        return SimpleNamespace(status_code=status), parsed

    def _DescribeAlarms(self, given: Given) -> Given:  # noqa: N802
        assert given["AlarmTypes"] == ["MetricAlarm", "CompositeAlarm"]
        assert len(given["AlarmNames"]) <= 100
        wanted = [alarm for name, alarm in self.alarms.items() if name in given["AlarmNames"]]
        page, more = _page(wanted, given)
        plain = [alarm for alarm in page if alarm["AlarmName"] != TEAM]
        composite = [alarm for alarm in page if alarm["AlarmName"] == TEAM]
        return {"MetricAlarms": plain, "CompositeAlarms": composite, **more}

    def _ListAlarmMuteRules(self, given: Given) -> Given:  # noqa: N802
        if self.mute_rules is None:
            return error("InvalidAction")
        assert given["Statuses"] == ["ACTIVE"]
        rules, more = _page(self.mute_rules.get(given["AlarmName"], []), given)
        return {"AlarmMuteRuleSummaries": [{"AlarmMuteRuleArn": r} for r in rules], **more}

    def _ListSubscriptionsByTopic(self, given: Given) -> Given:  # noqa: N802
        if given["TopicArn"] != TOPIC:
            return error("NotFound")
        listed = [
            {"SubscriptionArn": arn, "Endpoint": attributes["Endpoint"]}
            for arn, attributes in self.subscriptions.items()
        ]
        return {"Subscriptions": listed}

    def _GetSubscriptionAttributes(self, given: Given) -> Given:  # noqa: N802
        return {"Attributes": self.subscriptions[given["SubscriptionArn"]]}


def described(name: str, state: str = "OK", **instead: Any) -> Given:
    """An alarm as DescribeAlarms has it."""
    return {
        "AlarmName": name,
        "AlarmDescription": f"what {name} saw",
        "StateValue": state,
        "StateReason": "Threshold Crossed",
        "StateUpdatedTimestamp": datetime(2030, 1, 9, 3, 30, tzinfo=UTC),
        "StateTransitionedTimestamp": datetime(2030, 1, 9, 3, tzinfo=UTC),
        "AlarmActions": [TOPIC],
        "ActionsEnabled": True,
        **instead,
    }


def error(code: str) -> Given:
    return {"Error": {"Code": code, "Message": "not for you"}}


def _keep(params: Given, context: Given, **_: object) -> None:
    context["given"] = params


def _page(items: list[Any], given: Given) -> tuple[list[Any], Given]:
    start = int(given.get("NextToken", 0))
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(items) else {}
    return items[start : start + PAGE], more
