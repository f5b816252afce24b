"""The comparison of two answers: outcomes, not values; what differs and no rule excuses."""

from shadow_runtime.compare.answers import compare
from shadow_runtime.compare.findings import (
    ABSENT,
    Comparison,
    Difference,
    Kind,
    StaleRules,
    Verdict,
    mask,
)
from shadow_runtime.compare.rules import EXACT, Rules, Tolerance

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
