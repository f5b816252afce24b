"""From datapoints to the state of an alarm.

CloudWatch looks at more datapoints than an alarm evaluates. The newest N real ones count, as old as
they may be; only what then lacks is missing data.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from analysis.alarms.comparison import Comparison
from analysis.alarms.operations import Series

_BEYOND = 2
"""AWS names no number; its examples look at 5 datapoints for 3 periods."""


class State(IntEnum):
    """By CloudWatch's names."""

    OK = 0
    ALARM = 1
    INSUFFICIENT_DATA = 2


class TreatMissing(StrEnum):
    """What stands in for a missing datapoint, by CloudWatch's names."""

    MISSING = "missing"
    NOT_BREACHING = "notBreaching"
    BREACHING = "breaching"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When an alarm is red: M of N datapoints are on the wrong side of the threshold.

    N is `evaluation_periods`, M is `datapoints_to_alarm`.

    Example:
        >>> rule = Rule(evaluation_periods=3, datapoints_to_alarm=2, threshold=2.0,
        ...             comparison=Comparison.GREATER,
        ...             treat_missing=TreatMissing.NOT_BREACHING)
        >>> rule.states(np.array([[0, 9, 0, 9, 9], [9, np.nan, np.nan, np.nan, 0]]))
        array([1, 0], dtype=int8)
    """

    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: Comparison
    treat_missing: TreatMissing

    @property
    def evaluation_range(self) -> int:
        """How many of the newest datapoints CloudWatch looks at."""
        return self.evaluation_periods + _BEYOND

    def states(self, points: Series) -> NDArray[np.int8]:
        """The `State` for each leading index of `points`.

        The last axis holds the datapoints at the ends of consecutive periods, oldest first,
        `evaluation_range` of them; NaN is a missing one.
        """
        counted = self.counted(points)
        breaching = counted & self.comparison.breaches(points, self.threshold)
        known, bad = counted.sum(axis=-1), breaching.sum(axis=-1)
        if self.treat_missing is TreatMissing.BREACHING:
            bad += self.evaluation_periods - known
        red = bad >= self.datapoints_to_alarm
        unknown = np.zeros_like(red)
        if self.treat_missing is TreatMissing.MISSING:
            nothing_good = known == bad
            age_of_oldest = points.shape[-1] - np.argmax(counted, axis=-1)
            red |= nothing_good & (known > 0) & (age_of_oldest >= self.datapoints_to_alarm)
            unknown = nothing_good & ~red
        state = np.select([red, unknown], [State.ALARM, State.INSUFFICIENT_DATA], State.OK)
        return state.astype(np.int8)

    def counted(self, points: Series) -> NDArray[np.bool_]:
        """Which of `points` count: the newest real ones, N at most."""
        real = ~np.isnan(points)
        from_the_newest = np.cumsum(real[..., ::-1], axis=-1, dtype=np.int16)[..., ::-1]
        return real & (from_the_newest <= self.evaluation_periods)
