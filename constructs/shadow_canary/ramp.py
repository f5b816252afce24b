"""How a route climbs by itself: the steps that are declared, and what of them makes no sense."""

from datetime import timedelta
from typing import Self

from aws_cdk import Annotations, Duration
from constructs import IConstruct

import judge
from analysis.rules import Window
from shadow_canary.arguments import check_kind, check_known
from shadow_runtime.contract import Stage

RAMP_OVER_CEILING = "shadow-canary:ramp-over-ceiling"
RAMP_BEFORE_ALARMS = "shadow-canary:ramp-before-alarms"
"""Ids of warnings at synthesis, to acknowledge them."""

TICK = timedelta(minutes=5)
"""So often operations looks at a ramp."""


class Ramp(judge.Ramp):
    """The steps by which a route climbs from `shadow` by itself, each on proof alone.

    Made by `Ramp.steps`. People begin: they move the flag to `shadow`. Every five minutes it is
    asked what comes next; a step is taken when all of this is so:

    - everybody has had the stage for `dwell`;
    - the judge says PASS about the version of the candidate that answers, by all that was ever
      counted of it;
    - `minimum_pairs` were compared at this very stage;
    - no exposure alarm is in ALARM, and each could act;
    - the last one who moved the stage moved it up, nobody has paused the ramp, and the ceiling
      allows the step.

    Where the judge says FAIL and users are exposed, the flag goes to `off`.

    Example:
        >>> Ramp.steps(1, 5, 25, 100, dwell=Duration.hours(24)).stages
        (canary(1%), canary(5%), canary(25%), live)
    """

    __slots__ = ()

    @classmethod
    def steps(
        cls,
        *percents: float,
        dwell: Duration,
        minimum_pairs: int = 100,
        mismatch_percent: float = 0.1,
        fault_percent: float = 1,
    ) -> Self:
        """A ramp over shares of the users; 100 is the stage `live`.

        Args:
            percents: each over the one before, over 0 and at most 100.
            dwell: the least time at a stage, from when everybody has it, five minutes or more.
            minimum_pairs: compared at a stage before the next one; in a canary those of users whom
                the candidate answered - 100.
            mismatch_percent: share of the pairs that may differ, over control's own noise - 0.1.
            fault_percent: share of its requests that the candidate may fail, over control's - 1.

        Raises:
            ValueError: steps that do not climb or are no shares, or a dwell that synthesis does not
                know or that is shorter than anybody looks.
        """
        check_known(dwell=dwell)
        ramp = cls(
            percents=percents,
            dwell=timedelta(milliseconds=dwell.to_milliseconds()),
            minimum_pairs=minimum_pairs,
            mismatch_percent=mismatch_percent,
            fault_percent=fault_percent,
        )
        if ramp.dwell < TICK:
            raise ValueError(
                "a ramp's dwell is five minutes or more, such as Duration.hours(24): nobody looks "
                f"more often; got {ramp.dwell}"
            )
        return ramp


def check_ramp(ramp: judge.Ramp, retire_after: Duration) -> None:
    """Refuses what is no ramp, and one that the clean-up would end before its last step.

    Raises:
        ValueError: which of both, and what to give.
    """
    check_kind(judge.Ramp, ramp=ramp)
    least, most = len(ramp.percents) * ramp.dwell, timedelta(seconds=retire_after.to_seconds())
    if least > most:
        raise ValueError(
            f"{len(ramp.percents)} steps of a ramp with a dwell of {ramp.dwell} take {least} at "
            f"least, and the clean-up comes {most} after launch: shorten the dwell, take fewer "
            f"steps, or give retire_after=Duration.days({least // timedelta(days=1) + 1})"
        )


def warn(service: IConstruct, ramp: judge.Ramp, *, ceiling: Stage, window: Window) -> None:
    """Warns of steps that the ceiling keeps away, and of a dwell that the alarms look beyond."""
    annotations = Annotations.of(service)
    over = [step for step in ramp.stages if step > ceiling]
    if over:
        annotations.add_warning_v2(
            RAMP_OVER_CEILING,
            f"the ramp's steps {', '.join(map(str, over))} are over the ceiling, {ceiling}: it "
            "holds there until the ceiling is raised",
        )
    looks_back = window.period * window.evaluation_periods
    if ramp.dwell < looks_back:
        annotations.add_warning_v2(
            RAMP_BEFORE_ALARMS,
            f"the ramp dwells {ramp.dwell} at a stage, and its alarms look back {looks_back} in "
            "this traffic: it may go on before they have seen a whole window of that stage. "
            f"Give dwell=Duration.minutes({looks_back // timedelta(minutes=1)}), or a first step "
            "with more users",
        )
