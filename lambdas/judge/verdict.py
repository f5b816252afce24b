"""The judge's verdict: is it proven that the candidate is as good as control, or that it is not?"""

from dataclasses import dataclass

from judge.counts import Counts, Tolerances
from judge.excess import Excess, Tally, Verdict
from judge.words import FAULTS, PARITY, Subject, sentence


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one subject, `parity` or `faults`.

    The bounds, in percent, are those of the excess: how much more often the candidate is bad than
    control. Below 0 it is better.
    """

    subject: str
    verdict: Verdict
    low_percent: float
    high_percent: float
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The findings, and what they come to: all of them must pass, and one fails them all."""

    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """FAIL if anything fails, PASS if everything passes, otherwise INCONCLUSIVE."""
        found = {finding.verdict for finding in self.findings}
        for decisive in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            if decisive in found:
                return decisive
        return Verdict.PASS

    @property
    def words(self) -> str:
        """A line for each finding."""
        return "\n".join(finding.words for finding in self.findings)


DEFAULT = Tolerances()


def judge(counts: Counts, tolerances: Tolerances = DEFAULT) -> Judgement:
    """Judges parity, and faults where users were on the candidate.

    PASS needs the upper bound of the excess under the tolerance, FAIL the lower bound over it. A
    finding is ever wrong with a chance of `tolerances.alpha` at most, so one may look after each
    request and stop when one likes. Without data it is INCONCLUSIVE.

    Where control's noise was not measured it counts as none: that makes PASS harder, and a FAIL
    says so. Likewise for faults where control was asked nothing.

    Example:
        >>> print(judge(Counts(pairs=4_000, mismatches=3)).words)
        INCONCLUSIVE: 3 of 4,000 pairs differ; at most 0.31 % (95 % sure), tolerance 0.1 %; \
about 200,000 more pairs at these rates decide
    """
    parity = _finding(
        PARITY,
        Tally(counts.mismatches, counts.pairs),
        Tally(counts.noise, counts.noise_pairs),
        tolerances.mismatch_percent,
        tolerances.alpha,
    )
    if not counts.candidate_requests:
        return Judgement((parity,))
    faults = _finding(
        FAULTS,
        Tally(counts.candidate_faults, counts.candidate_requests),
        Tally(counts.control_faults, counts.control_requests),
        tolerances.fault_percent,
        tolerances.alpha,
    )
    return Judgement((parity, faults))


def _finding(
    subject: Subject, tested: Tally, baseline: Tally, tolerance_percent: float, alpha: float
) -> Finding:
    excess = Excess(tested, baseline, tolerance_percent / 100, alpha)
    low, high = excess.bounds
    words = sentence(subject, excess)
    return Finding(subject.name, excess.verdict, 100 * low, 100 * high, words)
