"""What a route's rules excuse that a pact requires: the shadow would not see the consumer break.

Nothing is read out of matchers. The pact's example is changed in one place at a time; the route's
own comparison says of which changes the rules would make nothing, and Pact's verifier which of
those the consumer could not bear.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from shadow_runtime.compare import Rules, compare
from shadow_runtime.compare.scope import Scope
from shadow_runtime.credentials import HEADERS as WITHHELD
from shadow_runtime.http import Response
from shadowctl.pacts.files import Interaction
from shadowctl.pacts.provider import Provider, RouteKey
from shadowctl.pacts.verifier import verify

_OTHERS: tuple[Any, ...] = (None, "another", 7, True, {}, [])
"""Of each type of JSON one."""

_SAMPLES = ("00000000-0000-4000-8000-000000000000", "https://example.com/another", "another")
"""What the shapes of a rule take."""

_STATUSES = (200, 201, 202, 204, 301, 304, 400, 404, 410)
_STEPS = [10.0**power for power in range(6, -13, -1)]
_EXAMPLES = 5
"""Of list elements, or members, of one form; and of the changes of a kind in one place."""

_ALL = Rules(ignore=["$"]).scope.step("$")
_SPANS = [
    timedelta(days=365),
    timedelta(days=1),
    timedelta(hours=1),
    *(timedelta(seconds=10.0**power) for power in range(2, -6, -1)),
]


class _Change(NamedTuple):
    """The example but for one place; of a `kind` the first few that are excused will do."""

    kind: str
    answer: Response


def excused(interaction: Interaction, rules: Rules, *, timeout_s: float) -> Iterator[str]:
    """What the interaction requires and the rules, or the want of one, excuse; in words."""
    example = interaction.answer
    found: dict[tuple[str, str], list[Response]] = {}
    for kind, answer in _changes(example, rules):
        comparison = compare(example, answer, rules)
        if comparison.agrees and answer != example:
            by = ", ".join(sorted(comparison.excused_by))
            some = found.setdefault((by, kind), [])
            some += [answer] if len(some) < _EXAMPLES else []
    tried = [(by, answer) for (by, _), some in found.items() for answer in some]
    if not tried:
        return
    # Of the example itself too: Pact reads a number of many digits as another.
    anyway, *broken = _broken(interaction, [example, *(each for _, each in tried)], timeout_s)
    told: dict[str, str] = {}
    for (by, _), words in zip(tried, broken, strict=True):
        for line in words:
            if line not in anyway:
                told.setdefault(by, line)
    for by, first in told.items():
        yield f"{by or 'a header that is not compared'}: {first}"


def _broken(interaction: Interaction, answers: list[Response], timeout_s: float) -> list[list[str]]:
    """What the consumer could not bear of each of `answers`, by Pact's own judgement."""
    [held] = interaction.document["interactions"]
    asked = {"method": "GET", "headers": {}}
    is_v4 = "type" in held
    response = held.get("response", {})
    copies = [
        {
            **({"type": held["type"]} if is_v4 else {}),
            "description": f"{number}",
            "request": {**asked, "path": f"/{number}"},
            "response": response,
        }
        for number in range(len(answers))
    ]
    document = {**interaction.document, "interactions": copies}
    with Provider([RouteKey.of("GET /{number}")]) as provider:
        results = provider.serve(
            lambda request: answers[int(request.path_parameters["number"])],
            lambda: verify(document, provider.url, timeout_s=timeout_s),
        )
    return [results[f"{number}"] for number in range(len(answers))]


def _changes(example: Response, rules: Rules) -> Iterator[_Change]:
    equal = [group for group in rules.groups if example.status in group.statuses]
    statuses = {*_STATUSES, *(status for group in equal for status in group.statuses)}
    for status in sorted(statuses - {example.status}):
        yield _Change("status", replace(example, status=status))
        yield _Change("status alone", replace(example, status=status, body=""))
    for name, value in example.headers.items():
        if name not in WITHHELD:
            rest = {key: held for key, held in example.headers.items() if key != name}
            yield _Change(f"headers.{name}", replace(example, headers=rest))
            for other in (f"another/{value}", *_SAMPLES):
                yield _Change(f"headers.{name}", replace(example, headers={**rest, name: other}))
    yield from _bodies(example, example.status, rules.scope.step("$"))
    for group in equal:
        scope = _ALL if group.bodies is None else group.bodies.step("$")
        for status in sorted(group.statuses - {example.status}):
            yield from _bodies(example, status, scope)


def _bodies(example: Response, status: int, scope: Scope) -> Iterator[_Change]:
    """With other bodies, under a status that is the example's, or equal to it."""
    if not example.body or scope.is_free:
        return
    try:
        body = json.loads(example.body)
    except ValueError:
        for other in _other_texts(example.body):
            yield _Change(f"{status} body", replace(example, status=status, body=other))
        return
    for kind, changed in _changed(body, "$", scope):
        text = json.dumps(changed, ensure_ascii=False)
        yield _Change(f"{status} {kind}", replace(example, status=status, body=text))


def _changed(value: Any, path: str, scope: Scope) -> Iterator[tuple[str, Any]]:
    """`value` but for one place in it that a rule reaches, and what place and change that is."""
    if scope.is_free:
        return
    for other in _OTHERS:
        if type(other) is not type(value):
            yield f"{path} type", other
    for kind, other in _other_values(value):
        if other != value:
            yield f"{path} {kind}", other
    match value:
        case dict():
            for name in _examples({key: scope.step(key) for key in value}, value):
                rest = {key: value[key] for key in value if key != name}
                yield f"{path}.{name} absent", rest
                for kind, other in _changed(value[name], f"{path}.{name}", scope.step(name)):
                    yield kind, {**value, name: other}
        case list():
            scopes = {at: scope.step(at) for at in range(len(value))}
            for at in _examples(scopes, dict(enumerate(value))):
                for kind, other in _changed(value[at], f"{path}[{at}]", scopes[at]):
                    yield kind, [*value[:at], other, *value[at + 1 :]]


def _examples(scopes: Mapping[Any, Scope], held: Mapping[Any, Any]) -> list[Any]:
    """Of what a rule reaches: a few of each form under the same rules."""
    alike: dict[object, list[Any]] = {}
    for key, scope in scopes.items():
        if not scope.is_free:
            alike.setdefault((id(scope), _form(held[key])), []).append(key)
    return [key for keys in alike.values() for key in keys[:_EXAMPLES]]


def _form(value: Any) -> object:
    match value:
        case dict():
            return frozenset((key, _form(held)) for key, held in value.items())
        case list():
            return (list, frozenset(map(_form, value)))
    return type(value)


def _other_values(value: Any) -> Iterator[tuple[str, Any]]:
    """Others of the same type, the farthest first; numbers and texts also as one another."""
    match value:
        case bool():
            yield "value", not value
        case int() | float():
            yield "as a text", f"{value}"
            for step in _STEPS:
                yield "value", value + step
                yield "value", value * (1 + step)
        case str():
            yield from _other_strings(value)
        case dict() if value:
            yield "empty", {}
            yield "more", {**value, "another": 7}
        case list() if value:
            yield "empty", []
            yield "fewer", value[:-1]
            yield "more", [*value, value[-1]]
            yield "more", [*value, "another"]
            yield "order", value[::-1]
            yield "order", [*value[1:], value[0]]


def _other_strings(value: str) -> Iterator[tuple[str, Any]]:
    with suppress(ValueError):
        yield "as a number", json.loads(value) if value[:1] in "-0123456789" else float(value)
    for other in _other_texts(value):
        yield "value", other
    for case in (value.swapcase(), value.upper(), value.lower(), f" {value} "):
        yield "case and space", case
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return
    zone = "Z" if value.endswith("Z") else ""
    for span in _SPANS:
        try:
            yield "time", (time + span).isoformat().replace("+00:00", zone or "+00:00")
        except OverflowError:
            continue
    for precision in ("seconds", "milliseconds", "microseconds"):
        yield "time as written", time.isoformat(timespec=precision)
        if time.tzinfo is not None:
            text = time.astimezone(UTC).isoformat(timespec=precision)
            yield "time as written", text.replace("+00:00", "Z")


def _other_texts(value: Any) -> Iterator[Any]:
    """The same form with other letters and digits, and what has another form."""
    if isinstance(value, bytes):
        yield from (b"another", b"")
        return
    yield re.sub(
        r"[a-z]", _next("az"), re.sub(r"[A-Z]", _next("AZ"), re.sub(r"\d", _next("09"), value))
    )
    yield from (*_SAMPLES, f"{value}x", "")


def _next(ends: str) -> Callable[[re.Match[str]], str]:
    """Of a letter the next in the alphabet, of the last the first."""
    return lambda found: ends[0] if found[0] == ends[1] else chr(ord(found[0]) + 1)
