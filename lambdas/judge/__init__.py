"""The judge: whether what was counted proves that the candidate is as good as control."""

from judge.bounds import Scores, pairs_needed
from judge.verdict import Counts, Judgement, Result, Tolerances, Verdict, judge

__all__ = [
    "Counts",
    "Judgement",
    "Result",
    "Scores",
    "Tolerances",
    "Verdict",
    "judge",
    "pairs_needed",
]
