"""For the tests of a route: recorded requests through both sides, compared as in production."""

import copy
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from judge import Counts, Tolerances, Verdict, judge
from shadow_runtime.candidate import Candidate
from shadow_runtime.compare import EXACT, Comparison, Difference, Rules, compare
from shadow_runtime.front_doors import HTTP_API, front_door
from shadow_runtime.handlers import MARK, Handler, as_side, call_safely, find, hearing, take_mark
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.recorded import recorded
from shadow_runtime.user import claim, key_of

_LONGEST_SHOWN = 200


class _Pair(NamedTuple):
    number: int
    request: Request
    found: Comparison


class _Context:
    """What Lambda's context object has, for handlers that look at it."""

    function_name = "route"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:route"
    memory_limit_in_mb = 128
    aws_request_id = "00000000-0000-0000-0000-000000000000"
    log_group_name = "/aws/lambda/route"
    log_stream_name = "test"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def assert_equivalent(
    control: Handler,
    candidate: Handler,
    requests: str | Path | Iterable[Request | dict[str, Any]],
    *,
    rules: Rules | None = None,
    tolerance_percent: float | None = None,
) -> None:
    """Asserts that both sides answer the requests alike, each asked of control first.

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
        decorated = find(Candidate, candidate)
        rules = decorated.rules if decorated else EXACT
    migration = find(Migration, control)
    user = migration.user if migration else claim("sub")
    old, new = _asking(control), _asking(candidate)
    pairs = []
    with hearing() as raised:
        for number, event in enumerate(_events(requests), 1):
            key = key_of(user, event)
            found = compare(old(event, key), new(event, key), rules)
            pairs.append(_Pair(number, front_door(event).request(event, key), found))
    differing = [pair for pair in pairs if not pair.found.agrees]
    if words := _objection(len(pairs), len(differing), tolerance_percent):
        cause = raised[0] if raised else None
        raise AssertionError("\n".join([*words, *_report(differing)])) from cause


def _events(requests: str | Path | Iterable[Request | dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if isinstance(requests, str | Path):
        yield from (each.event for each in recorded(Path(requests)))
    else:
        yield from (
            HTTP_API.event(each) if isinstance(each, Request) else each for each in requests
        )


def _asking(handler: Handler) -> Callable[[dict[str, Any], str], Response]:
    """Asks a side as the shadow does, with an event of its own."""
    called: Any = handler
    if find(Migration, handler) is None and find(Candidate, handler) is None:
        side = as_side(handler)
        called = lambda event, context: side(event, context, take_mark(event)["user"])  # noqa: E731

    def ask(event: dict[str, Any], user: str) -> Response:
        own = {**copy.deepcopy(event), MARK: {"user": user}}
        payload = call_safely(lambda: called(own, _Context()), event)
        return front_door(event).served(payload)

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
