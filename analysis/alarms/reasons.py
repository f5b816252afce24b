"""Why an alarm is in its state, in CloudWatch's words."""

from analysis.alarms.alarm import Alarm
from analysis.alarms.operations import Series
from analysis.alarms.states import State, TreatMissing

_TREATED = {
    TreatMissing.MISSING: "Missing",
    TreatMissing.NOT_BREACHING: "NonBreaching",
    TreatMissing.BREACHING: "Breaching",
}


def reason(alarm: Alarm, points: Series) -> str:
    """For one evaluation range; the newest datapoint comes first.

    Example:
        >>> reason(alarm, np.array([0, 0, 0, 25, 100 / 3]))  # doctest: +SKIP
        'Threshold Crossed: 2 out of the last 3 datapoints [33.33, 25.0] were greater than the
        threshold (2.0).'
    """
    state = State(int(alarm.states(points)))
    if state is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {alarm.evaluation_periods} datapoints were unknown."
    counted = alarm.counted(points)
    red = state is State.ALARM
    told = points[counted & (alarm.comparison.breaches(points, alarm.threshold) == red)][::-1]
    missing = alarm.evaluation_periods - int(counted.sum())
    parts = []
    if told.size:
        shown = ", ".join(str(round(float(point), 2)) for point in told)
        parts.append(
            f"{told.size} out of the last {alarm.evaluation_periods} datapoints [{shown}] "
            f"{'was' if told.size == 1 else 'were'} {'' if red else 'not '}"
            f"{alarm.comparison.words} the threshold ({float(alarm.threshold)})"
        )
    if missing:
        parts.append(
            f"{missing} missing datapoints were treated as [{_TREATED[alarm.treat_missing]}]"
        )
    return f"Threshold Crossed: {' and '.join(parts)}."
