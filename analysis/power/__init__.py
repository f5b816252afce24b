"""What the alarms of a canary can see, computed at synthesis. Standard library only."""

from analysis.power.canaries import (
    FAILING_PERCENTS,
    HEALTHY_PERCENT,
    Power,
    ShadowEvidence,
    code_detection,
    exposure_detection,
    power_of_code,
    power_of_exposure,
    underpowered_code,
    underpowered_exposure,
)
from analysis.power.rate_alarm import RateAlarm

__all__ = [
    "FAILING_PERCENTS",
    "HEALTHY_PERCENT",
    "Power",
    "RateAlarm",
    "ShadowEvidence",
    "code_detection",
    "exposure_detection",
    "power_of_code",
    "power_of_exposure",
    "underpowered_code",
    "underpowered_exposure",
]
