"""The judge's verdict: is it proven that the candidate is as good as control, or that it is not?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import StrEnum
from typing import NamedTuple, Self

from judge.bounds import Bounds, check_alpha, least_count, pairs_needed, rate_bounds

_HIGHEST_BASELINE = 0.5
"""Above it nothing passes: a difference would be lost in so much noise."""

_UP = Context(prec=2, rounding=ROUND_CEILING)
_DOWN = Context(prec=2, rounding=ROUND_FLOOR)


class Verdict(StrEnum):
    """What is proven: that it is within the tolerance, that it is not, or nothing yet."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted of one version at one stage.

    Attributes:
        pairs: answers that were compared with the other side's; control failed none of them.
        mismatches: those of them that differ, seen twice, or that the candidate failed to give.
        empty: those of them in which control answered nothing.
        refused: those of them in which control refused.
        first_sights: those of them that differed once, and are not confirmed.
        unsettled: those first sights of which a second did not decide; all of them where control
            is not repeatable.
        hours: hours in which pairs were compared.
        noise_pairs: answers of control that were compared with control's own; none where control
            is not repeatable.
        noise: those of them that differ.
        candidate_requests: requests of users that the candidate was asked.
        candidate_faults: those of them that it failed, or answered too late.
        control_requests: requests of users that control was asked.
        control_faults: those of them that it failed.

    Example:
        >>> Counts(pairs=4_000, mismatches=3).noise_pairs
        0

    Raises:
        ValueError: a negative count, or more mismatches, noise or faults than were counted at all.
    """

    pairs: int = 0
    mismatches: int = 0
    empty: int = 0
    refused: int = 0
    first_sights: int = 0
    unsettled: int = 0
    hours: int = 0
    noise_pairs: int = 0
    noise: int = 0
    candidate_requests: int = 0
    candidate_faults: int = 0
    control_requests: int = 0
    control_faults: int = 0

    def __post_init__(self) -> None:
        for part, total in (
            ("mismatches", "pairs"),
            ("empty", "pairs"),
            ("refused", "pairs"),
            ("first_sights", "pairs"),
            ("unsettled", "first_sights"),
            ("noise", "noise_pairs"),
            ("candidate_faults", "candidate_requests"),
            ("control_faults", "control_requests"),
        ):
            if not 0 <= getattr(self, part) <= getattr(self, total):
                raise ValueError(
                    f"{part} are some of the {total}, from none to all; got "
                    f"{part}={getattr(self, part)!r} and {total}={getattr(self, total)!r}"
                )

    @property
    def content(self) -> int:
        """Pairs in which there was content to agree on."""
        return max(0, self.pairs - self.empty - self.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How much worse than control the candidate may be, and how often the judge may err.

    Attributes:
        mismatch_percent: share of the pairs that may differ, over control's own noise - 0.1.
        fault_percent: share of its requests that the candidate may fail, over control's - 1.
        alpha: the probability that a result is ever wrong, however often one looks - 0.05.
        minimum_hours: hours in which pairs must have been compared before anything passes - 0.

    Example:
        >>> Tolerances(mismatch_percent=0.01).alpha
        0.05

    Raises:
        ValueError: what is no percentage, or no probability.
    """

    mismatch_percent: float = 0.1
    fault_percent: float = 1
    alpha: float = 0.05
    minimum_hours: float = 0

    def __post_init__(self) -> None:
        for name in ("mismatch_percent", "fault_percent"):
            if not 0 < getattr(self, name) < 100:
                raise ValueError(
                    f"{name} is a percentage over 0 and under 100, such as 0.1; "
                    f"got {getattr(self, name)!r}"
                )
        check_alpha(self.alpha)
        if self.minimum_hours < 0:
            raise ValueError(f"minimum_hours is 0 or more, such as 24; got {self.minimum_hours!r}")


class Rate(NamedTuple):
    """An observed rate: `failures` of a `total`.

    Example:
        >>> Rate(3, 4_000)
        Rate(failures=3, total=4000)
    """

    failures: float
    total: float


@dataclass(frozen=True, slots=True)
class Excess:
    """How much higher the candidate's rate is than the baseline's, and what that proves.

    Each rate is bounded with half of `alpha`, so that the bounds hold together, even where the same
    request counts in both. An empty baseline is taken for a rate of 0.

    Example:
        >>> Excess(Rate(900, 1_000), Rate(600, 1_000), tolerance=0.001, alpha=0.05).verdict
        <Verdict.FAIL: 'FAIL'>
    """

    candidate: Rate
    baseline: Rate
    tolerance: float
    alpha: float

    @property
    def bounds(self) -> Bounds:
        """The bounds of the excess rate; below 0 the candidate is better."""
        low, high = rate_bounds(*self.candidate, alpha=self.alpha / 2)
        baseline = self._baseline_bounds
        return Bounds(low - baseline.high, high - baseline.low)

    @property
    def is_baseline_too_high(self) -> bool:
        """Whether the baseline's own rate is proven to be over a half."""
        return self._baseline_bounds.low > _HIGHEST_BASELINE

    @property
    def verdict(self) -> Verdict:
        """FAIL with the lower bound over the tolerance, PASS with the upper bound under it.

        Without a request, or over too high a baseline, it is never PASS.
        """
        low, high = self.bounds
        if low > self.tolerance:
            return Verdict.FAIL
        may_pass = self.candidate.total > 0 and not self.is_baseline_too_high
        return Verdict.PASS if may_pass and high < self.tolerance else Verdict.INCONCLUSIVE

    def at(self, total: int) -> Self:
        """As it would be after `total` requests, were both rates to stay as they are."""
        times = total / self.candidate.total
        return replace(
            self,
            candidate=Rate(self.candidate.failures * times, total),
            baseline=Rate(self.baseline.failures * times, self.baseline.total * times),
        )

    @property
    def _baseline_bounds(self) -> Bounds:
        if not self.baseline.total:
            return Bounds(0, 0)
        return rate_bounds(*self.baseline, alpha=self.alpha / 2)


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict about a criterion, and a sentence that says why.

    `parity` is about the pairs, `evidence` about what pairs without a mismatch prove, and `faults`
    about the users' requests.

    The bounds, in percent, are those of the excess: how much more often the candidate fails than
    control. Below 0 it is better.

    Example:
        >>> [parity] = judge(Counts(pairs=6_000)).results
        >>> f"{parity.high_percent:.3f}"
        '0.081'
    """

    criterion: str
    verdict: Verdict
    low_percent: float
    high_percent: float
    message: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The results, and what they come to: all of them must pass, and one fails them all.

    Example:
        >>> judge(Counts(pairs=6_000, candidate_requests=1_000, candidate_faults=500)).verdict
        <Verdict.FAIL: 'FAIL'>
    """

    results: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        """FAIL if anything fails, PASS if everything passes, otherwise INCONCLUSIVE."""
        found = {result.verdict for result in self.results}
        for decisive in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            if decisive in found:
                return decisive
        return Verdict.PASS

    @property
    def message(self) -> str:
        """A line for each result."""
        return "\n".join(result.message for result in self.results)


DEFAULT = Tolerances()


def judge(counts: Counts, tolerances: Tolerances = DEFAULT) -> Judgement:
    """Judges parity, what it is worth, and faults where users were on the candidate.

    PASS needs the upper bound of the excess under the tolerance, FAIL the lower bound over it. A
    result is ever wrong with a probability of `tolerances.alpha` at most, so one may look after
    each request and stop when one likes. Without data it is INCONCLUSIVE.

    Only what was seen twice fails. PASS is by the pairs with content, and takes each mismatch and
    each unsettled first sight for one of theirs: refusals and empty answers prove little.

    Where control's noise was not measured it is taken for 0: that makes PASS harder, and a FAIL
    says so. Likewise for faults where control was asked nothing.

    Example:
        >>> print(judge(Counts(pairs=4_000, mismatches=3)).message)
        INCONCLUSIVE: 3 of 4,000 pairs differ; at most 0.31 % (95 % sure), tolerance 0.1 %; \
about 200,000 more pairs at these rates decide
    """
    parity = Excess(
        Rate(counts.mismatches, counts.pairs),
        Rate(counts.noise, counts.noise_pairs),
        tolerances.mismatch_percent / 100,
        tolerances.alpha,
    )
    results = [_PARITY.result(parity)]
    if counts.content < counts.pairs or counts.first_sights or tolerances.minimum_hours:
        results.append(_evidence(counts, parity, tolerances.minimum_hours))
    if counts.candidate_requests:
        faults = Excess(
            Rate(counts.candidate_faults, counts.candidate_requests),
            Rate(counts.control_faults, counts.control_requests),
            tolerances.fault_percent / 100,
            tolerances.alpha,
        )
        results.append(_FAULTS.result(faults))
    return Judgement(tuple(results))


def _evidence(counts: Counts, parity: Excess, minimum_hours: float) -> Result:
    """Whether the pairs that can prove something prove parity; it never fails."""
    content = counts.content
    suspect = min(counts.mismatches + counts.unsettled, content)
    excess = replace(parity, candidate=Rate(suspect, content))
    is_long = counts.hours >= minimum_hours
    passes = excess.verdict is Verdict.PASS and is_long
    verdict = Verdict.PASS if passes else Verdict.INCONCLUSIVE

    def parts() -> Iterator[str]:
        yield (
            f"{content:,} of {counts.pairs:,} pairs have content "
            f"({counts.empty:,} empty, {counts.refused:,} refused)"
        )
        if counts.first_sights:
            _, high = rate_bounds(counts.first_sights, counts.pairs, alpha=excess.alpha)
            yield (
                f"{counts.first_sights:,} differed at first sight alone "
                f"({counts.unsettled:,} unsettled), at most {_rounded(100 * high, _UP):f} %"
            )
        if excess.verdict is not Verdict.PASS:
            least = pairs_needed(100 * excess.tolerance, alpha=excess.alpha)
            yield f"about {_about(least)} with content and none suspect would pass"
        if not is_long:
            yield f"of {counts.hours} hours, and {minimum_hours:g} are asked for"

    low, high = excess.bounds
    message = f"{verdict}: {'; '.join(parts())}"
    return Result("evidence", verdict, 100 * low, 100 * high, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Criterion:
    """What is judged, and how to say so."""

    name: str
    unit: str
    failed: str
    of_baseline: str
    no_baseline: str
    baseline_too_high: str

    def result(self, excess: Excess) -> Result:
        """The verdict, and as message `PASS: 0 of 6,000 pairs differ; at most ...`."""
        low, high = excess.bounds
        message = f"{excess.verdict}: {'; '.join(self._parts(excess))}"
        return Result(self.name, excess.verdict, 100 * low, 100 * high, message)

    def _parts(self, excess: Excess) -> Iterator[str]:
        if not excess.candidate.total:
            least = pairs_needed(100 * excess.tolerance, alpha=excess.alpha)
            yield f"no {self.unit} yet"
            yield f"about {_about(least)} good ones would pass"
            return
        yield self._seen(excess)
        yield _bound(excess)
        match excess.verdict:
            case Verdict.FAIL if not excess.baseline.total:
                yield self.no_baseline
            case Verdict.INCONCLUSIVE if excess.is_baseline_too_high:
                yield self.baseline_too_high
            case Verdict.INCONCLUSIVE:
                yield self._what_decides(excess)

    def _seen(self, excess: Excess) -> str:
        failures, total = excess.candidate
        seen = f"{failures:,} of {total:,} {self.unit} {self.failed}"
        if not excess.baseline.total:
            return seen
        failures, total = excess.baseline
        return f"{seen}, {failures:,} of {total:,} {self.of_baseline}"

    def _what_decides(self, excess: Excess) -> str:
        total = int(excess.candidate.total)
        decisive = least_count(
            lambda n: excess.at(n).verdict is not Verdict.INCONCLUSIVE, over=total
        )
        if decisive is None:
            return f"at these rates no number of {self.unit} decides"
        return f"about {_about(decisive - total)} more {self.unit} at these rates decide"


_PARITY = _Criterion(
    name="parity",
    unit="pairs",
    failed="differ",
    of_baseline="of control with itself",
    no_baseline="control's own noise was not measured",
    baseline_too_high="control differs from itself too often; leave out what is noisy by a rule",
)
_FAULTS = _Criterion(
    name="faults",
    unit="requests",
    failed="to the candidate failed",
    of_baseline="to control",
    no_baseline="control was asked nothing meanwhile",
    baseline_too_high="control itself fails too often to compare with",
)


def _bound(excess: Excess) -> str:
    """The bounds with two digits, rounded outwards, and the tolerance."""
    low, high = (max(0, 100 * bound) for bound in excess.bounds)
    at_least, at_most = f"{_rounded(low, _DOWN):f} %", f"{_rounded(high, _UP):f} %"
    match excess.verdict:
        case Verdict.FAIL:
            bound = f"at least {at_least}"
        case Verdict.INCONCLUSIVE if low > 0:
            bound = f"between {at_least} and {at_most}"
        case _:
            bound = f"at most {at_most}"
    more = " more" if excess.baseline.total else ""
    sure = f"{100 * (1 - excess.alpha):g} %"
    return f"{bound}{more} ({sure} sure), tolerance {100 * excess.tolerance:g} %"


def _about(count: int) -> str:
    return f"{_rounded(count, _UP):,f}"


def _rounded(number: float, context: Context) -> Decimal:
    return context.create_decimal_from_float(number)
