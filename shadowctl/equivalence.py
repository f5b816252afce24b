"""For the tests of a route: recorded requests through both sides, compared as in production."""

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import judge
from shadow_runtime.candidate import Candidate
from shadow_runtime.compare import (
    EXACT,
    Comparison,
    Difference,
    PairClass,
    Rules,
    Verdict,
    compare,
    pair_class,
)
from shadow_runtime.front_doors import HTTP_API, front_door
from shadow_runtime.handlers import Handler, find, hearing
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.recorded import recorded
from shadow_runtime.shadow import Sight
from shadow_runtime.user import claim, key_of
from shadowctl.sides import asking

_LONGEST_SHOWN = 200


class FirstSightWarning(UserWarning):
    """Some requests were answered otherwise once, and alike when both sides were asked again."""


class _Pair(NamedTuple):
    number: int
    event: dict[str, Any]
    user: str
    control: Response
    found: Comparison
    sight: Sight | None = None

    @property
    def objects(self) -> bool:
        """Whether it speaks against the candidate, or says nothing for it."""
        return not self.found.agrees and self.sight is not Sight.FIRST

    @property
    def how(self) -> str:
        return f"{self.found.verdict} ({self.sight})" if self.sight else str(self.found.verdict)


def assert_equivalent(
    control: Handler,
    candidate: Handler,
    requests: str | Path | Iterable[Request | dict[str, Any]],
    *,
    rules: Rules | None = None,
    tolerance_percent: float | None = None,
) -> None:
    """Asserts that both sides answer the requests alike, each asked of control first.

    A difference may be a write between the two answers, so both sides are asked again, after all
    other requests: what differs then in the same place is `confirmed`. What agrees then is a
    warning. What cannot be told is `unsettled`, and not shown to be alike: control fails, is not
    `repeatable`, or differs elsewhere.

    Values come out clear in what is reported, so record no real user. What a side raises counts as
    an answer of 500, as in production, and is the cause of the error.

    Args:
        control: the old code, as a function of either form or as the handler in `control.py`.
        candidate: the new code, as a function of either form or as the handler in `candidate.py`.
        requests: requests, events as a front door sends them, or a file of them, one JSON object a
            line.
        rules: which differences are none - those of the candidate's handler.
        tolerance_percent: share of the requests that may be answered otherwise, if the judge says
            PASS to it; it takes thousands of requests to say so for 0.1 - none may.

    Raises:
        AssertionError: some are answered otherwise, both sides fail, or there is no request.
        RecordingError: a line of the file is no request; says which.
        FirstSightWarning: only warned of: a difference that did not stay.

    Example:
        >>> old = lambda request: Response.json({"id": request.user})
        >>> ada = Request(method="GET", path="/users/me", user="ada")
        >>> assert_equivalent(old, lambda _: Response.json({"id": "Ada"}), [ada])
        Traceback (most recent call last):
        AssertionError: 1 of 1 requests is not answered alike
          1 mismatched (confirmed), first request 1: GET /users/me of 'ada'
            $.id value 'ada' ≠ 'Ada'
    """
    __tracebackhide__ = True
    if rules is None:
        decorated = find(Candidate, candidate)
        rules = decorated.rules if decorated else EXACT
    migration = find(Migration, control)
    user = migration.user if migration else claim("sub")
    old, new = asking(control), asking(candidate)

    def asked(number: int, event: dict[str, Any], key: str) -> _Pair:
        answer = old(event, key)
        return _Pair(number, event, key, answer, compare(answer, new(event, key), rules))

    with hearing() as raised:
        pairs = [
            asked(number, event, key_of(user, event))
            for number, event in enumerate(_events(requests), 1)
        ]
        for at, pair in enumerate(pairs):
            if pair.found.verdict is not Verdict.MISMATCHED:
                continue
            again = None
            if migration is None or migration.repeatable:
                again = asked(pair.number, pair.event, pair.user)
            pairs[at] = pair._replace(sight=_sight(pair, again))
    differing = [pair for pair in pairs if not pair.found.agrees]
    if words := _objection(pairs, tolerance_percent):
        cause = raised[0] if raised else None
        raise AssertionError("\n".join([*words, *_report(differing)])) from cause
    if seen_once := [pair for pair in pairs if pair.sight in (Sight.FIRST, Sight.UNSETTLED)]:
        counted = _counted(len(seen_once), len(pairs), "answered otherwise at first sight")
        shown = "\n".join([counted, *_report(seen_once)])
        warnings.warn(shown, FirstSightWarning, stacklevel=2)


def _sight(first: _Pair, again: _Pair | None) -> Sight:
    if again is None:
        return Sight.UNSETTLED
    if again.found.agrees:
        return Sight.FIRST
    failed = first.control.is_fault or again.control.is_fault
    is_confirmed = not failed and again.found.repeats(first.found)
    return Sight.CONFIRMED if is_confirmed else Sight.UNSETTLED


def _events(requests: str | Path | Iterable[Request | dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if isinstance(requests, str | Path):
        yield from (each.event for each in recorded(Path(requests)))
    else:
        yield from (
            HTTP_API.event(each) if isinstance(each, Request) else each for each in requests
        )


def _objection(pairs: list[_Pair], tolerance_percent: float | None) -> list[str]:
    """Why the sides are not shown to be equivalent; nothing when they are."""
    objections = sum(pair.objects for pair in pairs)
    counted = _counted(objections, len(pairs), "not answered alike")
    if tolerance_percent is None:
        return [] if pairs and not objections else [counted]
    judgement = judge.judge(_counts(pairs), judge.Tolerances(mismatch_percent=tolerance_percent))
    return [] if judgement.verdict is judge.Verdict.PASS else [counted, judgement.message]


def _counted(some: int, of: int, how: str) -> str:
    return f"{some:,} of {of:,} requests {'is' if some == 1 else 'are'} {how}"


def _counts(asked: list[_Pair]) -> judge.Counts:
    """As the shadow counts: what control fails is no pair, and what is unsettled no mismatch."""
    pairs = [pair for pair in asked if not pair.control.is_fault]
    classes = Counter(pair_class(pair.control) for pair in pairs)
    sights = Counter(pair.sight for pair in pairs)
    found = Counter(pair.found.verdict for pair in pairs)
    unsettled = sights[Sight.UNSETTLED] + found[Verdict.UNDECIDED]
    return judge.Counts(
        compared=(
            judge.Scores(
                len(pairs),
                worse=sights[Sight.CONFIRMED] + found[Verdict.CANDIDATE_ERRORED],
            ),
        ),
        empty=classes[PairClass.EMPTY],
        refused=classes[PairClass.REFUSED],
        first_sights=sights[Sight.FIRST] + unsettled,
        unsettled=unsettled,
    )


def _report(differing: list[_Pair]) -> Iterator[str]:
    """Each kind of difference once, with the first request that shows it."""
    kinds: dict[tuple[str, str], list[_Pair]] = {}
    for pair in differing:
        kinds.setdefault((pair.how, pair.found.fingerprint), []).append(pair)
    for (how, _), alike in kinds.items():
        first = alike[0]
        request: Request = front_door(first.event).request(first.event, first.user)
        asked = f"{request.method} {request.path} of {request.user!r}"
        yield f"  {len(alike):,} {how}, first request {first.number}: {asked}"
        yield from (f"    {_line(difference)}" for difference in first.found.differences)


def _line(difference: Difference) -> str:
    values = (_shown(value) for value in (difference.control, difference.candidate))
    return f"{difference.path} {difference.kind} {' ≠ '.join(values)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
