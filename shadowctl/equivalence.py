"""For the tests of a route: recorded requests through both sides, compared as in production."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from judge import Counts, Tolerances, Verdict, judge
from shadow_runtime.answering import Side, answered
from shadow_runtime.compare import EXACT, Comparison, Difference, Rules, compare
from shadow_runtime.http import Request, Response
from shadow_runtime.recorded import recorded

_LONGEST_SHOWN = 200


@runtime_checkable
class Handler(Protocol):
    """What `@migrating` and `@candidate` make of a side."""

    answer: Side


class _Pair(NamedTuple):
    number: int
    request: Request
    found: Comparison


def assert_equivalent(
    control: Side | Handler,
    candidate: Side | Handler,
    requests: str | Path | Iterable[Request],
    *,
    rules: Rules | None = None,
    tolerance_percent: float | None = None,
) -> None:
    """Asserts that both sides answer the requests alike, each asked of control first.

    Values come out clear in what is reported, so record no real user. What a side raises counts as
    an answer of 500, as in production, and is the cause of the error.

    Args:
        control: the old code, as a function or as the handler that `@migrating` made.
        candidate: the new code, as a function or as the handler that `@candidate` made.
        requests: requests, or a file of one JSON object a line, as `Request.copy` writes them.
        rules: which differences are none - those of the candidate's handler.
        tolerance_percent: share of the requests that may be answered otherwise, if the judge says
            PASS to it; it takes thousands of requests to say so for 0.1 - none may.

    Raises:
        AssertionError: some are answered otherwise, both sides fail, or there is no request.
        ValueError: a line of the file that is no request; says which.

    Example:
        >>> old = lambda request: Response.json({"id": request.user})
        >>> ada = Request(method="GET", path="/users/me", user="ada")
        >>> assert_equivalent(old, lambda _: Response.json({"id": "Ada"}), [ada])
        Traceback (most recent call last):
        AssertionError: 1 of 1 requests is not answered alike
          1 mismatched, first request 1: GET /users/me of 'ada'
            $.id value 'ada' ≠ 'Ada'
    """
    __tracebackhide__ = True
    if rules is None:
        rules = getattr(candidate, "rules", EXACT)
    raised: list[BaseException] = []
    old, new = _heard(control, raised), _heard(candidate, raised)
    pairs = [
        _Pair(number, request, compare(answered(old, request), answered(new, request), rules))
        for number, request in enumerate(_read(requests), 1)
    ]
    differing = [pair for pair in pairs if not pair.found.agrees]
    if words := _objection(len(pairs), len(differing), tolerance_percent):
        cause = raised[0] if raised else None
        raise AssertionError("\n".join([*words, *_report(differing)])) from cause


def _read(requests: str | Path | Iterable[Request]) -> Iterable[Request]:
    return recorded(Path(requests)) if isinstance(requests, str | Path) else requests


def _heard(side: Side | Handler, raised: list[BaseException]) -> Side:
    """The side itself; what it raises is also put in `raised`."""
    answer = side.answer if isinstance(side, Handler) else side

    def ask(request: Request) -> Response:
        try:
            return answer(request)
        except BaseException as error:
            raised.append(error)
            raise

    return ask


def _objection(pairs: int, differing: int, tolerance_percent: float | None) -> list[str]:
    """Why the sides are not shown to be equivalent; nothing when they are."""
    verb = "is" if differing == 1 else "are"
    counted = f"{differing:,} of {pairs:,} requests {verb} not answered alike"
    if tolerance_percent is None:
        return [] if pairs and not differing else [counted]
    tolerances = Tolerances(mismatch_percent=tolerance_percent)
    judgement = judge(Counts(pairs=pairs, mismatches=differing), tolerances)
    return [] if judgement.verdict is Verdict.PASS else [counted, judgement.message]


def _report(differing: list[_Pair]) -> Iterator[str]:
    """Each kind of difference once, with the first request that shows it."""
    kinds: dict[tuple[str, str], list[_Pair]] = {}
    for pair in differing:
        kinds.setdefault((pair.found.verdict, pair.found.fingerprint), []).append(pair)
    for (verdict, _), alike in kinds.items():
        first = alike[0]
        asked = f"{first.request.method} {first.request.path} of {first.request.user!r}"
        yield f"  {len(alike):,} {verdict}, first request {first.number}: {asked}"
        yield from (f"    {_line(difference)}" for difference in first.found.differences)


def _line(difference: Difference) -> str:
    values = (_shown(value) for value in (difference.control, difference.candidate))
    return f"{difference.path} {difference.kind} {' ≠ '.join(values)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
