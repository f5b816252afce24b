"""What a plan says of power: the chances that an alarm sees a failure."""

from analysis.alarms.alarm import Alarm
from analysis.power import FAILING_PERCENTS, Watch, power_of_code, power_of_exposure
from analysis.power.canaries import HEALTHY_PERCENT
from analysis.power.evidence import ShadowEvidence
from analysis.rollout.errors import RolloutError
from analysis.rollout.rollout import Rollout
from shadowctl.plan.markdown import bullets, document, table
from shadowctl.plan.shares import Share
from shadowctl.plan.words import chance, count, duration

_TOLERANCE_PERCENT = 0.1
"""Of answers that differ."""


def watch(alarm: Alarm) -> Watch:
    """The alarm of a share, in numbers.

    Raises:
        RolloutError: it is no share.
    """
    share = Share.of(alarm)
    if share is None:
        raise RolloutError(
            f"{alarm.name} is over '{alarm.formula.text}', which is no share with a minimum: what "
            "it sees cannot be computed"
        )
    return Watch(
        threshold_percent=alarm.threshold,
        minimum_requests=share.minimum_requests,
        minimum_failures=share.minimum_failures,
        period_minutes=alarm.period // 60,
        evaluation_periods=alarm.evaluation_periods,
        datapoints_to_alarm=alarm.datapoints_to_alarm,
    )


def seen(rollout: Rollout, *, days: float) -> str:
    """The chances of both canaries, and what copies prove beside them.

    Raises:
        RolloutError: an alarm whose power is not known.
    """
    traffic = rollout.traffic
    code = power_of_code(traffic, rollout.shift.steps, watch(rollout.code_alarms["code"]))
    users = power_of_exposure(
        traffic,
        rollout.ceiling.candidate_percent,
        watch(rollout.exposure_alarms["bad-share"]),
        days=days,
    )
    evidence = ShadowEvidence.of(traffic, tolerance_percent=_TOLERANCE_PERCENT)
    shift = duration(rollout.shift.minutes)
    chances = table(
        ">>>",
        ["requests that fail", f"seen by `code` in {shift}", "seen by `bad-share` in a day"],
        [[f"{p:g} %", chance(code.sees[p]), chance(users.sees[p])] for p in FAILING_PERCENTS],
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
