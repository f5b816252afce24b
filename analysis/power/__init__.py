"""What the alarms of a canary can see, computed at synthesis. Standard library only."""

from analysis.power.canaries import (
    FAILING_PERCENTS,
    Power,
    power_of_code,
    power_of_exposure,
)
from analysis.power.watch import Watch

__all__ = ["FAILING_PERCENTS", "Power", "Watch", "power_of_code", "power_of_exposure"]
