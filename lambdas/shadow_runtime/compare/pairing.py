"""Which elements of two lists belong together.

Elements of one class are points, as far apart as their numbers and times. Their matching falls
apart into small ones wherever a gap is wider than the rules allow.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from shadow_runtime.compare.classes import BudgetSpentError, Class, Effort
from shadow_runtime.compare.scope import Measure, Scope

_PER_SET = 4  # steps for the elements that are near another one on one axis
_WIDE = 8_192  # elements, as bits, that take twice as long as a few
_PER_LINE = 1_024  # pairs of elements; so no more than about 8 bytes are held for each step


class Standing(NamedTuple):
    """One element as it is paired: where its holes stand, and its index."""

    positions: tuple[Any, ...]
    at: int


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
    unpaired: list[_Room] = []
    for room in _rooms(control, candidate, alone, scope, effort, _common_names(lefts)):
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
