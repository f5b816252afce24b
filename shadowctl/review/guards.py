"""What takes users back, and is weaker than it was: alarms, deployments, schedules, the flag."""

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.rules import AlarmRule
from analysis.template import Resource, words
from shadow_runtime.contract import Action
from shadowctl.review.findings import Change, Finding, Kind, members
from shadowctl.review.markdown import code, listed

_LOOSER = {
    "GreaterThanThreshold": 1,
    "GreaterThanOrEqualToThreshold": 1,
    "LessThanThreshold": -1,
    "LessThanOrEqualToThreshold": -1,
}
"""By the comparison, where a looser threshold is: over the one before, or under it."""

_WATCHED = ("Namespace", "MetricName", "Dimensions", "Statistic", "ExtendedStatistic", "Unit")
_MINIMA = ("minimum_requests", "minimum_failures")
_ACTIONS = ("AlarmActions", "InsufficientDataActions")
_ACTS = ("null", "true")


def alarm(change: Change) -> Iterator[Finding]:
    """An alarm that is gone, acts less, or is red later or less often."""
    name = code(_alarm_name(change))
    for weaker in _alarm(change):
        yield Finding(Kind.ALARM, f"{name} {weaker}")


def _alarm_name(change: Change) -> str:
    either = change.after or change.before
    rule = either.metadata(AlarmRule.METADATA) if either else None
    return rule["name"] if isinstance(rule, Mapping) and "name" in rule else change.logical_id


def _alarm(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    if before is None or after is None:
        yield from ["is removed"] if before else []
        return
    acts = [words(each.get("ActionsEnabled")).lower() in _ACTS for each in (before, after)]
    if acts == [True, False]:
        yield "has its actions disabled"
    for kind in _ACTIONS:
        lost = [each for each in _all(before, kind) if each not in _all(after, kind)]
        if lost:
            yield f"calls {listed(lost)} no longer ({code(kind)})"
    if moved := change.moved("Threshold"):
        is_looser = _is_looser(moved, words(before.get("ComparisonOperator") or ""))
        yield from [f"has a looser threshold: {_to(moved)}"] if is_looser else []
    if moved := change.moved("ComparisonOperator"):
        yield f"compares otherwise: {_to(moved)}"
    windows = tuple(_window(each) for each in (before, after))
    if windows[0] != windows[1]:
        yield f"has another window: {' → '.join(windows)}"
    if moved := change.moved("TreatMissingData"):
        yield f"treats missing data otherwise: {_to(moved, otherwise='missing')}"
    minima = [each.metadata(AlarmRule.METADATA) or {} for each in (before, after)]
    raised = [n for n in _MINIMA if _number(minima[1].get(n)) > _number(minima[0].get(n))]
    for each in raised:
        counts = (minima[0].get(each), minima[1].get(each))
        yield f"needs more before it is red, {each.replace('_', ' ')}: {_to(counts)}"
    formulas = [_formula(each) for each in (before, after)]
    if formulas[0] != formulas[1] and not raised:
        yield f"is computed otherwise: {code(formulas[0])} → {code(formulas[1])}"
    if _metrics(before) != _metrics(after):
        yield "watches other metrics"
    for each in ("AlarmRule", "ActionsSuppressor", "ThresholdMetricId"):
        if moved := change.moved(each):
            yield f"has another {code(each)}: {_to(moved, otherwise='none')}"


def _all(resource: Resource, *path: str) -> list[str]:
    return [*map(words, members(resource.get(*path)))]


def _is_looser(moved: tuple[Any, Any], comparison: str) -> bool:
    """A threshold that is no number, or of a band, may be: it counts as looser."""
    before, after = moved
    if comparison not in _LOOSER or not all(isinstance(each, int | float) for each in moved):
        return True
    return bool((after - before) * _LOOSER[comparison] > 0)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0


def _window(resource: Resource) -> str:
    entries = [entry.get("MetricStat", entry) for entry in members(resource.get("Metrics"))]
    periods = {
        words(each["Period"]) for each in [*entries, resource.properties] if "Period" in each
    }
    evaluated = resource.get("EvaluationPeriods")
    red = resource.get("DatapointsToAlarm") or evaluated
    lengths = " and ".join(sorted(periods))
    return code(f"{words(red)} of {words(evaluated)} periods of {lengths} s")


def _formula(resource: Resource) -> str:
    entries = members(resource.get("Metrics"))
    return "; ".join(words(entry["Expression"]) for entry in entries if "Expression" in entry)


def _metrics(resource: Resource) -> list[Any]:
    measured = [entry.get("MetricStat") for entry in members(resource.get("Metrics"))]
    alone = [resource.get(name) for name in _WATCHED]
    return [{**each, "Period": None} for each in measured if each] + alone


def deployment_group(change: Change) -> Iterator[Finding]:
    """A deployment that goes back on less."""
    for weaker in _group(change):
        yield Finding(Kind.DEPLOY, f"{code(change.logical_id)} {weaker}")


def _group(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    if after is None:
        yield "is removed: no deployment is watched"
        return
    if after.get("AlarmConfiguration", "Enabled") is False and _has_moved(
        change, "AlarmConfiguration"
    ):
        yield "has its alarms switched off"
    if after.get("AlarmConfiguration", "IgnorePollAlarmFailure") is True and _has_moved(
        change, "AlarmConfiguration", "IgnorePollAlarmFailure"
    ):
        yield "goes on where CodeDeploy can't read its alarms"
    rollback = ("AutoRollbackConfiguration", "Enabled")
    if after.get(*rollback) is not True and (before is None or before.get(*rollback) is True):
        yield "takes nothing back: no automatic rollback"
    if before is None:
        return
    for what, path in {
        "listens no longer to the alarm": ("AlarmConfiguration", "Alarms"),
        "takes nothing back any more on": ("AutoRollbackConfiguration", "Events"),
    }.items():
        left = _all(after, *path)
        lost = [each for each in members(before.get(*path)) if words(each) not in left]
        if lost:
            names = (each.get("Name", each) if isinstance(each, Mapping) else each for each in lost)
            yield f"{what} {listed(map(words, names))}"
    if moved := change.moved("DeploymentConfigName"):
        yield f"shifts otherwise: {_to(moved, otherwise='the default, all at once')}"


def _has_moved(change: Change, *path: str) -> bool:
    return change.moved(*path) is not None


def alias(change: Change) -> Iterator[Finding]:
    """An alias whose new versions are asked or watched less."""
    if change.before is None or change.after is None:
        return
    policies = [
        each.body.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        for each in (change.before, change.after)
    ]
    if policies[0] and not policies[1]:
        said = "takes every new version at once: nothing shifts or watches it"
        yield Finding(Kind.DEPLOY, f"{code(change.logical_id)} {said}")
        return
    for hook in ("BeforeAllowTrafficHook", "AfterAllowTrafficHook"):
        had, has = (words(policy[hook]) if hook in policy else "" for policy in policies)
        if had and had != has:
            said = f"another hook, {code(has)}" if has else "no hook"
            yield Finding(
                Kind.DEPLOY,
                f"{code(change.logical_id)} has {said} in place of {code(had)} ({hook})",
            )


def shift(change: Change) -> Iterator[Finding]:
    """A new version that meets more users, or meets them sooner."""
    moved = change.moved("TrafficRoutingConfig")
    if moved and change.before and change.after and not _is_slower(*moved):
        said = f"shifts more, or sooner: {_to(moved)}"
        yield Finding(Kind.DEPLOY, f"{code(change.logical_id)} {said}")


def _is_slower(before: Any, after: Any) -> bool:
    """Whether as few users or fewer meet a new version, for as long or longer."""
    (kind, percent, minutes), (now, now_percent, now_minutes) = map(_step, (before, after))
    is_alike = kind == now or kind == "AllAtOnce"
    return is_alike and now_percent <= percent and now_minutes >= minutes


def _step(routing: Any) -> tuple[str, float, float]:
    """The kind of a shift, the percentage of its first step, and the minutes that it lasts."""
    match routing:
        case {"TimeBasedCanary": {"CanaryPercentage": percent, "CanaryInterval": minutes}}:
            return "TimeBasedCanary", _number(percent), _number(minutes)
        case {"TimeBasedLinear": {"LinearPercentage": percent, "LinearInterval": minutes}}:
            return "TimeBasedLinear", _number(percent), _number(minutes)
    return "AllAtOnce", 100, 0


def subscription(change: Change) -> Iterator[Finding]:
    """Who no longer hears an alarm, and a stranger who does."""
    before, after = change.before, change.after
    name = code(change.logical_id)
    if after is None:
        yield Finding(Kind.ALARM, f"{name} is removed: {_listener(before)} hears nothing more")
        return
    if before is None:
        if words(after.get("Protocol")) not in ("lambda", "sqs"):
            yield Finding(Kind.ALARM, f"{name} is new: {_listener(after)} hears the topic")
        return
    for each in ("Endpoint", "TopicArn", "Protocol"):
        if moved := change.moved(each):
            yield Finding(Kind.ALARM, f"{name} has another {code(each)}: {_to(moved)}")
    had, has = (_all(each, "FilterPolicy", "AlarmName") for each in (before, after))
    lost = [value for value in had if value not in has]
    rest = [
        {k: v for k, v in (each.get("FilterPolicy") or {}).items() if k != "AlarmName"}
        for each in (before, after)
    ]
    if lost:
        yield Finding(Kind.ALARM, f"{name}: {_listener(after)} no longer hears {listed(lost)}")
    if rest[0] != rest[1] or _has_moved(change, "FilterPolicyScope"):
        yield Finding(
            Kind.ALARM, f"{name} filters otherwise: {code(words(rest[0]))} → {code(words(rest[1]))}"
        )


def _listener(resource: Resource | None) -> str:
    return code(words(resource.get("Endpoint") if resource else ""))


def schedule(change: Change) -> Iterator[Finding]:
    """A schedule, above all a clean-up's, that is gone, off, at another time, or calls another."""
    before, after = change.before, change.after
    if before is None:
        return
    is_clean_up = Action.CLEANUP in words(before.get("Target", "Input") or "")
    kind = Kind.CLEAN_UP if is_clean_up else Kind.SCHEDULE
    name = f"{'the clean-up, ' if is_clean_up else 'the schedule '}{code(change.logical_id)},"
    if after is None:
        yield Finding(kind, f"{name} is removed")
        return
    times = [_time(each) for each in (before, after)]
    if times[0] != times[1]:
        yield Finding(kind, f"{name} is moved: {code(times[0])} → {code(times[1])}")
    if after.get("State") == "DISABLED" and _has_moved(change, "State"):
        yield Finding(kind, f"{name} is disabled")
    targets = change.moved("Target", "Arn")
    if targets:
        yield Finding(kind, f"{name} calls another: {_to(targets)}")
    elif _action(before) != _action(after):
        yield Finding(kind, f"{name} asks for something else: {code(_action(after))}")


def _time(resource: Resource) -> str:
    parts = (resource.get("ScheduleExpression"), resource.get("ScheduleExpressionTimezone"))
    return " ".join(words(each) for each in parts if each)


def _action(resource: Resource) -> str:
    """What a target is asked for; a clean-up's input repeats its date."""
    return words(resource.get("Target", "Input") or "").partition('"due"')[0]


def flag(change: Change) -> Iterator[Finding]:
    """What would write the flag over where the route is, or lets anything be written."""
    if change.before is None:
        return
    what = f"{code(change.logical_id)} ({change.type.rpartition('::')[2]})"
    said = "is removed" if change.after is None else "changes: the deploy writes the flag anew"
    yield Finding(Kind.FLAG, f"{what} {said}, over the position of whoever moved it")


def _to(moved: tuple[Any, Any], *, otherwise: str = "nothing") -> str:
    before, after = (otherwise if each is None else words(each) for each in moved)
    return f"{code(before)} → {code(after)}"
