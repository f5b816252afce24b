"""The comparison of two whole answers: status, headers that count, body; and what a pair proves."""

import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from shadow_runtime.compare.bodies import (
    ABSENT,
    Binary,
    UnreadableError,
    inflated,
    is_empty,
    is_gzip,
    parse,
)
from shadow_runtime.compare.classes import Effort
from shadow_runtime.compare.findings import Comparison, Kind, Verdict
from shadow_runtime.compare.rules import BY_DEFAULT, EXACT, NO_CONTENT, ROWS, Rules
from shadow_runtime.compare.scope import Scope
from shadow_runtime.compare.walk import CapReachedError, Walk
from shadow_runtime.http import Response

Pairs = Iterable[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]
"""Rows of control and of the candidate; None where there are none."""

_MATCHED = Comparison(Verdict.MATCHED)
_BODY = (None, "$")
_GZIP = ("gzip", "x-gzip")
_LINES = re.compile("ndjson|jsonl|json-seq|json-lines")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]+)", re.IGNORECASE)
_UTF8 = ("utf8", "usascii", "ascii")


class PairClass(StrEnum):
    """What a pair of answers that agree proves."""

    CONTENT = "content"
    EMPTY = "empty"
    REFUSED = "refused"
    FAILED = "failed"


def pair_class(control: Response) -> PairClass:
    """What it proves if the candidate answers as `control`; much only if there was content.

    An answer is empty if it has no body, or `null`, `""`, `[]` or `{}`, and sends nobody elsewhere.
    Any 4xx is refused. What control fails proves nothing: with it there is no pair.

    Example:
        >>> pair_class(Response.json([]))
        <PairClass.EMPTY: 'empty'>
    """
    if control.status >= 400:
        return PairClass.FAILED if control.is_fault else PairClass.REFUSED
    headers = _lower_names(control.headers)
    if _sends_elsewhere(control.status) and "location" in headers:
        return PairClass.CONTENT
    try:
        body = _content(control.body, _described(headers)[1])
    except UnreadableError:
        return PairClass.CONTENT
    is_nothing = control.status in NO_CONTENT or is_empty(body)
    return PairClass.EMPTY if is_nothing else PairClass.CONTENT


def compare(
    control: Response, candidate: Response, rules: Rules = EXACT, rows: Pairs = ()
) -> Comparison:
    """What the candidate's answer has that control's has not, after `rules`. Never raises.

    Status, headers that count, and body. Bodies are compared as JSON, or as lines of JSON, if
    either content type says JSON or is missing, and both are; otherwise as the bytes that a client
    receives. JSON has one type of number (`1` is `1.0`), of which every digit counts; `true` is no
    number, and of members with one name the last counts. Gzip is inflated where the answer says
    that it is gzip. Of a write `rows` are compared too, by column, as JSON: those that control left
    and those that the candidate left, of each record.

    Example:
        >>> found = compare(Response.json({"name": "Grace"}), Response.json({"name": "Gracie"}))
        >>> found.verdict, found.differences
        (<Verdict.MISMATCHED: 'mismatched'>, ($.name value str(5) ≠ str(6),))
    """
    parsed = [_rows(*pair) for pair in rows]
    if control == candidate and not control.is_fault and all(a == b for a, b in parsed):
        return _MATCHED
    walk = Walk(rules, Effort(len(control.body) + len(candidate.body)), cap=rules.cap)
    try:
        _compare(control, candidate, walk, rules)
        for here, there in parsed:
            walk.compare(here, there, (None, ROWS), rules.scope.step(ROWS))
    except CapReachedError:
        walk.is_capped = True
    verdict = _verdict(control, candidate, walk)
    if verdict is Verdict.MATCHED and not walk.unusable:
        return _MATCHED
    return Comparison(
        verdict,
        tuple(walk.differences),
        frozenset(walk.excused_by),
        walk.is_capped,
        frozenset(walk.undecided),
        frozenset(walk.unusable),
    )


def _rows(control: Mapping[str, Any] | None, candidate: Mapping[str, Any] | None) -> Any:
    """Both as a body's JSON is; `ABSENT` where there are none."""
    return parse(*("" if side is None else json.dumps(dict(side)) for side in (control, candidate)))


def _verdict(control: Response, candidate: Response, walk: Walk) -> Verdict:
    if candidate.is_fault:
        return Verdict.BOTH_ERRORED if control.is_fault else Verdict.CANDIDATE_ERRORED
    if walk.differences:
        return Verdict.MISMATCHED
    if walk.undecided:
        return Verdict.UNDECIDED
    return Verdict.IGNORED_ONLY if walk.excused_by else Verdict.MATCHED


def _compare(control: Response, candidate: Response, walk: Walk, rules: Rules) -> None:
    bodies: Scope | None = rules.scope
    skipped: tuple[str, ...] = ()
    statuses = control.status, candidate.status
    if control.status != candidate.status:
        group = next((g for g in rules.groups if g.statuses.issuperset(statuses)), None)
        if group is None:
            scope = rules.scope.step("status")
            walk.differ(*statuses, (None, "status"), scope, Kind.STATUS)
        else:
            walk.excused_by.add(group.name)
            bodies = group.bodies
            if bodies is None or not NO_CONTENT.isdisjoint(statuses):
                skipped = ("content-type", "content-encoding")  # which describe the body
    if control.headers != candidate.headers:
        _compare_headers(control, candidate, walk, rules, skipped)
    if bodies is not None and control.body != candidate.body:
        _compare_bodies(control, candidate, walk, bodies.step("$"))


def _compare_headers(
    control: Response, candidate: Response, walk: Walk, rules: Rules, skipped: tuple[str, ...]
) -> None:
    scope = rules.scope.step("headers")
    here, there = _lower_names(control.headers), _lower_names(candidate.headers)
    names = [name for name in BY_DEFAULT if name not in skipped]
    if not (_sends_elsewhere(control.status) or _sends_elsewhere(candidate.status)):
        names.remove("location")
    if "content-encoding" in names and not _is_encoded_alone(control, candidate):
        names.remove("content-encoding")
    for name in (*names, *rules.compared_headers({**here, **there})):
        if name == "content-type":
            left, right = _content_type(here, control.body), _content_type(there, candidate.body)
        else:
            left, right = (side[name].strip() if name in side else ABSENT for side in (here, there))
        if left != right:
            walk.look([(name, left, right)], (None, "headers"), scope, kind=Kind.HEADER)


def _compare_bodies(control: Response, candidate: Response, walk: Walk, scope: Scope) -> None:
    media, encoding = _described(control.headers)
    other_media, other_encoding = media, encoding
    if control.headers != candidate.headers:
        other_media, other_encoding = _described(candidate.headers)
    if is_gzip(control.body) and is_gzip(candidate.body):
        encoding = other_encoding = "gzip"
    try:
        left, right = _content(control.body, encoding), _content(candidate.body, other_encoding)
        left, right = _values(left, right, f"{media or 'json'} {other_media or 'json'}")
        if left != right:
            walk.compare(left, right, _BODY, scope)
    except (UnreadableError, RecursionError):
        walk.undecided.add("$")


def _values(control: str | bytes, candidate: str | bytes, media: str) -> tuple[Any, Any]:
    """Both bodies as JSON if they are, else as texts, or as bytes; `ABSENT` where there is none."""
    if "json" in media:
        try:
            return parse(control, candidate, lines=_LINES.search(media) is not None)
        except ValueError:
            pass
    if type(control) is not type(candidate):
        control, candidate = _bytes(control), _bytes(candidate)
    here, there = (Binary(b) if isinstance(b, bytes) else b for b in (control, candidate))
    return here or ABSENT, there or ABSENT


def _bytes(body: str | bytes) -> bytes:
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body


def _content(body: str | bytes, encoding: str) -> str | bytes:
    """The body as a client reads it who is told this encoding.

    Raises:
        UnreadableError: it cannot be read here.
    """
    if isinstance(body, str) or not encoding:
        return body
    if encoding not in _GZIP:
        raise UnreadableError(encoding)
    return inflated(body) if is_gzip(body) else body


def _is_encoded_alone(control: Response, candidate: Response) -> bool:
    """Whether one side alone says that its body is encoded, and not because it is."""
    here, there = _described(control.headers)[1], _described(candidate.headers)[1]
    if bool(here) is bool(there):
        return False
    said, plain = (control, candidate) if here else (candidate, control)
    is_said_only = (here or there) in _GZIP and not is_gzip(said.body)
    return is_said_only or is_gzip(plain.body) or said.body == plain.body


def _described(headers: Mapping[str, str]) -> tuple[str, str]:
    """The media type and the encoding that a body is said to have, in lower case."""
    media = encoding = ""
    for name, value in headers.items():
        match name.lower():
            case "content-type":
                media = value.partition(";")[0].strip().lower()
            case "content-encoding":
                encoding = value.strip().lower()
    return media, "" if encoding == "identity" else encoding


def _content_type(headers: Mapping[str, str], body: str | bytes) -> Any:
    """Media type and charset; UTF-8 goes without saying, but for a text that is not ASCII."""
    if "content-type" not in headers:
        return ABSENT
    media, said = _described(headers)[0], _CHARSET.search(headers["content-type"])
    charset = re.sub("[^a-z0-9]", "", said[1].lower()) if said else ""
    is_said = bool(charset) or not media.startswith("text/") or body.isascii()
    return media if is_said and charset in ("", *_UTF8) else f"{media}; charset={charset}"


def _sends_elsewhere(status: int) -> bool:
    return status == 201 or 300 <= status < 400


def _lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
