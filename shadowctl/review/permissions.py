"""Who may do what that was not allowed before."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from analysis.permissions import (
    ANYBODY,
    ITSELF,
    Conditions,
    Scope,
    Statement,
    includes,
    more_allowed,
    principal,
)
from analysis.template import Stack, words
from shadowctl.review.findings import Finding, Kind, Pair, members
from shadowctl.review.markdown import code, listed

_OF_IDENTITIES = {
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
}
_IDENTITIES = {"AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"}
_HOLDERS = ("Roles", "Users", "Groups", "RoleName", "UserName", "GroupName")
_WHOSE = (
    *("Bucket", "Queues", "Topics", "SecretId", "ResourceArn", "FileSystemId", "VpcEndpointId"),
    *("EventBusName", "LayerVersionArn", "FunctionName", "RegistryName", "RepositoryName"),
)
"""Where a policy of a resource's says whose it is."""

_CONDITIONS = {
    "SourceArn": ("ArnLike", "aws:SourceArn"),
    "SourceAccount": ("StringEquals", "aws:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "OrganizationId": ("StringEquals", "aws:PrincipalOrgID"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}
"""What Lambda makes of the properties of a permission."""

_PERMISSIONS = ("AWS::Lambda::Permission", "AWS::Lambda::LayerVersionPermission")
_OWN_ACCOUNT = f"AWS:arn:*:iam::{words({'Ref': 'AWS::AccountId'})}:*"

_ONE_NAME = re.compile(r"(?:AWS:)?\$\{([^.}]+)(?:\.Arn)?\}")
_ONE_ACCOUNT = re.compile(r"AWS:arn:\*:iam::(.+):\*")
_NOTHING = Scope(frozenset())

Holder = tuple[str, str]
"""What a set of statements is of: a word for it, and its name."""


def widened(pair: Pair) -> Iterator[Finding]:
    """Every permission more, statement by statement, and every policy that came to an identity."""
    old, new = (_statements(each) for each in (pair.before, pair.after))
    said: dict[tuple[str, bool], list[Holder]] = defaultdict(list)
    gone = (each for each in old if each not in new and _is_of(pair.after, each))
    for holder in [*new, *gone]:
        for text, is_wide in _more(old.get(holder, []), new.get(holder, [])):
            said[text, is_wide or not _is_new(holder, pair)].append(holder)
    for (text, is_seen), holders in said.items():
        kinds = dict.fromkeys(kind for kind, _ in holders)
        whose = "; ".join(
            f"{kind} {listed(name for each, name in holders if each == kind)}" for kind in kinds
        )
        yield Finding(Kind.IAM, f"{whose}: {text}", is_expected=not is_seen)
    yield from _attached(pair)


def _is_of(stack: Stack | None, holder: Holder) -> bool:
    """Whether the stack makes it."""
    made = stack.template["Resources"] if stack else ()
    return any(re.search(rf"\b{re.escape(name)}\b", holder[1]) for name in made)


def _is_new(holder: Holder, pair: Pair) -> bool:
    """Whether it comes with its permissions; what no stack here makes is there already."""
    return _is_of(pair.after, holder) and not _is_of(pair.before, holder)


def _more(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[tuple[str, bool]]:
    """What is allowed more, in words, and whether it is wide; what goes together in one line."""
    actions: dict[Statement, list[Scope]] = defaultdict(list)
    for part in dict.fromkeys(more_allowed(old, new)):
        actions[replace(part, actions=_NOTHING)].append(part.actions)
    resources: dict[tuple[Statement, tuple[Scope, ...]], list[Scope]] = defaultdict(list)
    for rest, some in actions.items():
        resources[replace(rest, resources=_NOTHING), tuple(some)].append(rest.resources)
    for (rest, acts), on in resources.items():
        part = replace(rest, actions=acts[0], resources=on[0])
        yield (
            f"{'now allows' if rest.is_allowed else 'no longer denies'} {_either(acts)}"
            f"{_on(on)}{_by(rest.principals)}{_when(rest.conditions)}{_before(part, old)}",
            not rest.is_allowed
            or any(each.is_all_but or "*" in each.patterns for each in on)
            or rest.principals.is_all_but
            or any(map(_is_foreign, rest.principals.patterns))
            or any(map(_is_wide, acts)),
        )


def _is_wide(actions: Scope) -> bool:
    """Whether they are all but some, or all of a service."""
    return actions.is_all_but or any(
        each.partition(":")[2] in ("", "*") for each in actions.patterns
    )


def _is_foreign(principal: str) -> bool:
    """Whether it is anybody, or an identity that is not of this account by its name."""
    named = principal.partition(":")[2]
    is_identity = principal.startswith(("AWS:", "Federated:", "CanonicalUser:"))
    return principal == ANYBODY or (
        is_identity and not named.startswith("${") and not includes(_OWN_ACCOUNT, principal)
    )


def _either(scopes: Sequence[Scope]) -> str:
    named = sorted(_plain(p) for each in scopes if not each.is_all_but for p in each.patterns)
    but = [
        f"**all but** {listed(sorted(map(_plain, each.patterns)))}"
        for each in scopes
        if each.is_all_but
    ]
    return ", ".join([*([listed(named)] if named else []), *but])


def _plain(pattern: str) -> str:
    """A name alone, where a pattern is no more than that; an account by its number."""
    if found := _ONE_NAME.fullmatch(pattern) or _ONE_ACCOUNT.fullmatch(pattern):
        return found[1]
    return pattern.removeprefix("AWS:").removeprefix("Service:")


def _on(resources: Sequence[Scope]) -> str:
    if any(each.patterns == {ITSELF} for each in resources):
        return ""
    is_all = any("*" in each.patterns for each in resources)
    return f" on {'**everything**, ' if is_all else ''}{_either(resources)}"


def _by(principals: Scope) -> str:
    if principals.patterns == {ITSELF}:
        return ""
    anybody = "**anybody**, " if ANYBODY in principals.patterns else ""
    return f" to {anybody}{_either([principals])}"


def _when(conditions: Conditions) -> str:
    told = (
        f"{operator} {key} {' or '.join(sorted(values))}"
        for (operator, key), values in sorted(conditions.values, key=str)
    )
    return f", when {listed(told)}" if conditions.values else ""


def _before(part: Statement, old: Sequence[Statement]) -> str:
    """Under which conditions it was allowed before, if it was under any."""
    for each in old:
        if part.is_allowed and each.includes_but_for_conditions(part):
            return f"; before only{_when(each.conditions).removeprefix(',')}"
    return ""


def _attached(pair: Pair) -> Iterator[Finding]:
    for change in pair.changes():
        for name in ("ManagedPolicyArns", "ManagedPolicies"):
            before, after = change.moved(name) or (None, None)
            had = [*map(words, members(before))]
            got = [arn for arn in map(words, members(after)) if arn not in had]
            if got:
                what = "policy" if len(got) == 1 else "policies"
                said = f"{code(change.logical_id)} has the managed {what} {listed(got)}"
                yield Finding(Kind.IAM, said)


def _statements(stack: Stack | None) -> dict[Holder, list[Statement]]:
    """All that a template allows or denies, by whose it is."""
    found: dict[Holder, list[Statement]] = defaultdict(list)
    for logical_id, body in (stack.template["Resources"] if stack else {}).items():
        for holder, statement in _of(logical_id, body["Type"], body.get("Properties") or {}):
            condition = body.get("Condition")
            under = {"Fn::If": {words(condition): "true"}} if condition else {}
            found[holder].append(statement.under(under))
    return found


def _of(
    logical_id: str, kind: str, properties: Mapping[str, Any]
) -> Iterator[tuple[Holder, Statement]]:
    if kind in _PERMISSIONS:
        yield _permission(logical_id, properties)
        return
    for path, document in _documents(properties):
        for holder in _holders(logical_id, kind, path, properties):
            for statement in Statement.all_of(document):
                yield holder, statement


def _holders(
    logical_id: str, kind: str, path: str, properties: Mapping[str, Any]
) -> Iterator[Holder]:
    """Whose a policy is that stands at `path`."""
    if kind in _OF_IDENTITIES:
        some = [one for name in _HOLDERS for one in members(properties.get(name))]
        yield from (("identity", _name(one)) for one in some)
        if not some:
            yield "policy", logical_id
    elif kind in _IDENTITIES and path.startswith("Policies"):
        yield "identity", logical_id
    elif kind in _IDENTITIES:
        yield "trust policy of", logical_id
    else:
        some = [one for name in _WHOSE for one in members(properties.get(name))]
        yield from (("policy of", _name(one)) for one in some or [{"Ref": logical_id}])


def _name(value: Any) -> str:
    """Of what is referred to; itself where it is a text."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), "Arn" | "Id"]}:
            return name
    return words(value)


def _permission(logical_id: str, properties: Mapping[str, Any]) -> tuple[Holder, Statement]:
    """A permission of Lambda's as the statement that Lambda makes of it."""
    function = properties.get("FunctionName") or properties.get("LayerVersionArn") or logical_id
    statement = Statement(
        is_allowed=True,
        principals=Scope(frozenset({principal(properties.get("Principal", ANYBODY))})),
        actions=Scope(frozenset({words(properties.get("Action", "*"))})),
        resources=Scope(frozenset({_name(function)})),
    )
    for name, (operator, key) in _CONDITIONS.items():
        if name in properties:
            statement = statement.under({operator: {key: words(properties[name])}})
    return ("policy of", _name(function)), statement


def _documents(value: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every policy document below, with its path; those that are written as texts too."""
    match value:
        case Mapping() if "Statement" in value:
            yield path, value
        case str() | {"Fn::Join": _} | {"Fn::Sub": _}:
            written = words(value)
            if '"Statement"' in written:
                with suppress(ValueError):
                    yield from _documents(json.loads(written), path)
        case Mapping():
            for name, each in value.items():
                yield from _documents(each, f"{path}.{name}".removeprefix("."))
        case list():
            for each in value:
                yield from _documents(each, path)
