"""A team's own alarm takes users back as the service's do: it calls, operations hears and acts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns

from shadow_canary.rollback_alarms import IMPORTED_ALARM
from shadow_runtime.contract import Variable
from tests.unit.services import App, beside, service, stack_of_nothing, warnings

Made = Callable[[cdk.Stack], cloudwatch.IAlarm]
EUROPE = cdk.Environment(region="eu-central-1", account="111122223333")
ARN = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:checkout, errors"


def metric(name: str = "Errors") -> cloudwatch.Metric:
    return cloudwatch.Metric(namespace="Checkout", metric_name=name)


def alarm(stack: cdk.Stack, **options: Any) -> cloudwatch.Alarm:
    usual: dict[str, Any] = {"metric": metric(), "threshold": 1, "evaluation_periods": 1}
    return cloudwatch.Alarm(stack, "Checkout", **{**usual, **options})


def formula(stack: cdk.Stack) -> cloudwatch.Alarm:
    using = {"errors": metric(), "orders": metric("Orders")}
    return alarm(
        stack,
        metric=cloudwatch.MathExpression(expression="errors / orders", using_metrics=using),
    )


def composite(stack: cdk.Stack) -> cloudwatch.CompositeAlarm:
    return cloudwatch.CompositeAlarm(
        stack, "Any", alarm_rule=cloudwatch.AlarmRule.any_of(alarm(stack))
    )


OWNED: dict[str, Made] = {
    "on a metric": alarm,
    "on a formula": formula,
    "composite": composite,
    "with a name": lambda stack: alarm(stack, alarm_name="checkout, errors"),
}
IMPORTED: dict[str, Made] = {
    "by ARN": lambda stack: cloudwatch.Alarm.from_alarm_arn(stack, "Checkout", ARN),
    "by name": lambda stack: cloudwatch.Alarm.from_alarm_name(
        stack, "Checkout", "checkout, errors"
    ),
}


def told(app: App) -> tuple[list[str], list[Any]]:
    """The names of the alarms that operations is told, as text, and of those that it hears."""
    [variables] = [
        function["Environment"]["Variables"]
        for (_, id_), function in app.all("AWS::Lambda::Function").items()
        if id_.startswith("ServiceOperations")
    ]
    [subscription] = app.all("AWS::SNS::Subscription").values()
    assert subscription["FilterPolicyScope"] == "MessageBody"
    return joined(variables[Variable.EXPOSURE_ALARMS]).split("\n"), subscription["FilterPolicy"][
        "AlarmName"
    ]


def joined(value: Any) -> str:
    match value:
        case {"Fn::Join": ["", parts]}:
            return "".join(map(joined, parts))
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture
def stack() -> cdk.Stack:
    return stack_of_nothing(env=EUROPE)


@pytest.mark.parametrize("made", OWNED.values(), ids=OWNED)
def test_an_alarm_of_the_app_calls_the_topic_and_operations_hears_it(
    made: Made, stack: cdk.Stack, lambdas: Path
) -> None:
    of_route, own = service(stack, lambdas), made(stack)
    of_route.add_rollback_alarm(own)
    app = App(stack)
    known, heard = told(app)
    assert known == [joined(name) for name in heard]
    assert len(heard) == 4
    kinds = app.all("AWS::CloudWatch::Alarm") | app.all("AWS::CloudWatch::CompositeAlarm")
    acting = kinds[app.place(stack.stack_name, heard[-1])]
    [action] = acting["AlarmActions"]
    assert app.place(stack.stack_name, action) in app.all("AWS::SNS::Topic")
    assert warnings(stack, IMPORTED_ALARM) == []


@pytest.mark.parametrize("made", IMPORTED.values(), ids=IMPORTED)
def test_an_imported_alarm_is_heard_and_what_it_lacks_is_said_with_an_id_to_acknowledge(
    made: Made, stack: cdk.Stack, lambdas: Path
) -> None:
    service(stack, lambdas).add_rollback_alarm(made(stack))
    known, heard = told(App(stack))
    assert heard[-1] == known[-1] == "checkout, errors"
    [warning] = warnings(stack, IMPORTED_ALARM)
    assert "the alarm Orders/Checkout is not this app's to change: give it the topic" in warning
    cdk.Annotations.of(stack).acknowledge_warning(IMPORTED_ALARM, "it has the action")
    assert warnings(stack, IMPORTED_ALARM) == []


def test_an_alarm_of_another_stack_is_heard_by_its_name_so_that_no_stack_waits_for_itself(
    stack: cdk.Stack, lambdas: Path
) -> None:
    other = beside(stack, "Checkout", env=EUROPE)
    service(stack, lambdas).add_rollback_alarm(alarm(other, alarm_name="checkout-errors"))
    app = App(stack, other)
    assert told(app)[1][-1] == "checkout-errors"
    [acting] = [
        a for (where, _), a in app.all("AWS::CloudWatch::Alarm").items() if where != "Orders"
    ]
    assert app.place("Checkout", acting["AlarmActions"][0]) in app.all("AWS::SNS::Topic")


def test_an_alarm_of_another_stack_needs_no_name_where_the_topic_is_in_neither(
    stack: cdk.Stack, lambdas: Path
) -> None:
    platform = beside(stack, "Platform", env=EUROPE)
    topic = sns.Topic(platform, "Pager")
    other = beside(stack, "Checkout", env=EUROPE)
    service(stack, lambdas, notifications=topic).add_rollback_alarm(alarm(other))
    app = App(stack, other, platform)
    name = told(app)[1][-1]
    assert app.place("Orders", name) in app.all("AWS::CloudWatch::Alarm")


def test_an_alarm_on_the_routes_own_alias_makes_no_circle(stack: cdk.Stack, lambdas: Path) -> None:
    of_route = service(stack, lambdas)
    of_route.add_rollback_alarm(
        of_route.alias.metric_errors().create_alarm(
            stack, "AliasErrors", threshold=1, evaluation_periods=1
        )
    )
    assert len(told(App(stack))[1]) == 4  # the assembly refuses a template that waits for itself


REFUSED: dict[str, tuple[Made, str]] = {
    "another region": (
        lambda stack: cloudwatch.Alarm.from_alarm_arn(
            stack, "Checkout", ARN.replace("eu-central-1", "us-east-1")
        ),
        "its own region, .*Orders/Checkout is in us-east-1: make it in eu-central-1",
    ),
    "another account": (
        lambda stack: cloudwatch.Alarm.from_alarm_arn(
            stack, "Checkout", ARN.replace("111122223333", "999999999999")
        ),
        "its own account, .*is in 999999999999: make it in 111122223333",
    ),
    "a stack of another region": (
        lambda stack: alarm(
            beside(
                stack,
                "There",
                env=cdk.Environment(region="us-east-1", account="111122223333"),
            )
        ),
        "its own region, .*There/Checkout is in us-east-1",
    ),
    "disabled actions": (
        lambda stack: alarm(stack, actions_enabled=False),
        "actions_enabled=False: it would take nobody back",
    ),
    "a composite with disabled actions": (
        lambda stack: cloudwatch.CompositeAlarm(
            stack,
            "Any",
            actions_enabled=False,
            alarm_rule=cloudwatch.AlarmRule.from_boolean(True),
        ),
        "actions_enabled=False",
    ),
    "another stack without a name": (
        lambda stack: alarm(beside(stack, "There", env=EUROPE)),
        "waits for the topic of Orders/Service, .* give the alarm an alarm_name",
    ),
}


@pytest.mark.parametrize(("made", "says"), REFUSED.values(), ids=REFUSED)
def test_fails_on_an_alarm_that_could_take_nobody_back(
    made: Made, says: str, stack: cdk.Stack, lambdas: Path
) -> None:
    of_route = service(stack, lambdas)
    with pytest.raises(ValueError, match=says):
        of_route.add_rollback_alarm(made(stack))


def test_fails_on_an_alarm_that_takes_users_back_already(stack: cdk.Stack, lambdas: Path) -> None:
    of_route, own = service(stack, lambdas), alarm(stack)
    of_route.add_rollback_alarm(own)
    for again in (own, of_route.exposure.error_rate):
        with pytest.raises(ValueError, match="takes users back already; add it once"):
            of_route.add_rollback_alarm(again)


@pytest.mark.parametrize(
    ("name", "fit"),
    [("{:0255}", 8), ("{:03}", 147)],
    ids=["names as long as they may be", "names as many as a subscription filters by"],
)
def test_fails_on_more_alarms_than_a_subscription_and_an_environment_hold(
    name: str, fit: int, stack: cdk.Stack, lambdas: Path
) -> None:
    of_route = service(stack, lambdas)
    for number in range(fit):
        of_route.add_rollback_alarm(
            cloudwatch.Alarm.from_alarm_name(stack, f"Alarm{number}", name.format(number))
        )
    variables, _ = told(App(stack))
    assert len("\n".join(variables).encode()) < 3_500
    one_more = cloudwatch.Alarm.from_alarm_name(stack, "OneMore", name.format(fit))
    with pytest.raises(ValueError, match="put yours into one composite alarm, or name them"):
        of_route.add_rollback_alarm(one_more)
