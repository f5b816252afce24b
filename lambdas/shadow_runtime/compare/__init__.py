"""The comparison of two answers: outcomes, not values; what differs and no rule excuses."""

from shadow_runtime.compare.answers import PairClass, Pairs, compare, pair_class
from shadow_runtime.compare.bodies import ABSENT
from shadow_runtime.compare.findings import (
    Comparison,
    Difference,
    Kind,
    StaleRules,
    Verdict,
    mask,
)
from shadow_runtime.compare.rules import EXACT, AllBut, Rules, Tolerance

__all__ = [
    "ABSENT",
    "EXACT",
    "AllBut",
    "Comparison",
    "Difference",
    "Kind",
    "PairClass",
    "Pairs",
    "Rules",
    "StaleRules",
    "Tolerance",
    "Verdict",
    "compare",
    "mask",
    "pair_class",
]
