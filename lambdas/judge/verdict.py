"""The judge's verdict: is it proven that the candidate is as good as control, or that it is not?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import StrEnum
from typing import Self

from judge.bounds import (
    Bounds,
    Scores,
    check_alpha,
    excess_bounds,
    is_over,
    is_under,
    least_count,
    pairs_needed,
)

_ACCIDENTS = 3
"""So few are never a FAIL: a request that somebody repeats is counted each time."""

_MOST_HIDDEN = 0.5
"""Of the pairs. Above it nothing passes: a difference would be lost in so much noise."""

_UP = Context(prec=2, rounding=ROUND_CEILING)
_DOWN = Context(prec=2, rounding=ROUND_FLOOR)


_NONE = Scores(0)


class Verdict(StrEnum):
    """What is proven: that it is within the tolerance, that it is not, or nothing yet."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted of one version of the candidate, since it was first asked.

    Attributes:
        compared: answers that were compared with the other side's; control failed none of them. The
            candidate alone was bad where it differs, seen twice, or failed, and control asked again
            did not; control alone where only that differs, or failed.
        hidden: those of them in which both differ, so that nothing more can be seen.
        empty: those of them in which control answered nothing.
        refused: those of them in which control refused.
        first_sights: those of them that differed once, and are not confirmed.
        unsettled: those first sights of which a second did not decide; all of them where control
            is not repeatable.
        hours: hours in which pairs were compared.
        asked: requests of users that the candidate was to answer. It alone was bad where control
            answered in its place; control alone where it failed a copy of what the candidate had
            answered.

    Example:
        >>> counts = Counts(compared=(Scores(4_000, worse=3), Scores(1_000, worse=1, share=1)))
        >>> counts.pairs, counts.mismatches
        (5000, 4)

    Raises:
        ValueError: a negative count, or more mismatches or faults than were counted at all.
    """

    compared: tuple[Scores, ...] = ()
    hidden: int = 0
    empty: int = 0
    refused: int = 0
    first_sights: int = 0
    unsettled: int = 0
    hours: int = 0
    asked: Scores = _NONE

    def __post_init__(self) -> None:
        for scores in (*self.compared, self.asked):
            are_some = scores.worse >= 0 and scores.better >= 0
            if not (are_some and scores.worse + scores.better <= scores.total):
                raise ValueError(f"worse and better are some of the total; got {scores!r}")
            if not 0 <= scores.share <= 1:
                raise ValueError(f"a share is from 0 to 1; got {scores!r}")
        for part, total in (
            ("hidden", "pairs"),
            ("empty", "pairs"),
            ("refused", "pairs"),
            ("first_sights", "pairs"),
            ("unsettled", "first_sights"),
        ):
            if not 0 <= getattr(self, part) <= getattr(self, total):
                raise ValueError(
                    f"{part} are some of the {total}, from none to all; got "
                    f"{part}={getattr(self, part)!r} and {total}={getattr(self, total)!r}"
                )

    @property
    def pairs(self) -> float:
        """Answers that were compared."""
        return sum(scores.total for scores in self.compared)

    @property
    def mismatches(self) -> float:
        """Pairs in which the candidate alone was bad."""
        return sum(scores.worse for scores in self.compared)

    @property
    def content(self) -> float:
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
        if not self.minimum_hours >= 0:
            raise ValueError(f"minimum_hours is 0 or more, such as 24; got {self.minimum_hours!r}")


@dataclass(frozen=True, slots=True)
class Excess:
    """How much more often the candidate was bad than control, and what that proves.

    Example:
        >>> Excess((Scores(1_000, worse=12, share=1),), tolerance=0.001, alpha=0.05).verdict
        <Verdict.FAIL: 'FAIL'>
    """

    scores: tuple[Scores, ...]
    tolerance: float
    alpha: float

    @property
    def total(self) -> float:
        """Requests, or pairs."""
        return sum(scores.total for scores in self.scores)

    @property
    def worse(self) -> float:
        """Those of them in which the candidate alone was bad."""
        return sum(scores.worse for scores in self.scores)

    @property
    def better(self) -> float:
        """Those of them in which control alone was bad, of those where that is known."""
        return sum(scores.better for scores in self.scores)

    @property
    def known(self) -> float:
        """How many it is known of."""
        return sum(scores.share * scores.total for scores in self.scores)

    @property
    def bounds(self) -> Bounds:
        """The bounds of the excess rate; below 0 the candidate is better."""
        return excess_bounds(self.scores, alpha=self.alpha)

    @property
    def verdict(self) -> Verdict:
        """FAIL where an excess within the tolerance is refuted, PASS where one over it is.

        Three bad ones are an accident, whatever the bounds.
        """
        if self.worse > _ACCIDENTS and is_over(self.scores, self.tolerance, alpha=self.alpha):
            return Verdict.FAIL
        is_passed = is_under(self.scores, self.tolerance, alpha=self.alpha)
        return Verdict.PASS if is_passed else Verdict.INCONCLUSIVE

    def at(self, total: int) -> Self:
        """As it would be after `total` requests, were all rates to stay as they are."""
        factor = total / self.total
        return replace(self, scores=tuple(scores.times(factor) for scores in self.scores))


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict about a criterion, and a sentence that says why.

    `parity` is about the pairs, `evidence` about what pairs without a mismatch prove, and `faults`
    about the users' requests.

    The bounds, in percent, are those of the excess: how much more often the candidate is bad than
    control. Below 0 it is better. Each errs with `alpha`. `needed` is about how many more pairs, or
    requests, decide: 0 where they have, None where no number would at these rates.

    Example:
        >>> [parity] = judge(Counts(compared=(Scores(6_000),))).results
        >>> f"{parity.high_percent:.3f}"
        '0.058'
    """

    criterion: str
    verdict: Verdict
    low_percent: float
    high_percent: float
    message: str
    needed: int | None = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The results, and what they come to: all of them must pass, and one fails them all.

    Example:
        >>> pairs = (Scores(6_000),)
        >>> judge(Counts(compared=pairs, asked=Scores(1_000, worse=500))).verdict
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

    PASS needs an excess over the tolerance refuted, FAIL one within it. A result is ever wrong with
    a probability of `tolerances.alpha` at most, so one may look after each request and stop when
    one likes. Without data it is INCONCLUSIVE. The counts begin where the version was first asked:
    bounds that hold at all looks hold from a fixed beginning alone.

    Only what was seen twice fails. PASS is by the pairs with content, and takes each mismatch and
    each unsettled first sight for one of theirs: refusals and empty answers prove little.

    Where it is not known what control does alone, all that differs is taken for the candidate's:
    that makes PASS harder, and a FAIL says so.

    Example:
        >>> print(judge(Counts(compared=(Scores(4_000, worse=3),))).message)
        INCONCLUSIVE: 3 of 4,000 pairs differ; between 0.0077 % and 0.28 % (each 95 % sure), \
tolerance 0.1 %; about 180,000 more pairs at these rates decide
    """
    parity = Excess(counts.compared, tolerances.mismatch_percent / 100, tolerances.alpha)
    results = [_hiding(_PARITY.result(parity), counts, tolerances.alpha)]
    if counts.content < counts.pairs or counts.first_sights or tolerances.minimum_hours:
        results.append(_evidence(counts, parity, tolerances.minimum_hours))
    if counts.asked.total:
        faults = Excess((counts.asked,), tolerances.fault_percent / 100, tolerances.alpha)
        results.append(_FAULTS.result(faults))
    return Judgement(tuple(results))


def _hiding(result: Result, counts: Counts, alpha: float) -> Result:
    """No PASS where both differ too often: what else is wrong there cannot be seen."""
    hidden = [Scores(counts.pairs, worse=counts.hidden)]
    if result.verdict is not Verdict.PASS or not is_over(hidden, _MOST_HIDDEN, alpha=alpha):
        return result
    why = (
        f"{Verdict.INCONCLUSIVE}: in {counts.hidden:,} of {counts.pairs:,} pairs control differs "
        "from itself too; leave out what is noisy by a rule"
    )
    return replace(result, verdict=Verdict.INCONCLUSIVE, message=why, needed=None)


def _evidence(counts: Counts, parity: Excess, minimum_hours: float) -> Result:
    """Whether the pairs that can prove something prove parity; it never fails."""
    content = counts.content
    suspect = min(counts.mismatches + counts.unsettled, content)
    # What control alone differs in stays as it was drawn; all else is of the pairs with content.
    drawn = [Scores(s.better, better=s.better, share=s.share) for s in parity.scores]
    rest = max(suspect, content - parity.better)
    excess = replace(parity, scores=(Scores(rest, worse=suspect), *drawn))
    is_long = counts.hours >= minimum_hours
    passes = bool(content) and excess.verdict is Verdict.PASS and is_long
    verdict = Verdict.PASS if passes else Verdict.INCONCLUSIVE
    least = pairs_needed(100 * excess.tolerance, alpha=excess.alpha)

    def parts() -> Iterator[str]:
        yield (
            f"{content:,} of {counts.pairs:,} pairs have content "
            f"({counts.empty:,} empty, {counts.refused:,} refused)"
        )
        if counts.first_sights:
            first_sights = [Scores(counts.pairs, worse=counts.first_sights)]
            high = excess_bounds(first_sights, alpha=excess.alpha).high
            yield (
                f"{counts.first_sights:,} differed at first sight alone "
                f"({counts.unsettled:,} unsettled), at most {_rounded(100 * high, _UP):f} %"
            )
        if excess.verdict is not Verdict.PASS:
            yield f"about {about(least)} with content and none suspect would pass"
        if not is_long:
            yield f"of {counts.hours} hours, and {minimum_hours:g} are asked for"

    low, high = excess.bounds
    message = f"{verdict}: {'; '.join(parts())}"
    needed = 0 if excess.verdict is Verdict.PASS else max(1, least - int(content))
    return Result("evidence", verdict, 100 * low, 100 * high, message, needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Criterion:
    """What is judged, and how to say so."""

    name: str
    unit: str
    worse: str
    better: str
    unknown: str

    def result(self, excess: Excess) -> Result:
        """The verdict, and as message `PASS: 0 of 6,000 pairs differ; at most ...`."""
        low, high = excess.bounds
        needed = _needed(excess)
        message = f"{excess.verdict}: {'; '.join(self._parts(excess, needed))}"
        return Result(self.name, excess.verdict, 100 * low, 100 * high, message, needed)

    def _parts(self, excess: Excess, needed: int | None) -> Iterator[str]:
        if not excess.total:
            yield f"no {self.unit} yet"
            yield f"about {about(needed or 0)} good ones would pass"
            return
        yield self._seen(excess)
        yield _bound(excess)
        match excess.verdict:
            case Verdict.FAIL if not excess.known:
                yield self.unknown
            case Verdict.INCONCLUSIVE:
                yield self._what_decides(needed)

    def _seen(self, excess: Excess) -> str:
        seen = self.worse.format(f"{excess.worse:,} of {excess.total:,}")
        if not excess.known:
            return seen
        return f"{seen}, {self.better.format(f'{excess.better:,} of {round(excess.known):,}')}"

    def _what_decides(self, needed: int | None) -> str:
        if needed is None:
            return f"at these rates no number of {self.unit} decides"
        return f"about {about(needed)} more {self.unit} at these rates decide"


def _needed(excess: Excess) -> int | None:
    """About how many more decide at these rates; None where no number does."""
    if excess.verdict is not Verdict.INCONCLUSIVE:
        return 0
    if not excess.total:
        return pairs_needed(100 * excess.tolerance, alpha=excess.alpha)
    total = int(excess.total)
    decisive = least_count(lambda n: excess.at(n).verdict is not Verdict.INCONCLUSIVE, over=total)
    return None if decisive is None else decisive - total


_PARITY = _Criterion(
    name="parity",
    unit="pairs",
    worse="{} pairs differ",
    better="control alone in {}",
    unknown="control's own noise was not measured",
)
_FAULTS = _Criterion(
    name="faults",
    unit="requests",
    worse="the candidate alone failed {} requests",
    better="control alone {}",
    unknown="control was not asked for what the candidate answers",
)


def _bound(excess: Excess) -> str:
    """The bounds with two digits, rounded outwards, and the tolerance."""
    low, high = (max(0, 100 * bound) for bound in excess.bounds)
    at_least, at_most = f"{_rounded(low, _DOWN):f} %", f"{_rounded(high, _UP):f} %"
    sure = f"{100 * (1 - excess.alpha):g} % sure"
    match excess.verdict:
        case Verdict.FAIL:
            bound = f"at least {at_least}"
        case Verdict.INCONCLUSIVE if low > 0:
            bound, sure = f"between {at_least} and {at_most}", f"each {sure}"
        case _:
            bound = f"at most {at_most}"
    more = " more" if excess.known else ""
    return f"{bound}{more} ({sure}), tolerance {100 * excess.tolerance:g} %"


def about(count: int) -> str:
    """A count with two digits, rounded up: it is none more exact than the rates of now.

    Example:
        >>> about(2_503)
        '2,600'
    """
    return f"{_rounded(count, _UP):,f}"


def _rounded(number: float, context: Context) -> Decimal:
    return context.create_decimal_from_float(number)
