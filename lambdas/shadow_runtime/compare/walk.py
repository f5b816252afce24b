"""One walk over two parsed bodies: what differs, where, and which rules said that it is nothing."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import count, repeat
from typing import Any

from shadow_runtime.compare.bodies import ABSENT, exact, form, is_same_number, number_in
from shadow_runtime.compare.classes import BudgetSpentError, Effort, identities, is_nothing
from shadow_runtime.compare.findings import DataKey, Difference, Kind, Steps, folded
from shadow_runtime.compare.pairing import by_identity, by_value, is_permutation
from shadow_runtime.compare.rules import Rules
from shadow_runtime.compare.scope import FREE, Scope

Trail = tuple[Any, str | int] | None
"""Where a value is: the trail of what holds it, and one step. Short, however deep it is."""

Pairs = Iterable[tuple[str | int, Any, Any]]
"""Steps, and the values of control and candidate there, which are not equal as they stand."""

_NOWHERE = (None, -1)
_PER_TRIAL = 9  # steps: that much longer than the sight of two values takes a walk of its own
_CONTAINERS = frozenset((dict, list))
_MISSING, _EXTRA, _TYPE = Kind.MISSING, Kind.EXTRA, Kind.TYPE
_VALUE, _ORDER, _SIZE = Kind.VALUE, Kind.ORDER, Kind.SIZE  # reading an enum's member is slow


_Task = tuple[Callable[..., object], Any, Any, Trail, Scope]
"""What to do with the values of control and candidate at a trail, where a scope holds."""


class CapReachedError(Exception):
    """There are more differences than anyone asked for."""


class Walk:
    """Finds the differences of two values and of all that is below them.

    Containers wait in a list instead of on the call stack. Only what differs is looked into, and
    only a leaf that differs meets the rules. With a cap of 0 it is a trial, which ends at the first
    difference and reports none.
    """

    def __init__(self, rules: Rules, effort: Effort, *, cap: int) -> None:
        self.differences: list[Difference] = []
        self.excused_by: set[str] = set()
        self.undecided: set[str] = set()
        self.unusable: set[str] = set()
        self.is_capped = False
        self._rules = rules
        self._effort = effort
        self._cap = cap
        self._is_trial = cap == 0
        self._waiting: deque[_Task] = deque()
        self._marks: list[int] = []

    def compare(self, control: Any, candidate: Any, trail: Trail, scope: Scope) -> None:
        """Find every difference, the shallow ones first; none in what is out of reach.

        Raises:
            BudgetSpentError: a trial that cannot be ended.
        """
        mark = len(self.differences)
        self._waiting.append((self._start, control, candidate, trail, scope))
        while self._waiting:
            task, here, there, at, rules = self._waiting.popleft()
            try:
                task(here, there, at, rules)
            except CapReachedError:
                self.is_capped = not self._is_reordered()
                if self.is_capped:
                    break
            except (BudgetSpentError, RecursionError):
                if self._is_trial:
                    raise
                self.undecided.add(folded(_steps(at)))
        if len(self.differences) > mark + 1:
            self.differences[mark:] = sorted(self.differences[mark:], key=lambda d: len(d.steps))

    def differ(self, control: Any, candidate: Any, trail: Trail, scope: Scope, kind: Kind) -> None:
        """Take note of a difference that no other rule than `ignore` excuses.

        Raises:
            CapReachedError: it is one too many.
        """
        if scope.ignore is not None:
            self.excused_by.add(scope.ignore)
            return
        if len(self.differences) == self._cap:
            raise CapReachedError
        steps = self._with_data_keys(trail) if self._rules.data_keys else _steps(trail)
        self.differences.append(Difference(steps, kind, control, candidate, scope.clear))

    def _excuse(self, *names: str | None) -> None:
        self.excused_by.update(name for name in names if name is not None)

    def _start(self, control: Any, candidate: Any, trail: Any, scope: Scope) -> None:
        outer, step = trail
        self.look([(step, control, candidate)], outer, FREE, scope)

    def look(
        self,
        pairs: Pairs,
        trail: Trail,
        above: Scope,
        inside: Scope | None = None,
        kind: Kind | None = None,
    ) -> None:
        """Take note of what differs in the pairs below `trail`; containers are looked into later.

        The rules are those of `inside`, or those that each step from `above` leads to.

        Raises:
            CapReachedError: there is one difference too many.
        """
        later: list[_Task] = []
        may_add = above.extra_allowed
        for step, control, candidate in pairs:
            if self._is_trial:
                self._effort.spend()
            scope, at = inside or above.step(step), (trail, step)
            if scope.ignore is not None:
                self.excused_by.add(scope.ignore)
            elif control.__class__ in _CONTAINERS and control.__class__ is candidate.__class__:
                if scope.present is None:
                    later.append((self._task(control, scope), control, candidate, at, scope))
                else:
                    self.excused_by.add(scope.present)
            else:
                names = excuses(control, candidate, scope, may_add)
                if names is None:
                    self.differ(control, candidate, at, scope, kind or _kind(control, candidate))
                elif names:
                    self._excuse(*names)
        if self._marks:  # what an open list holds is walked to its end before anything else is
            self._waiting.extendleft(reversed(later))
        else:
            self._waiting.extend(later)

    def _task(self, control: Any, scope: Scope) -> Callable[..., object]:
        if control.__class__ is dict:
            return self._members
        if scope.keyed is not None:
            return self._keyed
        return self._elements if scope.unordered is None else self._unordered

    def _members(
        self, control: dict[str, Any], candidate: dict[str, Any], trail: Trail, scope: Scope
    ) -> None:
        others = map(candidate.get, control, repeat(ABSENT))
        both = zip(control, control.values(), others, strict=True)
        self.look([(key, x, y) for key, x, y in both if x != y], trail, scope)
        if candidate.keys() != control.keys():
            extra = [(key, ABSENT, candidate[key]) for key in candidate if key not in control]
            self.look(extra, trail, scope)

    def _elements(
        self, control: list[Any], candidate: list[Any], trail: Trail, scope: Scope
    ) -> None:
        is_as_long = len(control) == len(candidate)
        if not is_as_long and not self._is_surplus_excused(control, candidate, scope):
            self.differ(control, candidate, trail, scope, _SIZE)
            self.look(self._aligned(control, candidate, scope.element), trail, scope)
            return
        pairs = _in_place(control, candidate)
        if is_as_long and len(pairs) > 1 and not self._is_trial:
            self._waiting.appendleft((self._close, control, candidate, trail, scope))
            self._marks.append(len(self.differences))
        self.look(pairs, trail, scope)

    def _close(self, control: list[Any], candidate: list[Any], trail: Trail, scope: Scope) -> bool:
        """The order is what differs, where the same elements stand in other places."""
        mark = self._marks.pop()
        if len(self.differences) == mark or not self._is_permutation(control, candidate, scope):
            return False
        del self.differences[mark:]
        self.differ(control, candidate, trail, scope, _ORDER)
        return True

    def _is_reordered(self) -> bool:
        """Whether the differences that are too many are those of one list in another order."""
        while self._marks:
            task, *rest = self._waiting.popleft()
            if task == self._close and self._close(*rest):
                return True
        return False

    def _is_permutation(self, control: list[Any], candidate: list[Any], scope: Scope) -> bool:
        pairs = _in_place(control, candidate)
        here, there = [x for _, x, _ in pairs], [y for _, _, y in pairs]
        try:
            return is_permutation(here, there, scope.element, self._effort)
        except (BudgetSpentError, RecursionError):
            return False

    def _is_surplus_excused(self, control: list[Any], candidate: list[Any], scope: Scope) -> bool:
        """Whether each element that only the longer list has may be there."""
        shorter, longer = sorted((len(control), len(candidate)))
        is_extra = len(candidate) == longer
        names = {
            inside.ignore or (is_extra and (scope.extra_allowed or inside.extra_allowed)) or None
            for inside in map(scope.step, range(shorter, longer))
        }
        if None in names:
            return False
        self._excuse(*names)
        return True

    def _unordered(
        self, control: list[Any], candidate: list[Any], trail: Trail, scope: Scope
    ) -> None:
        inside = scope.element
        if inside.ignore is not None:
            self._excuse(inside.ignore)
            return
        may_add = scope.extra_allowed or inside.extra_allowed
        is_as_long = len(control) == len(candidate)
        if is_as_long:
            pairs = _in_place(control, candidate)
            is_alone = len(control) == 1
            if is_alone or all(self._alike(x, y, inside) for _, x, y in pairs):
                if is_alone or not self._is_trial:
                    self.look(pairs, trail, scope, inside)
                return
        elif len(control) > len(candidate) or may_add is None:
            self.differ(control, candidate, trail, scope, _SIZE)
        found = by_value(
            control, candidate, inside, self._effort, lambda x, y: self._alike(x, y, inside)
        )
        if self._is_trial:
            if found.control_only or (is_as_long and found.candidate_only):
                raise CapReachedError
            return
        rest = [*zip(found.control_only, found.candidate_only, strict=False)]
        if found.is_open and not rest:  # there are too many of some kind, nobody knows which
            self.differ(control, candidate, trail, scope, _VALUE)
        self._together(control, candidate, [*rest, *found.pairs], trail, scope)
        if found.moved:
            self._excuse(scope.unordered)
        if len(candidate) > len(control):
            self._excuse(may_add)

    def _keyed(self, control: list[Any], candidate: list[Any], trail: Trail, scope: Scope) -> None:
        inside = scope.element
        if inside.ignore is not None:
            self._excuse(inside.ignore)
            return
        here = identities(control, scope, self._effort)
        there = identities(candidate, scope, self._effort)
        if here == there and here.count(ABSENT) < len(here):
            self.look(_in_place(control, candidate), trail, scope, inside)
            return
        if control and candidate and {*here, *there} == {ABSENT}:
            names = " or ".join(".".join(member) for member in scope.members)
            self.unusable.add(f"{scope.keyed}: no element has {names}")
            self._elements(control, candidate, trail, scope)
            return
        found = by_identity(here, there)
        self._together(control, candidate, found.pairs, trail, scope)
        self.look(((i, control[i], ABSENT) for i in found.control_only), trail, scope, inside)
        self.look(((j, ABSENT, candidate[j]) for j in found.candidate_only), trail, scope, inside)
        if found.moved:
            self._excuse(scope.keyed)

    def _together(
        self,
        control: list[Any],
        candidate: list[Any],
        indexes: Iterable[tuple[int, int]],
        trail: Trail,
        scope: Scope,
    ) -> None:
        pairs = ((i, control[i], candidate[j]) for i, j in indexes)
        self.look((pair for pair in pairs if pair[1] != pair[2]), trail, scope, scope.element)

    def _alike(self, control: Any, candidate: Any, scope: Scope) -> bool:
        if control == candidate:
            return True
        key = id(control), id(candidate), scope
        known = self._effort.alike.get(key)
        self._effort.spend(_PER_TRIAL if known is None else 1)
        if known is None:
            trial = Walk(self._rules, self._effort, cap=0)
            trial.compare(control, candidate, _NOWHERE, scope)
            known = not trial.is_capped
            if control.__class__ in _CONTAINERS:
                self._effort.alike[key] = known
        return known

    def _aligned(self, control: list[Any], candidate: list[Any], inside: Scope) -> Pairs:
        """Lists of different lengths, matched from both ends; the surplus is somewhere between."""
        shorter, end = min(len(control), len(candidate)), 0
        try:
            while end < shorter and self._alike(control[-1 - end], candidate[-1 - end], inside):
                end += 1
        except (BudgetSpentError, RecursionError):
            pass
        return _in_place(control[: shorter - end], candidate[: shorter - end])

    def _with_data_keys(self, trail: Trail) -> Steps:
        scope = self._rules.scope
        marked: list[str | int] = []
        for step in _steps(trail):
            is_data = scope.data_keys and isinstance(step, str)
            marked.append(DataKey(step) if is_data else step)
            scope = scope.step(step)
        return tuple(marked)


def _kind(control: Any, candidate: Any) -> Kind:
    if control.__class__ is candidate.__class__:
        return _VALUE
    if candidate is ABSENT:
        return _MISSING
    return _EXTRA if control is ABSENT else _TYPE


def _in_place(control: list[Any], candidate: list[Any]) -> list[tuple[int, Any, Any]]:
    both = zip(count(), control, candidate, strict=False)
    return [(i, x, y) for i, x, y in both if x != y]


def _steps(trail: Trail) -> Steps:
    steps: list[str | int] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))


def excuses(
    control: Any, candidate: Any, scope: Scope, may_add: str | None
) -> tuple[str | None, ...] | None:
    """The rules that hold two leaves equal, none if they are one number; None if they differ."""
    is_number = control.__class__ is bytes and candidate.__class__ is bytes
    if is_number and not scope.strict and is_same_number(control, candidate):
        return ()
    if scope.is_plain and may_add is None:
        return None
    if is_nothing(control, scope) and is_nothing(candidate, scope):
        return _nothing_by(control, scope), _nothing_by(candidate, scope)
    if control is ABSENT or candidate is ABSENT:
        allowed = scope.extra_allowed or may_add
        return (allowed,) if control is ABSENT and allowed is not None else None
    if scope.strict and form(control, scope.as_number) != form(candidate, scope.as_number):
        return None
    if is_number and is_same_number(control, candidate):
        return ()
    if scope.present is not None and control.__class__ is candidate.__class__:
        return (scope.present,)
    return _measured(control, candidate, scope) or _as_numbers(control, candidate, scope)


def _measured(control: Any, candidate: Any, scope: Scope) -> tuple[str, ...] | None:
    for measure in scope.measures:
        if (name := measure.excuses(control, candidate)) is not None:
            return (name,)
    return None


def _as_numbers(control: Any, candidate: Any, scope: Scope) -> tuple[str, ...] | None:
    if scope.as_number is None:
        return None
    here, there = (number_in(v) if isinstance(v, str) else v for v in (control, candidate))
    if here.__class__ is not bytes or there.__class__ is not bytes:
        return None
    if exact(here) == exact(there):
        return (scope.as_number,)
    measured = _measured(here, there, scope)
    return measured and (scope.as_number, *measured)


def _nothing_by(value: Any, scope: Scope) -> str | None:
    """The rule by which `value` is like an absent one."""
    if value is ABSENT:
        return None
    return scope.null_is_absent if value is None else scope.empty_is_absent
