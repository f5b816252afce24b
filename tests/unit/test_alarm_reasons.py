"""An alarm says why it turned, in the words that CloudWatch would use."""

import math

import numpy as np
import pytest

from analysis.alarms import reason
from tests.unit.alarms import error_rate

TWO_OF_THREE = {"EvaluationPeriods": 3, "DatapointsToAlarm": 2}


@pytest.mark.parametrize(
    ("points", "treat_missing", "words"),
    [
        (
            "0 0 0 25 33.333",
            "notBreaching",
            "Threshold Crossed: 2 out of the last 3 datapoints [33.33, 25.0] "
            "were greater than the threshold (2.0).",
        ),
        (
            "9 9 0 0 9",
            "notBreaching",
            "Threshold Crossed: 2 out of the last 3 datapoints [0.0, 0.0] "
            "were not greater than the threshold (2.0).",
        ),
        (
            "- - 9 9 -",
            "notBreaching",
            "Threshold Crossed: 2 out of the last 3 datapoints [9.0, 9.0] were greater than the "
            "threshold (2.0) and 1 missing datapoints were treated as [NonBreaching].",
        ),
        (
            "- - 0 - -",
            "breaching",
            "Threshold Crossed: 2 missing datapoints were treated as [Breaching].",
        ),
        (
            "- - - - 0",
            "missing",
            "Threshold Crossed: 1 out of the last 3 datapoints [0.0] was not greater than the "
            "threshold (2.0) and 2 missing datapoints were treated as [Missing].",
        ),
        (
            "- - - - -",
            "notBreaching",
            "Threshold Crossed: 3 missing datapoints were treated as [NonBreaching].",
        ),
        ("- - - - -", "missing", "Insufficient Data: 3 datapoints were unknown."),
    ],
)
def test_it_shows_the_datapoints_that_decided(points: str, treat_missing: str, words: str) -> None:
    values = np.array([math.nan if p == "-" else float(p) for p in points.split()])
    alarm = error_rate(TreatMissingData=treat_missing, **TWO_OF_THREE)
    assert reason(alarm, values) == words
