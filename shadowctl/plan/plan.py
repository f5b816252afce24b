"""The plan of a route: what a reviewer must know before a ceiling moves."""

from collections.abc import Sequence
from pathlib import Path

from analysis.alarms import Alarm
from analysis.format import chance, count, duration, moment
from analysis.power import (
    FAILING_PERCENTS,
    HEALTHY_PERCENT,
    RateAlarm,
    ShadowEvidence,
    power_of_code,
    power_of_exposure,
)
from analysis.rollout import Alarms, Rollout
from analysis.rules import AlarmKind, AlarmName, AlarmRule
from analysis.template import Stack, TemplateError
from shadow_runtime.contract import Stage
from shadowctl.plan.cost import cost
from shadowctl.plan.markdown import bullets, document, paragraph, table
from shadowctl.plan.usage import Functions, Month

_TOLERANCE_PERCENT = 0.1
"""Of answers that differ."""


def plan(
    assembly: Path,
    route: str,
    *,
    days: float = 7,
    control_ms: float = 20,
    candidate_ms: float = 60,
) -> str:
    """The plan of the route whose stack it is, as Markdown.

    Nothing but the synthesized assembly and the arguments decides it.

    Args:
        assembly: its folder.
        route: name of the stack.
        days: from launch to clean-up; a template says only when the latter is.
        control_ms: what control takes for an answer.
        candidate_ms: what the candidate does.

    Raises:
        TemplateError: there is no such stack, or something is missing in it; what, and where.
    """
    stack = Stack.load(assembly, route)
    rollout = Rollout.of(stack)
    alarms = (rollout.code_alarms, rollout.exposure_alarms, rollout.operational_alarms)
    month = Month(
        requests_per_day=rollout.traffic.requests_per_day,
        ceiling=rollout.ceiling,
        functions=Functions.of(stack),
        alarm_metrics=sum(len(alarm.metrics) for each in alarms for alarm in each.values()),
        control_ms=control_ms,
        candidate_ms=candidate_ms,
    )
    return document(
        f"## {rollout.stack}: up to `{rollout.ceiling}`",
        _headline(rollout),
        "### Who sees what",
        _stages(rollout),
        _moves(rollout),
        "### A new version of the code",
        _code(rollout),
        "### What takes users back",
        _back(rollout),
        "### What the alarms can see",
        _seen(rollout, days=days),
        "### Clean-up",
        _clean_up(rollout),
        "### Cost of a month",
        cost(month),
    )


def _headline(rollout: Rollout) -> str:
    traffic = rollout.traffic
    return paragraph(
        f"The candidate of `{rollout.route}` may answer {_held(rollout, rollout.ceiling)}, until "
        f"{moment(rollout.clean_up)}. Expected on an ordinary day: "
        f"{count(traffic.requests_per_day)} requests of {count(traffic.users)} users. "
        "A deploy moves nobody: people move the flag, up to this ceiling and no further."
    )


def _held(rollout: Rollout, stage: Stage) -> str:
    percent, users = stage.candidate_percent, rollout.traffic.users
    if percent == 0:
        return "nobody"
    if percent == 100:
        return f"all {count(users)} users"
    return f"{percent:g} % of users, {count(users * percent / 100)} of {count(users)}"


def _stages(rollout: Rollout) -> str:
    a_day = rollout.traffic.requests_per_day
    copies = {
        "shadow": f"{count(a_day)} to the candidate",
        "canary": f"{count(a_day)} to the other side",
        "live": f"{count(a_day)} to control",
    }
    rows = [
        [
            str(stage),
            _held(rollout, stage),
            count(a_day * stage.candidate_percent / 100),
            copies.get(stage.name, "none"),
        ]
        for stage in _up_to(rollout.ceiling)
    ]
    head = ["stage", "on the candidate", "requests a day", "copies a day, compared"]
    return table("<<><", head, rows)


def _up_to(ceiling: Stage) -> list[Stage]:
    """Every stage up to the ceiling; its own canary, or one of 1 % for all that are below."""
    canary = ceiling if ceiling.name == "canary" else Stage.canary(percent=1)
    stages = (Stage.OFF, Stage.SHADOW, canary, Stage.LIVE, Stage.COMPLETE)
    return [stage for stage in stages if stage <= ceiling]


def _moves(rollout: Rollout) -> str:
    poll = rollout.poll_interval.total_seconds() / 60
    deadline = rollout.candidate_deadline.total_seconds() / 60
    return bullets(
        [
            "A stage lasts until people move the flag, or an alarm below does. A canary may be of "
            "any share up to the ceiling; its users are always the same ones.",
            f"A raise reaches everybody within {duration(rollout.raising.minutes + poll)}, a "
            f"lowering within {duration(rollout.lowering.minutes + poll)} of its deployment.",
            f"A candidate that fails, or takes longer than {duration(deadline)}, is replaced by "
            "control; at `complete` there is none.",
        ]
    )


def _code(rollout: Rollout) -> str:
    asked = "the hook asks it the recorded requests; a bad answer stops the deployment"
    steps = rollout.shift.steps
    watched = rollout.traffic.per_minute * sum(minutes * part / 100 for minutes, part in steps)
    return document(
        bullets(
            [
                f"Before any user, {asked if rollout.has_hook else 'nobody asks it anything'}.",
                f"Then {rollout.shift.description}; about {count(round(watched) or watched)} "
                "requests while it is watched.",
            ]
        ),
        "CodeDeploy takes it back when one of these is red:",
        _guards(rollout.code_alarms),
    )


def _back(rollout: Rollout) -> str:
    return document(
        paragraph(
            "From `canary` on until the clean-up, the flag goes to `off` for everybody when one of "
            "these is red:"
        ),
        _guards(rollout.exposure_alarms),
        *_of_team(rollout.rollback_alarms),
        "These only tell people:",
        bullets(
            f"`{name}`: {_described(alarm)}."
            for name, alarm in sorted(rollout.operational_alarms.items())
        ),
    )


def _of_team(names: Sequence[str]) -> list[str]:
    told = "Or one of the team's own, about whose metrics nothing can be computed:"
    return [told, bullets(f"`{name}`." for name in names)] if names else []


def _guards(alarms: Alarms) -> str:
    return bullets(
        f"`{name}`: {_described(alarm)}{_minimum(alarm)}." for name, alarm in sorted(alarms.items())
    )


def _described(alarm: Alarm) -> str:
    """What an alarm says of itself, without its route and what it does."""
    return alarm.rule.summary if alarm.rule else alarm.description


def _minimum(alarm: Alarm) -> str:
    match alarm.rule:
        case AlarmRule(kind=AlarmKind.RATE, window=window):
            return f", at least {window.minimum_failures} of them failures"
    return ""


def _seen(rollout: Rollout, *, days: float) -> str:
    """The chances of both canaries, and what copies prove beside them.

    Raises:
        TemplateError: an alarm whose power is not known.
    """
    traffic = rollout.traffic
    code = power_of_code(
        traffic, rollout.shift, _rate_alarm(rollout.code_alarms, AlarmName.CODE_ERROR_RATE)
    )
    users = power_of_exposure(
        traffic,
        rollout.ceiling.candidate_percent,
        _rate_alarm(rollout.exposure_alarms, AlarmName.CANDIDATE_ERROR_RATE),
        days=days,
    )
    evidence = ShadowEvidence.of(traffic, tolerance_percent=_TOLERANCE_PERCENT)
    shift = duration(rollout.shift.minutes)
    chances = table(
        ">>>",
        [
            "failing",
            f"seen by `{AlarmName.CODE_ERROR_RATE}` in {shift}",
            f"seen by `{AlarmName.CANDIDATE_ERROR_RATE}` in a day",
        ],
        [
            [f"{p:g} %", chance(code.detection[p]), chance(users.detection[p])]
            for p in FAILING_PERCENTS
        ],
    )
    beside = bullets(
        [
            f"False rollbacks, while {HEALTHY_PERCENT:g} % fail: "
            f"{chance(code.false_rollback)} of new versions, {chance(users.false_rollback)} of "
            f"launches with {count(days)} days until the clean-up.",
            f"The canary of users holds anybody at all with a chance of {chance(users.anybody)}.",
            f"Copies of all requests prove in {duration(1_440 * evidence.days)} that under "
            f"{_TOLERANCE_PERCENT:g} % of the answers differ: {count(evidence.pairs)} pairs "
            "without a difference.",
            "Not counted: the minute or two until CloudWatch shows a datapoint.",
        ]
    )
    return document(chances, beside)


def _rate_alarm(alarms: Alarms, name: AlarmName) -> RateAlarm:
    match alarms.get(name):
        case Alarm(rule=AlarmRule(kind=AlarmKind.RATE) as rule):
            return RateAlarm.of(rule)
    raise TemplateError(f"no alarm {name} of a rate: what it sees cannot be computed")


def _clean_up(rollout: Rollout) -> str:
    return paragraph(
        f"{moment(rollout.clean_up)}: a route at `complete` is marked as deprecated in AppConfig "
        "and serves on; any other goes to `off`. Old versions of the flag are pruned."
    )
