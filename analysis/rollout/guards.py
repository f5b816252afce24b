"""Which alarms of a stack take a route back, and which only tell."""

from collections.abc import Iterable, Mapping, Sequence

from analysis.alarms.alarm import Alarm
from analysis.alarms.errors import UnsupportedError
from analysis.rollout.stack import Resource, Stack, text

ALARM = "AWS::CloudWatch::Alarm"
_COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
_STOPS = "DEPLOYMENT_STOP_ON_ALARM"

Alarms = Mapping[str, Alarm]
"""By what their names say of themselves, such as `bad-share`."""


def of_code(stack: Stack, group: Resource) -> list[Resource]:
    """The alarms on which CodeDeploy takes a new version back.

    Raises:
        RolloutError: there are none, or they take nothing back.
    """
    if group.get("AlarmConfiguration", "Enabled") is False:
        raise group.refused("has its alarms switched off (AlarmConfiguration.Enabled)")
    entries = group.need("AlarmConfiguration", "Alarms")
    if _STOPS not in (group.get("AutoRollbackConfiguration", "Events") or ()):
        raise group.refused(f"has no {_STOPS} in AutoRollbackConfiguration.Events")
    names = [entry["Name"] for entry in entries]
    return _named(stack, group, names, "AlarmConfiguration.Alarms")


def of_exposure(stack: Stack, operations: Resource) -> list[Resource]:
    """The alarms on which the operations function switches the flag off.

    Raises:
        RolloutError: it hears none, or one that never calls its topic.
    """
    subscription = _subscription(stack, operations)
    names = subscription.need("FilterPolicy", "AlarmName")
    topic = text(subscription.need("TopicArn"))
    resources = _named(stack, subscription, names, "FilterPolicy.AlarmName")
    for resource in resources:
        actions = [text(action) for action in resource.get("AlarmActions") or ()]
        if topic not in actions or resource.get("ActionsEnabled") is False:
            raise resource.refused(f"does not call {topic}, where {operations.logical_id} hears it")
    return resources


def others(stack: Stack, guards: Sequence[Resource]) -> list[Resource]:
    """The alarms that are no guards.

    Raises:
        RolloutError: there is a composite alarm.
    """
    for composite in stack.all(_COMPOSITE):
        raise composite.refused("is a composite alarm, which is not understood here")
    return [resource for resource in stack.all(ALARM) if resource not in guards]


def read(resources: Iterable[Resource], *, route: str) -> dict[str, Alarm]:
    """Alarms that can be evaluated.

    Raises:
        RolloutError: one cannot.
    """
    alarms = {}
    for resource in resources:
        try:
            alarms[_short(resource, route)] = Alarm.of(resource.body)
        except UnsupportedError as error:
            raise resource.refused(f"cannot be evaluated: {error}") from error
        except KeyError as error:
            raise resource.refused(f"has no {error.args[0]}") from error
    return alarms


def _subscription(stack: Stack, operations: Resource) -> Resource:
    for subscription in stack.all("AWS::SNS::Subscription"):
        if subscription.get("Endpoint") == {"Fn::GetAtt": [operations.logical_id, "Arn"]}:
            return subscription
    raise operations.refused("has no AWS::SNS::Subscription: no alarm reaches it")


def _named(stack: Stack, resource: Resource, names: Iterable[object], where: str) -> list[Resource]:
    """Alarms by their names, literal or by reference, as `resource` has them `where`."""
    literal = {text(alarm.get("AlarmName")): alarm for alarm in stack.all(ALARM)}
    return [literal.get(text(n)) or stack.resolved(resource, n, where) for n in names]


def _short(resource: Resource, route: str) -> str:
    """The alarm's name without stack, route and version, or its logical id where it has none."""
    name = resource.get("AlarmName") or resource.logical_id
    match name:
        case {"Fn::Join": [str(separator), [*parts]]}:
            name = separator.join(part for part in parts if isinstance(part, str))
    return text(name).removeprefix(f"{resource.stack}-").removeprefix(f"{route}-").strip("-")
