"""A finding in one sentence: what was seen, the bound, and what would decide."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from judge.bounds import fewest, pairs_needed
from judge.excess import Excess, Verdict

_UP = Context(prec=2, rounding=ROUND_CEILING)
_DOWN = Context(prec=2, rounding=ROUND_FLOOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged, and how to say so.

    Example:
        >>> PARITY.unit
        'pairs'
    """

    name: str
    unit: str
    bad: str
    baseline: str
    unmeasured: str
    drowned: str


PARITY = Subject(
    name="parity",
    unit="pairs",
    bad="differ",
    baseline="of control with itself",
    unmeasured="control's own noise was not measured",
    drowned="control differs from itself too often; leave out what is noisy by a rule",
)
FAULTS = Subject(
    name="faults",
    unit="requests",
    bad="to the candidate failed",
    baseline="to control",
    unmeasured="control was asked nothing meanwhile",
    drowned="control itself fails too often to compare with",
)


def sentence(subject: Subject, excess: Excess) -> str:
    """Verdict, counts, bound and tolerance, as `PASS: 0 of 6,000 pairs differ; at most ...`.

    Bounds have two digits, and are rounded outwards.
    """
    if excess.tested.total:
        said = [_seen(subject, excess), _bound(excess), *_rest(subject, excess)]
    else:
        least = pairs_needed(100 * excess.tolerance, alpha=excess.alpha)
        said = [f"no {subject.unit} yet", f"about {_about(least)} good ones would pass"]
    return f"{excess.verdict}: {'; '.join(said)}"


def _seen(subject: Subject, excess: Excess) -> str:
    (bad, total), (base_bad, base_total) = excess.tested, excess.baseline
    seen = f"{bad:,} of {total:,} {subject.unit} {subject.bad}"
    if base_total:
        return f"{seen}, {base_bad:,} of {base_total:,} {subject.baseline}"
    return seen


def _bound(excess: Excess) -> str:
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


def _rest(subject: Subject, excess: Excess) -> list[str]:
    """What an operator must know besides, or can do."""
    match excess.verdict:
        case Verdict.PASS:
            return []
        case Verdict.FAIL:
            return [] if excess.baseline.total else [subject.unmeasured]
    return [subject.drowned if excess.is_drowned else _what_decides(subject, excess)]


def _what_decides(subject: Subject, excess: Excess) -> str:
    total = int(excess.tested.total)
    decisive = fewest(lambda n: excess.at(n).verdict is not Verdict.INCONCLUSIVE, over=total)
    if decisive is None:
        return f"at these rates no number of {subject.unit} decides"
    return f"about {_about(decisive - total)} more {subject.unit} at these rates decide"


def _about(count: int) -> str:
    return f"{_rounded(count, _UP):,f}"


def _rounded(number: float, context: Context) -> Decimal:
    return context.create_decimal_from_float(number)
