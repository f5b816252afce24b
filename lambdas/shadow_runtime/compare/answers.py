"""The comparison of two whole answers: status, chosen headers, body."""

from collections.abc import Mapping
from typing import Any

from shadow_runtime.compare.bodies import parse
from shadow_runtime.compare.findings import ABSENT, Comparison, Kind, Verdict
from shadow_runtime.compare.rules import EXACT, Rules, equal_statuses_name
from shadow_runtime.compare.walk import CapReachedError, Walk, kind_of
from shadow_runtime.http import Response

_MATCHED = Comparison(Verdict.MATCHED)


def compare(control: Response, candidate: Response, rules: Rules = EXACT) -> Comparison:
    """What the candidate's answer has that control's has not, after `rules`. Never raises.

    Status, chosen headers and body count. Bodies are compared as JSON if either content type says
    JSON and both bodies are; otherwise as the bytes a client receives. JSON has one type of
    number (`1` is `1.0`), `true` is no number, and of members with one name the last counts.
    JSON nested deeper than Python's recursion limit is compared as text.

    Example:
        >>> found = compare(Response.json({"name": "Grace"}), Response.json({"name": "Gracie"}))
        >>> found.verdict, found.differences
        (<Verdict.MISMATCHED: 'mismatched'>, ($.name value str(5) ≠ str(6),))
    """
    if control == candidate and not control.is_fault:
        return _MATCHED
    walk = Walk(rules, cap=rules.cap)
    capped = False
    try:
        _compare_status(control.status, candidate.status, walk, rules)
        _compare_headers(control.headers, candidate.headers, walk, rules)
        _compare_bodies(control, candidate, walk, rules)
    except CapReachedError:
        capped = True
    return Comparison(
        _verdict(control, candidate, walk),
        tuple(walk.differences),
        frozenset(walk.excused_by),
        capped,
    )


def _verdict(control: Response, candidate: Response, walk: Walk) -> Verdict:
    if candidate.is_fault:
        return Verdict.BOTH_ERRORED if control.is_fault else Verdict.CANDIDATE_ERRORED
    if walk.differences:
        return Verdict.MISMATCHED
    return Verdict.IGNORED_ONLY if walk.excused_by else Verdict.MATCHED


def _compare_status(control: int, candidate: int, walk: Walk, rules: Rules) -> None:
    if control == candidate:
        return
    for group in rules.equal_statuses:
        if control in group and candidate in group:
            walk.excused_by.add(equal_statuses_name(group))
            return
    walk.differ(control, candidate, ("status",), rules.scope.step("status"), Kind.STATUS)


def _compare_headers(
    control: Mapping[str, str], candidate: Mapping[str, str], walk: Walk, rules: Rules
) -> None:
    if control == candidate:
        return
    here, there = _lower_names(control), _lower_names(candidate)
    scope = rules.scope.step("headers")
    for name in rules.headers:
        left, right = _header(name, here), _header(name, there)
        if left != right:
            walk.differ(left, right, ("headers", name), scope.step(name), Kind.HEADER)


def _compare_bodies(control: Response, candidate: Response, walk: Walk, rules: Rules) -> None:
    if control.body == candidate.body:
        return
    if _is_json(control) or _is_json(candidate):
        before = walk.mark()
        try:
            values = parse(control.body), parse(candidate.body)
            walk.compare([("$", *values)], (), rules.scope)
            return
        except (ValueError, RecursionError):
            walk.reset(before)
    left, right = _texts(control.body, candidate.body)
    if left != right:
        walk.leaf(left, right, ("$",), rules.scope.step("$"), kind_of(left, right))


def _texts(control: str | bytes, candidate: str | bytes) -> tuple[Any, Any]:
    """Both as they are, or both as bytes; nothing where there is no body at all."""
    if type(control) is not type(candidate):
        control, candidate = _bytes(control), _bytes(candidate)
    return control or ABSENT, candidate or ABSENT


def _bytes(body: str | bytes) -> bytes:
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body


def _is_json(response: Response) -> bool:
    media_type = _header("content-type", _lower_names(response.headers))
    return media_type == "application/json" or str(media_type).endswith("+json")


def _header(name: str, headers: Mapping[str, str]) -> Any:
    value = headers.get(name, ABSENT)
    if value is ABSENT:
        return value
    return _media_type(value) if name == "content-type" else str(value).strip()


def _media_type(value: object) -> str:
    return str(value).partition(";")[0].strip().lower()


def _lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {str(name).lower(): value for name, value in headers.items()}
