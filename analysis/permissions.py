"""Who may do what, by IAM's statements, and what one set of them allows that another did not.

A pattern is compared with a pattern: no list of actions is needed. Where the two can't be told to
be the same, as `*?` and `?*`, the new one counts as more: what is asked too often is looked at,
what is not asked never is. What only the deployment knows is a name in a pattern, `${Topic.Arn}`,
and no wildcard but `*` matches it.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Self

from analysis.template import words

_SYMBOL = re.compile(r"\$\{[^}]*\}|.", re.DOTALL)
_ROOT = re.compile(r"arn:.+:iam::([^:]+|\$\{[^}]+\}):root")
_ACCOUNT = re.compile(r"\d{12}|\$\{AWS::AccountId\}")
_SERVICE = re.compile(r"[\w.-]+\.amazonaws\.com(\.cn)?")

ANYBODY = "*"
ITSELF = "itself"
"""The principal of an identity's policy, and the resource of a trust policy: they name none."""


@cache
def includes(big: str, small: str) -> bool:
    """Whether all that the pattern `small` matches, `big` does.

    Example:
        >>> includes("s3:Get*", "s3:GetObject*"), includes("s3:Get?", "s3:Get*")
        (True, False)
    """
    pattern = _SYMBOL.findall(big)
    places = _reached(pattern, {0})
    for symbol in _SYMBOL.findall(small):
        taken = (
            place if pattern[place] == "*" else place + 1
            for place in places
            if place < len(pattern) and _takes(pattern[place], symbol)
        )
        places = _reached(pattern, taken)
    return len(pattern) in places


def _reached(pattern: list[str], places: Iterable[int]) -> set[int]:
    """With the places behind asterisks, which may match nothing."""
    found = {*places}
    for place, symbol in enumerate(pattern):
        if symbol == "*" and place in found:
            found.add(place + 1)
    return found


def _takes(wanted: str, symbol: str) -> bool:
    return wanted in ("*", symbol) or (wanted == "?" and symbol != "*" and len(symbol) == 1)


@cache
def overlaps(one: str, other: str) -> bool:
    """Whether any text matches both patterns; a name of the deployment's may be any text.

    Example:
        >>> overlaps("s3:*", "*:GetObject"), overlaps("s3:Get*", "s3:Put*")
        (True, False)
    """
    left, right = (["*" if len(s) > 1 else s for s in _SYMBOL.findall(x)] for x in (one, other))
    places = {(0, 0)}
    seen: set[tuple[int, int]] = set()
    while places:
        i, j = place = places.pop()
        if place == (len(left), len(right)):
            return True
        seen.add(place)
        a, b = ("".join(each[n : n + 1]) for each, n in ((left, i), (right, j)))
        following = {(i + 1, j)} if a == "*" else set()
        following |= {(i, j + 1)} if b == "*" else set()
        if a and b and (a in ("?", b) or b == "?") and "*" not in (a, b):
            following.add((i + 1, j + 1))
        if "*" in (a, b) and a and b:
            following |= {(i + (a != "*"), j + (b != "*"))}
        places |= following - seen
    return False


@dataclass(frozen=True, slots=True)
class Scope:
    """The texts that match one of `patterns`, or all others where it `is_all_but` them.

    Example:
        >>> Scope({"s3:*"}).includes(Scope({"s3:GetObject"}))
        True
        >>> Scope({"iam:*"}, is_all_but=True).includes(Scope({"*"}))
        False
    """

    patterns: frozenset[str]
    is_all_but: bool = False

    def includes(self, other: Self) -> bool:
        """Whether all that is in `other` is in this."""
        match self.is_all_but, other.is_all_but:
            case False, False:
                return all(_any_includes(self.patterns, each) for each in other.patterns)
            case True, False:
                return not any(overlaps(p, o) for p in self.patterns for o in other.patterns)
            case True, True:
                return all(_any_includes(other.patterns, each) for each in self.patterns)
        return "*" in self.patterns

    @property
    def caseless(self) -> Self:
        """As actions are compared."""
        return replace(self, patterns=frozenset(each.lower() for each in self.patterns))

    def parts(self) -> list[Self]:
        """Each pattern by itself; what is all but some cannot be parted."""
        if self.is_all_but:
            return [self]
        return [replace(self, patterns=frozenset({each})) for each in sorted(self.patterns)]


Condition = tuple[str, str]
"""An operator and a key."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that must hold, each with the values of which one must.

    Example:
        >>> few = Conditions.of({"StringEquals": {"aws:SourceAccount": "123456789012"}})
        >>> Conditions.of({}).include(few), few.include(Conditions.of({}))
        (True, False)
    """

    values: frozenset[tuple[Condition, frozenset[str]]] = frozenset()

    @classmethod
    def of(cls, block: Mapping[str, Any]) -> Self:
        """As a statement has them."""
        return cls(
            frozenset(
                ((operator, key.lower()), frozenset(map(words, _listed(values))))
                for operator, keys in block.items()
                for key, values in keys.items()
            )
        )

    def include(self, other: Self) -> bool:
        """Whether they hold whenever those of `other` do."""
        return all(any(_implies(has, wanted) for has in other.values) for wanted in self.values)


def _implies(
    has: tuple[Condition, frozenset[str]], wanted: tuple[Condition, frozenset[str]]
) -> bool:
    """Whether a condition that holds makes another hold."""
    ((operator, key), values), ((looser, wanted_key), accepted) = has, wanted
    alike = {looser, looser.removesuffix("IfExists")}
    if key != wanted_key:
        return False
    if "Not" in looser:  # none of its values may be
        return operator in alike and values >= accepted
    if operator not in alike | {each.replace("Like", "Equals") for each in alike}:
        return False
    is_pattern = "Like" in looser
    return all(v in accepted or (is_pattern and _any_includes(accepted, v)) for v in values)


def _any_includes(patterns: Iterable[str], pattern: str) -> bool:
    return any(includes(each, pattern) for each in patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a policy; where the policy is an identity's, that is the principal.

    Example:
        >>> old = Statement.of({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"})
        >>> new = Statement.of({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        >>> [*more_allowed([old], [new])] == [new], [*more_allowed([new], [old])]
        (True, [])
    """

    is_allowed: bool
    principals: Scope
    actions: Scope
    resources: Scope
    conditions: Conditions = Conditions()

    @classmethod
    def of(cls, statement: Mapping[str, Any]) -> Self:
        """As a policy document has it."""
        block = statement.get("Condition") or {}
        conditions = Conditions.of(block if _is_block(block) else {"Fn::": {words(block): "true"}})
        return cls(
            is_allowed=statement.get("Effect") != "Deny",
            principals=_scope(statement, "Principal", _principals, ITSELF),
            actions=_scope(statement, "Action", lambda value: [words(value)], "*"),
            resources=_scope(statement, "Resource", lambda value: [words(value)], ITSELF),
            conditions=conditions,
        )

    @classmethod
    def all_of(cls, document: Mapping[str, Any]) -> Iterator[Self]:
        """Those of a policy document, each branch of an `Fn::If` under its condition."""
        for statement in _listed(document.get("Statement")):
            match statement:
                case {"Fn::If": [condition, *branches]}:
                    for name, branch in zip(("true", "false"), branches, strict=False):
                        for each in cls.all_of({"Statement": branch}):
                            yield each.under({"Fn::If": {words(condition): name}})
                case {"Ref": "AWS::NoValue"}:
                    pass
                case {"Effect": _}:
                    yield cls.of(statement)

    def under(self, block: Mapping[str, Any]) -> Self:
        """The same with conditions more."""
        held = self.conditions.values | Conditions.of(block).values
        return replace(self, conditions=Conditions(held))

    def includes(self, other: Self) -> bool:
        """Whether it is about all that `other` is about."""
        return self.includes_but_for_conditions(other) and self.conditions.include(other.conditions)

    def includes_but_for_conditions(self, other: Self) -> bool:
        """Whether it would be, without any condition."""
        return (
            self.is_allowed == other.is_allowed
            and self.principals.includes(other.principals)
            and self.actions.caseless.includes(other.actions.caseless)
            and self.resources.includes(other.resources)
        )

    def parts(self) -> Iterator[Self]:
        """One for each principal, action and resource."""
        for principals, actions, resources in product(
            self.principals.parts(), self.actions.parts(), self.resources.parts()
        ):
            yield replace(self, principals=principals, actions=actions, resources=resources)


def more_allowed(before: Iterable[Statement], after: Iterable[Statement]) -> Iterator[Statement]:
    """What `after` allows and `before` did not, in parts; and what only `before` denied."""
    old, new = [*before], [*after]
    for statements, others, is_allowed in ((new, old, True), (old, new, False)):
        for statement in statements:
            for part in statement.parts() if statement.is_allowed == is_allowed else ():
                if not any(other.includes(part) for other in others):
                    yield part


def principal(value: object) -> str:
    """One of a function's permission: an account, a service, or anybody."""
    named = words(value)
    kind = "Service" if _SERVICE.fullmatch(named) else "AWS"
    return _principal(kind, named)


def _principals(value: Any) -> list[str]:
    if not isinstance(value, Mapping) or any(name[:4] in ("Ref", "Fn::") for name in value):
        return [_principal("AWS", words(value))]
    return [_principal(kind, words(one)) for kind, some in value.items() for one in _listed(some)]


def _principal(kind: str, value: str) -> str:
    """Its kind and itself; an account is all that is in it."""
    if kind == "AWS" and value in (ANYBODY, ITSELF):
        return value
    if kind == "AWS" and (found := _ROOT.fullmatch(value)):
        value = found[1]
    if kind == "AWS" and _ACCOUNT.fullmatch(value):
        return f"AWS:arn:*:iam::{value}:*"
    return f"{kind}:{value}"


def _scope(
    statement: Mapping[str, Any], element: str, read: Callable[[Any], list[str]], otherwise: str
) -> Scope:
    """What stands under an element or its `Not` form."""
    negated = f"Not{element}" in statement
    values = statement.get(f"Not{element}" if negated else element, otherwise)
    found = [text for value in _listed(values) for text in read(value)]
    return Scope(frozenset(found), is_all_but=negated)


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(keys, Mapping) and not name.startswith("Fn::") for name, keys in value.items()
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
