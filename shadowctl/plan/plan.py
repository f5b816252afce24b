"""The plan of a route: what a reviewer must know before a ceiling moves."""

from pathlib import Path

from analysis.alarms.alarm import Alarm
from analysis.rollout.guards import Alarms
from analysis.rollout.rollout import Rollout
from analysis.rollout.stack import Stack
from shadow_runtime.contract import Stage
from shadowctl.plan.cost import cost
from shadowctl.plan.functions import Functions
from shadowctl.plan.markdown import bullets, document, paragraph, table
from shadowctl.plan.power import seen
from shadowctl.plan.shares import Share
from shadowctl.plan.usage import Month
from shadowctl.plan.words import count, duration, moment

_DOES = ("; the alias goes back", "; the flag goes to off")
"""The end of an alarm's description, which a plan says once for all of them."""


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
        RolloutError: there is no such stack, or something is missing in it; what, and where.
    """
    stack = Stack.load(assembly, route)
    rollout = Rollout.of(stack)
    alarms = (rollout.code_alarms, rollout.exposure_alarms, rollout.notices)
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
        seen(rollout, days=days),
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
        "These only tell people:",
        bullets(
            f"`{name}`: {_described(alarm)}." for name, alarm in sorted(rollout.notices.items())
        ),
    )


def _guards(alarms: Alarms) -> str:
    return bullets(
        f"`{name}`: {_described(alarm)}{_fewest(alarm)}." for name, alarm in sorted(alarms.items())
    )


def _described(alarm: Alarm) -> str:
    """What an alarm says of itself, without its route and what it does."""
    words = alarm.description.partition(": ")[2]
    for end in _DOES:
        words = words.removesuffix(end)
    return words


def _fewest(alarm: Alarm) -> str:
    share = Share.of(alarm)
    return f", at least {share.minimum_failures} of them bad" if share else ""


def _clean_up(rollout: Rollout) -> str:
    return paragraph(
        f"{moment(rollout.clean_up)}: a route at `complete` is marked as deprecated in AppConfig "
        "and serves on; any other goes to `off`. Old versions of the flag are pruned."
    )
