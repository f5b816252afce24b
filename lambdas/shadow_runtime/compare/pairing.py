"""Which elements of two lists belong together when their order means nothing."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from shadow_runtime.compare.bodies import number
from shadow_runtime.compare.findings import ABSENT
from shadow_runtime.compare.scope import FREE, Scope

Close = Callable[[int, int], bool]
"""Whether control's element and the candidate's, by index, are equal under the rules."""

_TRUE, _FALSE, _IGNORED = object(), object(), object()


class Pairing(NamedTuple):
    """Pairs of indexes (control, candidate), and the indexes that found no partner."""

    pairs: list[tuple[int, int]]
    control_only: list[int]
    candidate_only: list[int]

    @property
    def moved(self) -> bool:
        """Whether any element stands at another index than its partner."""
        return any(left != right for left, right in self.pairs)


def by_value(
    control: list[Any], candidate: list[Any], scope: Scope, *, null_is_absent: bool, close: Close
) -> Pairing:
    """Pair the elements that are equal under the rules.

    Elements that rules of distance (numbers, times) make equal are sought among their neighbours
    first; all others meet in a dictionary, so that the effort grows with the number of elements.
    """
    canonical = Canonical(null_is_absent=null_is_absent)
    rooms = _Rooms()
    for i, value in enumerate(control):
        rooms[canonical.of(value, scope.step(i))][0].append((canonical.positions(), i))
    for j, value in enumerate(candidate):
        rooms[canonical.of(value, scope.step(j))][1].append((canonical.positions(), j))
    pairs: list[tuple[int, int]] = []
    for lefts, rights in rooms.values():
        pairs += _near(lefts, rights, close)
    return _with_rest(pairs, len(control), len(candidate))


def by_member(control: list[Any], candidate: list[Any], member: str) -> Pairing:
    """Pair the objects with the same `member`; those that share one are paired as they stand."""
    exact = Canonical(null_is_absent=False)

    def identity(item: Any) -> Hashable:
        value = item.get(member, ABSENT) if isinstance(item, dict) else ABSENT
        return value if isinstance(value, str) else exact.of(value, FREE)

    here, there = [*map(identity, control)], [*map(identity, candidate)]
    if here == there:
        return Pairing([(i, i) for i in range(len(here))], [], [])
    partners = defaultdict(list)
    for j in reversed(range(len(there))):
        partners[there[j]].append(j)
    pairs = [(i, partners[key].pop()) for i, key in enumerate(here) if partners[key]]
    return _with_rest(pairs, len(here), len(there))


class Canonical:
    """Values as hashable ones, equal when the values are equal under the rules.

    What rules of distance compare is left out of them, and told by `positions` instead.
    """

    def __init__(self, *, null_is_absent: bool) -> None:
        self._null_is_absent = null_is_absent
        self._positions: list[float] = []

    def positions(self) -> tuple[float, ...]:
        """Where the numbers and times stand that the last values left out."""
        positions, self._positions = tuple(self._positions), []
        return positions

    def of(self, value: Any, scope: Scope) -> Hashable:
        """`value` as it counts in `scope`."""
        if scope.ignore is not None:
            return _IGNORED
        match value:
            case bytes():
                value = number(value)
            case dict():
                return frozenset(self._members(value, scope))
            case list():
                elements = [self.of(element, scope.step(i)) for i, element in enumerate(value)]
                return _multiset(elements) if scope.unordered or scope.keyed else tuple(elements)
        for _, leniency in scope.leniencies:
            if (place := leniency.place(value)) is not None:
                kind, position = place
                self._positions += () if position is None else (position,)
                return kind
        return (_TRUE if value else _FALSE) if isinstance(value, bool) else value

    def _members(self, value: dict[str, Any], scope: Scope) -> Iterable[Hashable]:
        for key in sorted(value):
            inside = scope.step(key)
            if inside.ignore is None and not (self._null_is_absent and value[key] is None):
                yield key, self.of(value[key], inside)


_Standing = tuple[tuple[float, ...], int]
"""The positions of an element, and its index."""


class _Rooms(dict[Hashable, tuple[list[_Standing], list[_Standing]]]):
    """Elements of both sides, together with all that could equal them."""

    def __missing__(self, key: Hashable) -> tuple[list[_Standing], list[_Standing]]:
        return self.setdefault(key, ([], []))


def _multiset(elements: list[Hashable]) -> Hashable:
    return list, frozenset(Counter(elements).items())  # tagged, or `["a"]` would be `{"a": 1}`


def _near(lefts: list[_Standing], rights: list[_Standing], close: Close) -> list[tuple[int, int]]:
    if not lefts or not rights:
        return []
    if not lefts[0][0]:
        return [(i, j) for (_, i), (_, j) in zip(lefts, rights, strict=False)]
    matching = _neighbours(sorted(lefts), sorted(rights), close)
    _augment(matching, [i for _, i in lefts], [j for _, j in rights], close)
    return [(i, j) for j, i in matching.items()]


def _neighbours(lefts: list[_Standing], rights: list[_Standing], close: Close) -> dict[int, int]:
    """Both sides in one sweep, which is as good as it gets when only one number varies."""
    matching: dict[int, int] = {}
    at_left = at_right = 0
    while at_left < len(lefts) and at_right < len(rights):
        (left, i), (right, j) = lefts[at_left], rights[at_right]
        if close(i, j):
            matching[j] = i
            at_left, at_right = at_left + 1, at_right + 1
        elif left <= right:
            at_left += 1
        else:
            at_right += 1
    return matching


def _augment(matching: dict[int, int], lefts: list[int], rights: list[int], close: Close) -> None:
    """Let pairs swap partners until nobody else can be paired: Kuhn's algorithm."""
    for single in sorted(set(lefts) - set(matching.values())):
        reached: dict[int, int] = {}
        lookers = [single]
        for looker in lookers:
            for right in rights:
                if right in reached or not close(looker, right):
                    continue
                reached[right] = looker
                if right not in matching:
                    _swap(matching, reached, right)
                    lookers.clear()
                    break
                lookers.append(matching[right])


def _swap(matching: dict[int, int], reached: dict[int, int], right: int | None) -> None:
    partners = {left: right for right, left in matching.items()}
    while right is not None:
        left = reached[right]
        matching[right], right = left, partners.get(left)


def _with_rest(pairs: list[tuple[int, int]], control: int, candidate: int) -> Pairing:
    paired_left, paired_right = {i for i, _ in pairs}, {j for _, j in pairs}
    return Pairing(
        sorted(pairs),
        [i for i in range(control) if i not in paired_left],
        [j for j in range(candidate) if j not in paired_right],
    )
