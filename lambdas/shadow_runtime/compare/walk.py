"""One walk over two parsed bodies: what differs, where, and which rules said that it is nothing."""

from collections.abc import Iterable, Iterator
from itertools import count, repeat
from typing import Any

from shadow_runtime.compare.bodies import plain
from shadow_runtime.compare.findings import ABSENT, DataKey, Difference, Kind, Steps
from shadow_runtime.compare.pairing import Pairing, by_member, by_value
from shadow_runtime.compare.rules import NULL_IS_ABSENT, Rules
from shadow_runtime.compare.scope import PathRule, Scope

Mark = tuple[int, frozenset[str]]
Pair = tuple[str | int, Any, Any]
Pairs = Iterable[Pair]
"""Steps, and the values of control and candidate there."""

_MOST_TRIALS = 50_000
"""Pairs of elements tried in one comparison: lists in lists in lists could ask for any number."""

_CONTAINERS = frozenset((dict, list))
_NOTHING = (None, ABSENT)
_MISSING, _EXTRA, _TYPE = Kind.MISSING, Kind.EXTRA, Kind.TYPE
_VALUE, _ORDER, _SIZE = Kind.VALUE, Kind.ORDER, Kind.SIZE  # reading an enum's member is slow


class CapReachedError(Exception):
    """There are more differences than anyone asked for."""


class Walk:
    """Finds the differences of two values and all that is below them, the shallow ones first.

    Containers wait in a list instead of on the call stack. Only what differs is looked into, and
    only a leaf that differs meets the rules.
    """

    def __init__(self, rules: Rules, *, cap: int, trials: Iterator[int] | None = None) -> None:
        self.differences: list[Difference] = []
        self.excused_by: set[str] = set()
        self._rules = rules
        self._cap = cap
        self._trials = trials or iter(range(_MOST_TRIALS))
        self._waiting: list[tuple[Any, Any, Steps, Scope]] = []

    def compare(self, pairs: Pairs, trail: Steps, scope: Scope) -> None:
        """Find every difference of the pairs (step, control, candidate) one step below `trail`.

        Raises:
            CapReachedError: at the first difference too many.
        """
        self._pairs(pairs, trail, scope)
        for control, candidate, at, here in self._waiting:
            if here.ignore is not None:
                self.excused_by.add(here.ignore)
            elif control.__class__ is dict:
                self._members(control, candidate, at, here)
            elif here.keyed is not None:
                self._keyed(control, candidate, at, here, here.keyed)
            elif here.unordered is not None:
                self._unordered(control, candidate, at, here, here.unordered)
            else:
                self._elements(control, candidate, at, here)

    def mark(self) -> Mark:
        """What has been found so far, for `reset`."""
        return len(self.differences), frozenset(self.excused_by)

    def reset(self, mark: Mark) -> None:
        """Forget what was found since `mark`."""
        found, excused_by = mark
        del self.differences[found:]
        self.excused_by = set(excused_by)
        self._waiting = []

    def differ(self, control: Any, candidate: Any, trail: Steps, scope: Scope, kind: Kind) -> None:
        """Take note of a difference that no rule excuses."""
        if scope.ignore is not None:
            self.excused_by.add(scope.ignore)
            return
        if len(self.differences) == self._cap:
            raise CapReachedError
        steps = self._with_data_keys(trail) if self._rules.data_keys else trail
        self.differences.append(Difference(steps, kind, control, candidate, scope.clear))

    def _pairs(self, pairs: Pairs, trail: Steps, scope: Scope) -> None:
        for step, control, candidate in pairs:
            if control == candidate:
                continue
            at, here, kind = (*trail, step), scope.step(step), kind_of(control, candidate)
            if kind is _VALUE and control.__class__ in _CONTAINERS:
                self._waiting.append((control, candidate, at, here))
            else:
                self.leaf(plain(control), plain(candidate), at, here, kind)

    def _members(
        self, control: dict[str, Any], candidate: dict[str, Any], trail: Steps, scope: Scope
    ) -> None:
        others = map(candidate.get, control, repeat(ABSENT))
        self._pairs(zip(control, control.values(), others, strict=True), trail, scope)
        if candidate.keys() != control.keys():
            extra = [(key, ABSENT, candidate[key]) for key in candidate if key not in control]
            self._pairs(extra, trail, scope)

    def _elements(
        self, control: list[Any], candidate: list[Any], trail: Steps, scope: Scope
    ) -> None:
        if len(control) != len(candidate):
            self._sizes(control, candidate, trail, scope)
            self._pairs(aligned(control, candidate), trail, scope)
        elif self._is_shuffled(control, candidate, trail, scope):
            self.differ(plain(control), plain(candidate), trail, scope, _ORDER)
        else:
            self._pairs(zip(count(), control, candidate, strict=False), trail, scope)

    def _unordered(
        self, control: list[Any], candidate: list[Any], trail: Steps, scope: Scope, rule: PathRule
    ) -> None:
        found = self._paired(control, candidate, trail, scope)
        rest = zip(found.control_only, found.candidate_only, strict=False)
        self._together(control, candidate, trail, scope, [*found.pairs, *rest])
        if len(control) != len(candidate):
            self._sizes(control, candidate, trail, scope)
        if found.moved:
            self.excused_by.add(rule.name)

    def _keyed(
        self, control: list[Any], candidate: list[Any], trail: Steps, scope: Scope, rule: PathRule
    ) -> None:
        found = by_member(control, candidate, rule.value)
        self._together(control, candidate, trail, scope, found.pairs)
        self._pairs([(i, control[i], ABSENT) for i in found.control_only], trail, scope)
        self._pairs([(j, ABSENT, candidate[j]) for j in found.candidate_only], trail, scope)
        if found.moved:
            self.excused_by.add(rule.name)

    def _together(
        self,
        control: list[Any],
        candidate: list[Any],
        trail: Steps,
        scope: Scope,
        indexes: list[tuple[int, int]],
    ) -> None:
        self._pairs([(i, control[i], candidate[j]) for i, j in indexes], trail, scope)

    def _paired(
        self, control: list[Any], candidate: list[Any], trail: Steps, scope: Scope
    ) -> Pairing:
        def close(i: int, j: int) -> bool:
            if next(self._trials, None) is None:
                return False
            trial = Walk(self._rules, cap=0, trials=self._trials)
            try:
                trial.compare([(i, control[i], candidate[j])], trail, scope)
            except CapReachedError:
                return False
            return True

        null_is_absent = self._rules.null_is_absent
        return by_value(control, candidate, scope, null_is_absent=null_is_absent, close=close)

    def _is_shuffled(
        self, control: list[Any], candidate: list[Any], trail: Steps, scope: Scope
    ) -> bool:
        """Whether both hold the same elements in another order, seen at the first that differs."""
        here, there = next((x, y) for x, y in zip(control, candidate, strict=True) if x != y)
        if here not in candidate or there not in control:
            return False
        return not self._paired(control, candidate, trail, scope).control_only

    def _sizes(self, control: list[Any], candidate: list[Any], trail: Steps, scope: Scope) -> None:
        ignored = scope.step(min(len(control), len(candidate))).ignore
        if ignored is None:
            self.differ(plain(control), plain(candidate), trail, scope, _SIZE)
        else:
            self.excused_by.add(ignored)

    def leaf(self, control: Any, candidate: Any, trail: Steps, scope: Scope, kind: Kind) -> None:
        """Take note of two leaves, unless they are one number or a rule excuses them."""
        if kind is _VALUE and control == candidate:
            return
        if self._rules.null_is_absent and control in _NOTHING and candidate in _NOTHING:
            self.excused_by.add(NULL_IS_ABSENT)
            return
        for name, leniency in scope.leniencies:
            if leniency.excuses(control, candidate):
                self.excused_by.add(name)
                return
        self.differ(control, candidate, trail, scope, kind)

    def _with_data_keys(self, steps: Steps) -> Steps:
        scope = self._rules.scope
        marked: list[str | int] = []
        for step in steps:
            is_data = scope.data_keys and isinstance(step, str)
            marked.append(DataKey(step) if is_data else step)
            scope = scope.step(step)
        return tuple(marked)


def aligned(control: list[Any], candidate: list[Any]) -> Iterable[Pair]:
    """Two lists of different lengths, matched from both ends; the surplus is somewhere between."""
    shorter = min(len(control), len(candidate))
    end = 0
    while end < shorter and control[-1 - end] == candidate[-1 - end]:
        end += 1
    for i in (*range(shorter - end), *range(-end, 0)):
        yield i % len(control), control[i], candidate[i]


def kind_of(control: Any, candidate: Any) -> Kind:
    """In what two leaves differ, numbers still being text."""
    if control.__class__ is candidate.__class__:
        return _VALUE
    if candidate is ABSENT:
        return _MISSING
    return _EXTRA if control is ABSENT else _TYPE
