"""How an alarm compares a datapoint with its threshold."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analysis.alarms.operations import Series


class Comparison(StrEnum):
    """By CloudWatch's names."""

    GREATER = "GreaterThanThreshold"
    GREATER_OR_EQUAL = "GreaterThanOrEqualToThreshold"
    LESS = "LessThanThreshold"
    LESS_OR_EQUAL = "LessThanOrEqualToThreshold"

    def breaches(self, points: Series, threshold: float) -> NDArray[np.bool_]:
        """Which of `points` are on the wrong side; a missing one is not."""
        breaching: NDArray[np.bool_] = _OPERATORS[self](points, threshold)
        return breaching

    @property
    def words(self) -> str:
        """As CloudWatch says it."""
        return _WORDS[self]


_OPERATORS = {
    Comparison.GREATER: np.greater,
    Comparison.GREATER_OR_EQUAL: np.greater_equal,
    Comparison.LESS: np.less,
    Comparison.LESS_OR_EQUAL: np.less_equal,
}
_WORDS = {
    Comparison.GREATER: "greater than",
    Comparison.GREATER_OR_EQUAL: "greater than or equal to",
    Comparison.LESS: "less than",
    Comparison.LESS_OR_EQUAL: "less than or equal to",
}
