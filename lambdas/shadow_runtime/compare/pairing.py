"""Which elements of two lists belong together, within one budget for a whole comparison.

Elements are sorted into classes first: those of one class are equal under the rules, but for the
distance between their numbers and times. What is left is a matching between points, which falls
apart into small ones wherever a gap is wider than the rules allow.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from shadow_runtime.compare.bodies import ABSENT, exact, fold, form, number_in
from shadow_runtime.compare.scope import FREE, Measure, Scope

BUDGET = 100_000
"""Steps that any comparison may take to pair elements; one takes about a microsecond."""

BUDGET_PER_CHARACTER = 2
"""Steps on top for each character or byte of both bodies."""

_PER_SET = 4  # steps for the elements that are near another one on one axis
_WIDE = 8_192  # elements, as bits, that take twice as long as a few
_PER_LINE = 1_024  # pairs of elements; so no more than about 8 bytes are held for each step
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
        shadow_runtime.compare.pairing.BudgetSpentError
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


class Standing(NamedTuple):
    """One element as it is paired: where its holes stand, and its index."""

    positions: tuple[Any, ...]
    at: int


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


class Pairing(NamedTuple):
    """Pairs of indexes (control, candidate), and the indexes that have no partner.

    Where the budget was spent (`is_open`), there are elements in none of them.
    """

    pairs: list[tuple[int, int]]
    control_only: list[int]
    candidate_only: list[int]
    is_open: bool = False

    @property
    def moved(self) -> bool:
        """Whether any element stands at another index than its partner."""
        return any(left != right for left, right in self.pairs)


def by_identity(here: list[Hashable], there: list[Hashable]) -> Pairing:
    """Pair the elements with one identity; those that share theirs are paired as they stand."""
    if here == there:
        return Pairing([(i, i) for i in range(len(here))], [], [])
    partners = defaultdict(list)
    for j in reversed(range(len(there))):
        partners[there[j]].append(j)
    pairs = [(i, partners[key].pop()) for i, key in enumerate(here) if partners[key]]
    return _pairing(pairs, [], len(here), len(there))


def by_value(
    control: list[Any],
    candidate: list[Any],
    scope: Scope,
    effort: Effort,
    alike: Callable[[Any, Any], bool],
) -> Pairing:
    """Pair as many elements as can be that are equal under the rules of `scope`.

    Raises:
        BudgetSpentError: the steps do not suffice to tell whether each of control's finds one.
    """
    pairs: list[tuple[int, int]] = []
    if scope.is_transitive:
        pairs = [(i, i) for i, (x, y) in enumerate(zip(control, candidate, strict=False)) if x == y]
    same = {i for i, _ in pairs}
    alone = [[i for i in range(len(side)) if i not in same] for side in (control, candidate)]
    lefts = [control[i] for i in alone[0]] if scope.grows else []
    names = (
        set.intersection(*map(set, lefts))
        if lefts and all(isinstance(x, dict) for x in lefts)
        else None
    )
    unpaired: list[_Room] = []
    for room in _rooms(control, candidate, alone, scope, effort, names):
        for part in _parts(room, effort):
            try:
                pairs += _matched(part, lambda i, j: alike(control[i], candidate[j]), effort)
            except BudgetSpentError:
                unpaired.append(part)
    found = _pairing(pairs, unpaired, len(control), len(candidate))
    is_certain = found.control_only or (found.candidate_only and len(control) == len(candidate))
    if unpaired and not is_certain:
        raise BudgetSpentError
    return found


def _common_names(elements: list[Any]) -> set[str] | None:
    """The members that each of these has, if all are objects: none of them is an extra one."""
    if not elements or any(element.__class__ is not dict for element in elements):
        return None
    return set.intersection(*map(set, elements))


def is_permutation(control: list[Any], candidate: list[Any], scope: Scope, effort: Effort) -> bool:
    """Whether two lists hold the same elements, as far as sorting them tells.

    Raises:
        BudgetSpentError: there are too many elements.
    """
    alone = [range(len(control)), range(len(candidate))]
    return all(
        room.is_exact
        and len(room.lefts) == len(room.rights)
        and all(map(room.are_near, sorted(room.lefts), sorted(room.rights)))
        for room in _rooms(control, candidate, alone, scope, effort)
    )


def _pairing(
    pairs: list[tuple[int, int]], unpaired: "list[_Room]", control: int, candidate: int
) -> Pairing:
    lefts = {i for i, _ in pairs}.union(each.at for room in unpaired for each in room.lefts)
    rights = {j for _, j in pairs}.union(each.at for room in unpaired for each in room.rights)
    return Pairing(
        sorted(pairs),
        [i for i in range(control) if i not in lefts],
        [j for j in range(candidate) if j not in rights],
        bool(unpaired),
    )


class _Room(NamedTuple):
    """The elements of both sides that share a class, and the measures of its holes."""

    lefts: list[Standing]
    rights: list[Standing]
    measures: tuple[Measure, ...]
    is_exact: bool

    def are_near(self, left: Standing, right: Standing) -> bool:
        """Whether no hole keeps the two apart."""
        return all(
            measure.near(here, there)
            for measure, here, there in zip(
                self.measures, left.positions, right.positions, strict=True
            )
        )


def _rooms(
    control: list[Any],
    candidate: list[Any],
    alone: Iterable[Iterable[int]],
    scope: Scope,
    effort: Effort,
    names: set[str] | None = None,
) -> Iterator[_Room]:
    sides: defaultdict[Hashable, tuple[list[Standing], list[Standing]]]
    sides = defaultdict(lambda: ([], []))
    classes: dict[Hashable, Class] = {}
    for side, (values, indexes) in enumerate(zip((control, candidate), alone, strict=True)):
        for index in indexes:
            found = effort.classes.of(values[index], scope, names)
            known = classes.setdefault(found.key, found)
            if known.is_exact and not found.is_exact:
                classes[found.key] = found
            positions = tuple(hole.position for hole in found.holes)
            sides[found.key][side].append(Standing(positions, index))
    for key, (lefts, rights) in sides.items():
        known = classes[key]
        if known.is_exact:
            yield _Room(lefts, rights, tuple(hole.measure for hole in known.holes), is_exact=True)
        else:  # then holes may be in any number and order
            here, there = ([Standing((), each.at) for each in side] for side in (lefts, rights))
            yield _Room(here, there, (), is_exact=False)


def _parts(room: _Room, effort: Effort) -> list[_Room]:
    """The room in parts that lie too far apart for a pair between two of them.

    It is cut along one axis after the other, until none has a gap that is wide enough.
    """
    axes = len(room.measures)
    if axes < 2:
        return [room]
    parts: list[_Room] = []
    waiting = [(room, 0, 0)]
    try:
        while waiting:
            part, axis, uncut = waiting.pop()
            if uncut == axes:
                parts.append(part)
            elif part.lefts and part.rights:
                cut = _cut(part, axis, effort)
                uncut = uncut + 1 if len(cut) == 1 else 1
                waiting += ((each, (axis + 1) % axes, uncut) for each in cut)
    except BudgetSpentError:
        return [room]
    return parts


def _cut(room: _Room, axis: int, effort: Effort) -> list[_Room]:
    effort.spend(len(room.lefts) + len(room.rights))
    line = [(left.positions[axis], 0, left) for left in room.lefts]
    line += [(right.positions[axis], 1, right) for right in room.rights]
    line.sort(key=itemgetter(0))
    near, before = room.measures[axis].near, line[0][0]
    parts = [room._replace(lefts=[], rights=[])]
    for position, is_right, each in line:
        if position != before and not near(before, position):
            parts.append(room._replace(lefts=[], rights=[]))
        side = parts[-1].rights if is_right else parts[-1].lefts
        side.append(each)
        before = position
    return parts


def _matched(
    room: _Room, alike: Callable[[int, int], bool], effort: Effort
) -> list[tuple[int, int]]:
    if not room.is_exact:
        rights = room.rights
        return _augmented(
            room.lefts,
            rights,
            lambda left, among: (k for k in _bits(among) if alike(left.at, rights[k].at)),
        )
    if len(room.measures) < 2:
        return _swept(room, effort)
    lefts, rights = sorted(room.lefts), sorted(room.rights)
    return _augmented(lefts, rights, _near_on_all_axes(lefts, rights, room.measures, effort))


def _swept(room: _Room, effort: Effort) -> list[tuple[int, int]]:
    """Both sides in one sweep, which is as good as it gets when one number varies, or none."""
    lefts, rights = sorted(room.lefts), sorted(room.rights)
    effort.spend(len(lefts) + len(rights))
    pairs: list[tuple[int, int]] = []
    at_left = at_right = 0
    while at_left < len(lefts) and at_right < len(rights):
        left, right = lefts[at_left], rights[at_right]
        if room.are_near(left, right):
            pairs.append((left.at, right.at))
            at_left, at_right = at_left + 1, at_right + 1
        elif left.positions <= right.positions:
            at_left += 1
        else:
            at_right += 1
    return pairs


_Partners = Callable[[Standing, int], Iterator[int]]
"""The places on the right, among those given as bits, of whoever may be paired with one."""


def _augmented(
    lefts: list[Standing], rights: list[Standing], partners: _Partners
) -> list[tuple[int, int]]:
    """As many pairs as there can be: whoever is left over makes others swap their partners.

    Augmenting paths, sought breadth first (Berge). No later path can end where a search in vain has
    been, so those places are left out of all that follow.
    """
    left_of: dict[int, Standing] = {}
    place_of: dict[int, int] = {}
    for place, left in enumerate(lefts[: len(rights)]):
        if next(partners(left, 1 << place), None) is not None:
            left_of[place], place_of[left.at] = left, place
    useful = (1 << len(rights)) - 1
    free = useful - sum(1 << place for place in left_of)
    for single in [left for left in lefts if left.at not in place_of]:
        reached: dict[int, Standing] = {}
        unseen = useful
        lookers = [single]
        for looker in lookers:
            end = next(partners(looker, unseen & free), None)
            if end is not None:
                free ^= 1 << end
                reached[end] = looker
                _swap(end, reached, left_of, place_of)
                break
            for place in partners(looker, unseen & ~free):
                unseen ^= 1 << place
                reached[place] = looker
                lookers.append(left_of[place])
        else:
            useful = unseen
    return [(left.at, rights[place].at) for place, left in left_of.items()]


def _swap(
    end: int | None,
    reached: dict[int, Standing],
    left_of: dict[int, Standing],
    place_of: dict[int, int],
) -> None:
    """Everyone on the path to `end` gives up a place, and takes the next one."""
    while end is not None:
        left = reached[end]
        given_up = place_of.get(left.at)
        left_of[end], place_of[left.at] = left, end
        end = given_up


def _near_on_all_axes(
    lefts: list[Standing],
    rights: list[Standing],
    measures: tuple[Measure, ...],
    effort: Effort,
) -> _Partners:
    """What is near on one axis stands together there: a range of ranks, and so a set of bits."""
    effort.spend((len(lefts) + len(rights) + len(rights) ** 2 // _PER_LINE) * len(measures))
    each = _PER_SET * len(measures) * (1 + len(rights) // _WIDE)
    reach: dict[int, list[range]] = {left.at: [] for left in lefts}
    lines: list[_Line] = []
    for axis, measure in enumerate(measures):
        line = sorted((right.positions[axis], place) for place, right in enumerate(rights))
        low = high = 0
        for here, at in sorted((left.positions[axis], left.at) for left in lefts):
            while low < len(line) and line[low][0] < here and not measure.near(here, line[low][0]):
                low += 1
            while high < len(line) and (line[high][0] <= here or measure.near(here, line[high][0])):
                high += 1
            reach[at].append(range(low, high))
        lines.append(_Line([place for _, place in line]))

    def partners(left: Standing, among: int) -> Iterator[int]:
        effort.spend(each)
        for line, ranks in zip(lines, reach[left.at], strict=True):
            among &= line.places(ranks)
        return _bits(among)

    return partners


class _Line:
    """Places in another order, so that those of a range of ranks are soon found, as bits."""

    _BLOCK = 16

    def __init__(self, places: list[int]) -> None:
        self._places = places
        self._up_to = [0]
        for start in range(0, len(places), self._BLOCK):
            block = places[start : start + self._BLOCK]
            self._up_to.append(self._up_to[-1] | sum(1 << place for place in block))

    def places(self, ranks: range) -> int:
        """The bits of the places with these ranks."""
        return self._below(ranks.stop) ^ self._below(ranks.start)

    def _below(self, rank: int) -> int:
        block = rank // self._BLOCK
        rest = self._places[block * self._BLOCK : rank]
        return self._up_to[block] | sum(1 << place for place in rest)


def _bits(among: int) -> Iterator[int]:
    while among:
        lowest = among & -among
        yield lowest.bit_length() - 1
        among ^= lowest
