"""What values have in common under the rules, within one budget for a whole comparison.

Values of one class are equal under the rules, but for the distance between their numbers and times.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable
from functools import cached_property
from typing import Any, NamedTuple

from shadow_runtime.compare.bodies import ABSENT, exact, fold, form, number_in
from shadow_runtime.compare.scope import FREE, Measure, Scope

BUDGET = 100_000
"""Steps that any comparison may take to pair elements; one takes about a microsecond."""

BUDGET_PER_CHARACTER = 2
"""Steps on top for each character or byte of both bodies."""

_CONTAINERS = frozenset((dict, list))
_IGNORED, _NOTHING, _ANY = object(), object(), object()


class BudgetSpentError(Exception):
    """Pairing has taken all the steps that it may."""


class Effort:
    """What the walks of one comparison share: the steps that are left, and what they have learnt.

    `size` is the number of characters of both bodies.

    Example:
        >>> Effort(size=0).spend(BUDGET + 1)
        Traceback (most recent call last):
        shadow_runtime.compare.classes.BudgetSpentError
    """

    def __init__(self, size: int) -> None:
        self._left = BUDGET + BUDGET_PER_CHARACTER * size
        self.alike: dict[tuple[int, int, Scope], bool] = {}

    @cached_property
    def classes(self) -> "Classes":
        """The classes of all values so far."""
        return Classes(self)

    def spend(self, steps: int = 1) -> None:
        """Takes so many steps.

        Raises:
            BudgetSpentError: there are not as many left, now and from now on.
        """
        self._left -= steps
        if self._left < 0:
            raise BudgetSpentError


class Hole(NamedTuple):
    """A number or a time that a class leaves out: where it stands, and how far others may."""

    position: Any
    measure: Measure


class Class(NamedTuple):
    """What one value has in common with all that could equal it.

    `is_exact` tells that nothing but the holes can make a difference between two of a class.
    """

    key: Hashable
    holes: tuple[Hole, ...]
    is_exact: bool


class Classes:
    """The classes of values under the rules; what repeats in a comparison is looked into once."""

    def __init__(self, effort: "Effort") -> None:
        self._effort = effort
        self._keys: dict[Hashable, Hashable] = {}
        self._known: dict[tuple[int, Scope], tuple[Hashable, bool]] = {}
        self._order: dict[Hashable, int] = {}
        self._holes: list[Hole] = []
        self._is_exact = True

    def of(self, value: Any, scope: Scope, names: set[str] | None = None) -> Class:
        """The class of `value` where the rules of `scope` hold; of an object, by `names` alone.

        Raises:
            BudgetSpentError: there are too many values.
        """
        outer = self._holes, self._is_exact
        self._holes, self._is_exact = [], names is None
        if names is None or scope.is_blurred or value.__class__ is not dict:
            key = self._key(value, scope)
        else:
            key = self._object({n: value[n] for n in names if n in value}, scope, names)
        found = Class(key, tuple(self._holes), self._is_exact)
        self._holes, self._is_exact = outer
        return found

    def _key(self, value: Any, scope: Scope) -> Hashable:
        if scope.ignore is not None:
            return _IGNORED
        if scope.is_blurred:
            self._is_exact = False
            return _ANY
        if scope.present is None and value.__class__ in _CONTAINERS:
            return self._container(value, scope)
        if scope.is_plain:
            return exact(value) if value.__class__ is bytes else value
        if is_nothing(value, scope):
            return _NOTHING
        key = self._scalar(value, scope) if scope.present is None else value.__class__
        return (form(value, scope.as_number), key) if scope.strict else key

    def _scalar(self, value: Any, scope: Scope) -> Hashable:
        if scope.as_number is not None and isinstance(value, str):
            value = number_in(value) or value
        for measure in scope.measures:
            place = measure.place(value)
            if place is not None:
                kind, position = place
                if position is not None:
                    self._holes.append(Hole(position, measure))
                return kind
        return exact(value) if isinstance(value, bytes) else value

    def _container(self, value: Any, scope: Scope) -> Hashable:
        known = self._known.get((id(value), scope))
        if known is not None:
            key, is_exact = known
            self._is_exact &= is_exact
            return key
        self._effort.spend(1 + len(value))
        is_exact, self._is_exact = self._is_exact, True
        holes = len(self._holes)
        key = self._object(value, scope) if value.__class__ is dict else self._list(value, scope)
        if holes == len(self._holes) and _is_deep(value):
            self._known[id(value), scope] = key, self._is_exact
        self._is_exact &= is_exact
        return key

    def _object(
        self, value: dict[str, Any], scope: Scope, needed: Collection[str] = ()
    ) -> Hashable:
        if scope.extra_allowed is not None and not needed:
            self._is_exact = False
            return dict
        parts: list[Hashable] = [dict]
        for name in sorted(value):
            inside = scope.step(name)
            may_be_absent = inside.extra_allowed is not None and name not in needed
            if (inside.is_blurred or may_be_absent) and inside.ignore is None:
                self._is_exact = False
                continue
            key = self._key(value[name], inside)
            if key is not _IGNORED and key is not _NOTHING:
                parts += (name, key)
        if len(parts) == 1 and scope.empty_is_absent is not None:
            return _NOTHING
        return self._shared(tuple(parts))

    def _list(self, value: list[Any], scope: Scope) -> Hashable:
        if not value and scope.empty_is_absent is not None:
            return _NOTHING
        if scope.grows:
            self._is_exact = False
            return list
        if scope.keyed is not None:
            return self._shared((list, self._by_identity(value, scope)))
        if scope.unordered is not None:
            return self._shared((list, self._as_set(value, scope.element)))
        keys = [self._key(element, scope.step(i)) for i, element in enumerate(value)]
        while keys and keys[-1] is _IGNORED:
            del keys[-1]
        return self._shared((list, *keys))

    def _by_identity(self, value: list[Any], scope: Scope) -> Hashable:
        """Elements that share an identity are compared as they stand."""
        inside = scope.element
        if inside.ignore is not None:
            return None
        groups: defaultdict[Hashable, list[Hashable]] = defaultdict(list)
        told = identities(value, scope, self._effort)
        for identity, element in zip(told, value, strict=True):
            found = self.of(element, inside)
            groups[identity].append(found.key)
            self._is_exact &= found.is_exact and not found.holes
        return frozenset((identity, tuple(keys)) for identity, keys in groups.items())

    def _as_set(self, value: list[Any], inside: Scope) -> Hashable:
        """The keys with their numbers; single holes are told in their own order."""
        if inside.ignore is not None:
            return None
        found = [self.of(element, inside) for element in value]
        self._is_exact &= all(each.is_exact and len(each.holes) < 2 for each in found)
        holes: defaultdict[int, list[Hole]] = defaultdict(list)
        for each in found:
            holes[self._order.setdefault(each.key, len(self._order))] += each.holes
        for key in sorted(holes) if self._is_exact else ():
            self._holes += sorted(holes[key], key=lambda hole: hole.position)
        return frozenset(Counter(each.key for each in found).items())

    def _shared(self, key: Hashable) -> Hashable:
        """One small key for all equal ones, so that none is compared or hashed in depth."""
        return self._keys.setdefault(key, object())


def _is_deep(value: Any) -> bool:
    inside = value.values() if value.__class__ is dict else value
    return any(each.__class__ in _CONTAINERS for each in inside)


def is_nothing(value: Any, scope: Scope) -> bool:
    """Whether `value` is like one that is absent."""
    if value is ABSENT:
        return True
    if value is None:
        return scope.null_is_absent is not None
    if scope.empty_is_absent is None or value.__class__ not in (str, list, dict):
        return False
    return not value or (
        value.__class__ is dict
        and all(
            (inside := scope.step(name)).ignore is not None or is_nothing(member, inside)
            for name, member in value.items()
        )
    )


def identities(elements: list[Any], keyed: Scope, effort: Effort) -> list[Hashable]:
    """What tells each element of a keyed list from the others; `ABSENT` if nothing does.

    Raises:
        BudgetSpentError: there are too many values.
    """
    columns = [_column(elements, names, keyed.element, effort) for names in keyed.members]
    if len(columns) == 1:
        return columns[0]
    return [ABSENT if set(row) == {ABSENT} else row for row in zip(*columns, strict=True)]


def _column(
    elements: list[Any], names: tuple[str, ...], scope: Scope, effort: Effort
) -> list[Hashable]:
    for name in names:
        scope = scope.step(name)
        elements = [
            each.get(name, ABSENT) if each.__class__ is dict else ABSENT for each in elements
        ]
    if scope.is_plain and set(map(type, elements)) == {str}:
        return elements
    return [ABSENT if each is ABSENT else _identity(each, scope, effort) for each in elements]


def _identity(value: Any, scope: Scope, effort: Effort) -> Hashable:
    """The value itself, but for how rules say that a text or a number may be written."""
    if is_nothing(value, scope):
        return ABSENT
    if isinstance(value, str) and scope.as_number is not None:
        value = number_in(value) or value
    if isinstance(value, str) and scope.fold:
        return fold(value)
    return effort.classes.of(value, FREE).key
