"""The judge: is the candidate proven to be as good as control? And the ramp, which waits for it."""

from judge.bounds import Scores, pairs_needed
from judge.ramp import Decision, Outcome, Ramp, Seen, decide, evidence, step_after
from judge.verdict import Counts, Judgement, Result, Tolerances, Verdict, about, judge

__all__ = [
    "Counts",
    "Decision",
    "Judgement",
    "Outcome",
    "Ramp",
    "Result",
    "Scores",
    "Seen",
    "Tolerances",
    "Verdict",
    "about",
    "decide",
    "evidence",
    "judge",
    "pairs_needed",
    "step_after",
]
