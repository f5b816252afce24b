"""The comparison of two answers: outcomes, not values; what differs and no rule excuses."""

from shadow_runtime.compare.answers import compare
from shadow_runtime.compare.comparison import Comparison, Difference, Kind, StaleRules, Verdict
from shadow_runtime.compare.leniency import Tolerance
from shadow_runtime.compare.masking import ABSENT, mask
from shadow_runtime.compare.rules import EXACT, Rules

__all__ = [
    "ABSENT",
    "EXACT",
    "Comparison",
    "Difference",
    "Kind",
    "Rules",
    "StaleRules",
    "Tolerance",
    "Verdict",
    "compare",
    "mask",
]
