"""What the alarms of a canary see at least, computed at synthesis. Standard library only.

What they see, and not only at least, is played: `analysis.power.played`, with NumPy.
"""

from analysis.power.advice import underpowered_code, underpowered_exposure
from analysis.power.canaries import ExposureRates, ShadowEvidence, code_at_least
from analysis.power.rate_alarm import Parts, RateAlarm

__all__ = [
    "ExposureRates",
    "Parts",
    "RateAlarm",
    "ShadowEvidence",
    "code_at_least",
    "underpowered_code",
    "underpowered_exposure",
]
