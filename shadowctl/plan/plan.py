"""The plan of a route: what a reviewer must know before a ceiling moves."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path

from analysis.alarms import Alarm
from analysis.format import chance, count, duration, moment
from analysis.power import ShadowEvidence
from analysis.power.counts import chance_of_anybody
from analysis.power.played import PLAYS, Failure
from analysis.rollout import Alarms, Rollout
from analysis.rules import AlarmKind, AlarmName, AlarmRule
from analysis.template import Stack
from dataset.register import DELAY_S, FRESH_S, LEASE_S
from judge import pairs_needed
from shadow_runtime.contract import CLEAN_UP_DAYS, Stage
from shadowctl.plan.chances import A_DAY, Chances, seen_by
from shadowctl.plan.cost import cost
from shadowctl.plan.dataset import DatasetUse
from shadowctl.plan.markdown import bullets, document, paragraph, table
from shadowctl.plan.usage import Month

_TOLERANCE_PERCENT = 0.1
"""Of answers that differ."""

_FAILING_PERCENTS = (1, 5, 20, 100)
_FAILING_USERS = (1, 5, 20)
_HEALTHY_PERCENT = 0.1


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
    month = Month.of(stack, rollout, control_ms=control_ms, candidate_ms=candidate_ms)
    month = replace(month, dataset=DatasetUse.of(assembly, stack))
    return document(
        f"## {rollout.stack}: up to `{rollout.ceiling}`",
        _headline(rollout),
        "### Who sees what",
        _stages(rollout),
        _moves(rollout),
        *_ramp(rollout),
        *_dataset(month),
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
        f"The candidate of `{rollout.name}` may answer {_held(rollout, rollout.ceiling)}, until "
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
    movers, shares = "people move the flag", "may be of any share up to the ceiling"
    if rollout.ramp:
        movers, shares = "people or the ramp move the flag", "is of a share that is a step"
    poll = rollout.poll_interval.total_seconds() / 60
    deadline = rollout.candidate_deadline.total_seconds() / 60
    return bullets(
        [
            f"A stage lasts until {movers}, or an alarm below does. A canary {shares}; its users "
            "are always the same ones.",
            f"A raise reaches everybody within {duration(rollout.raising.minutes + poll)}, a "
            f"lowering within {duration(rollout.lowering.minutes + poll)} of its deployment.",
            f"A candidate that fails, or takes longer than {duration(deadline)}, is replaced by "
            "control; at `complete` there is none.",
        ]
    )


def _ramp(rollout: Rollout) -> list[str]:
    ramp = rollout.ramp
    if ramp is None:
        return []
    dwell = duration(ramp.dwell.total_seconds() / 60)
    pairs, users = pairs_needed(ramp.mismatch_percent), pairs_needed(ramp.fault_percent)
    first = rollout.traffic.per_minute * ramp.percents[0] / 100
    held = [str(step) for step in ramp.stages if step > rollout.ceiling]
    told = [
        f"Steps: {', '.join(f'`{step}`' for step in ramp.stages)}. Each takes {dwell} at the stage "
        f"before, {ramp.minimum_pairs} pairs compared there, alarms that can act and are not red, "
        "and a PASS of the judge.",
        f"A PASS takes {count(pairs)} pairs without a difference, "
        f"{duration(pairs / rollout.traffic.per_minute)} of copies; and from the first step on "
        f"{count(users)} good requests of users, {duration(users / first)} of them there.",
        "Where the judge says FAIL the flag goes to `off`; after any lowering a person begins.",
    ]
    if held:
        told.append(f"The ceiling keeps it from {', '.join(held)}.")
    begun = "The flag climbs by itself, once people have moved it to `shadow`:"
    return ["### The ramp", begun, bullets(told)]


def _dataset(month: Month) -> list[str]:
    dataset = month.dataset
    if dataset is None:
        return []
    stack, _, name = dataset.name.partition("/")
    command = f"shadowctl dataset {stack}:{name}"
    others = ", ".join(f"`{route}`" for route in dataset.routes) or "no other route"
    does = "writes" if dataset.writes else "reads"
    told = [
        f"The route {does} `{dataset.name}`, which it shares with {others}. Whose data is the "
        f"truth is said by its phase, and by no flag: `{command} status`. A user has the same side "
        "in all of these routes.",
        f"Past `shadow` its phase is `synced` at least, and a verification of the last "
        f"{count(FRESH_S / 3_600)} hours has found both sides equal: `{command} backfill`, then "
        "`verify`.",
    ]
    if dataset.writes:
        told += [
            "A write takes a read of the register; from `dual` on also a message to the "
            "reconciler, and a copy of what it left to the other side: whichever user's it is, the "
            "candidate's function is invoked. What that costs stands below.",
            f"While the authority moves, for {LEASE_S + DELAY_S:g} seconds and what the queue "
            "needs, writes are held, not refused. An alarm that takes users back takes it back, "
            "too.",
        ]
    else:
        told.append(
            "Beside the side that it asks, a read looks up the register and the mark of its key: "
            "where that side may lack what was written, the authority answers."
        )
    return ["### The dataset", bullets(told)]


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
            return f", and no fewer than {window.minimum_failures}"
    return ""


def _seen(rollout: Rollout, *, days: float) -> str:
    """The chances of both canaries, and what copies prove beside them.

    Raises:
        TemplateError: an alarm whose power is not known.
    """
    traffic, percent = rollout.traffic, rollout.ceiling.candidate_percent
    chances = Chances.of(rollout)
    failures = [Failure(percent) for percent in _FAILING_PERCENTS] + [
        Failure(percent, by_record=True, unequal_users=True) for percent in _FAILING_USERS
    ]
    healthy = Failure(_HEALTHY_PERCENT)
    launch = chances.of_users(healthy, minutes=round(days * A_DAY))
    evidence = ShadowEvidence.of(traffic, tolerance_percent=_TOLERANCE_PERCENT)
    lead = paragraph(
        f"The chance that a failure is seen: of a new version by `{AlarmName.CODE_ERROR_RATE}` in "
        f"its {duration(rollout.shift.minutes)}; of a candidate, in a day, by its users' requests "
        f"(`{AlarmName.CANDIDATE_ERROR_RATE}`), by the copies of everybody else's "
        f"(`{AlarmName.CANDIDATE_MISMATCH_RATE}`), and by either."
    )
    shown = table(
        "<>>>>",
        ["failing", "new version", "requests", "copies", "either"],
        [
            [
                f"{each.percent:g} % of {'users, always' if each.by_record else 'requests'}",
                seen_by(chances.of_code(each)),
                *map(seen_by, astuple(chances.of_users(each))),
            ]
            for each in failures
        ],
    )
    beside = bullets(
        [
            "Where a share of the users always fails, it is their records that the code fails at. "
            "Users are unequal there: a fifth of them makes four fifths of the requests.",
            "The canary of users holds anybody at all with a chance of "
            f"{chance(chance_of_anybody(traffic.users, percent))}; where a share of them always "
            f"fails, one of those with {_anybody_failing(traffic.users, percent)}. The copies of "
            "all others tell of them too.",
            f"False rollbacks, while {_HEALTHY_PERCENT:g} % fail: "
            f"{seen_by(chances.of_code(healthy))} of new versions, "
            f"{seen_by(launch.either)} of launches with {count(days)} days until the clean-up.",
            f"Copies of all requests prove in {duration(A_DAY * evidence.days)} that under "
            f"{_TOLERANCE_PERCENT:g} % of the answers differ: {count(evidence.pairs)} pairs "
            "without a difference.",
            f"From {PLAYS:,} plays: a chance is right within two points. Traffic is even; what "
            "comes in the last two minutes is not seen, since its datapoints come too late.",
        ]
    )
    return document(lead, shown, beside)


def _anybody_failing(users: int, percent: float) -> str:
    told = (
        f"{chance(chance_of_anybody(users, percent * failing / 100))} of {failing} %"
        for failing in _FAILING_USERS
    )
    return ", ".join(told)


def _clean_up(rollout: Rollout) -> str:
    return paragraph(
        f"{moment(rollout.clean_up)}: a route that is `complete` and proven, and where control has "
        "answered nobody for 48 hours, is retired: marked as deprecated in AppConfig, it serves on "
        "and can be finished. What failed goes to `off`. What is not proven is looked at again, "
        f"once a day for {CLEAN_UP_DAYS} days; then it goes or stays where it is safe."
    )
