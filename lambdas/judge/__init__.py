"""The judge: whether what was counted proves that the candidate is as good as control."""

from judge.bounds import pairs_needed
from judge.counts import Counts, Tolerances
from judge.excess import Verdict
from judge.verdict import Finding, Judgement, judge

__all__ = [
    "Counts",
    "Finding",
    "Judgement",
    "Tolerances",
    "Verdict",
    "judge",
    "pairs_needed",
]
