"""The judge: whether what was counted proves that the candidate is as good as control."""

from shadow_runtime.contract.bounds import pairs_needed
from shadow_runtime.judge.counts import Counts, Tolerances
from shadow_runtime.judge.excess import Verdict
from shadow_runtime.judge.verdict import Finding, Judgement, judge

__all__ = [
    "Counts",
    "Finding",
    "Judgement",
    "Tolerances",
    "Verdict",
    "judge",
    "pairs_needed",
]
