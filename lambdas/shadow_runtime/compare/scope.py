"""Paths of rules, and which rules hold where a walk stands: patterns compiled once, as visited.

`$.user.name`, `$.items[*].id`, `$.**.updated_at`.
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any, NamedTuple, Protocol


class Wild(Enum):
    """A step that stands for many."""

    ONE = "*"
    INDEX = "[*]"
    DEEP = "**"


Step = str | int | Wild
Pattern = tuple[Step, ...]

_ROOT = re.compile(r"\$|status|headers(?=\.)")
_STEP = re.compile(
    r'\.(?P<wild>\*\*?)|\.(?P<name>[^.\[\]"*]+)|\[(?P<index>\d+|\*)\]|\["(?P<quoted>[^"]+)"\]'
)


def parse(path: str) -> Pattern:
    """The steps of `path`, the root first.

    Raises:
        ValueError: anything that is no path.
    """
    root = _ROOT.match(path) if isinstance(path, str) else None
    if root is None:
        raise _no_path(path)
    steps: list[Step] = [root[0]]
    end = root.end()
    while end < len(path):
        step = _STEP.match(path, end)
        if step is None:
            raise _no_path(path)
        steps.append(_step(step))
        end = step.end()
    return tuple(steps)


def reach(pattern: Pattern, offset: int) -> tuple[int, ...]:
    """Every offset that stands where `offset` stands: `**` may stand for no step at all."""
    offsets = [offset]
    while offsets[-1] < len(pattern) and pattern[offsets[-1]] is Wild.DEEP:
        offsets.append(offsets[-1] + 1)
    return tuple(offsets)


def advance(pattern: Pattern, offset: int, step: str | int) -> tuple[int, ...]:
    """The offsets that taking `step` at `offset` leads to; none where the pattern ends."""
    if offset == len(pattern):
        return ()
    wanted = pattern[offset]
    if wanted is Wild.DEEP:
        return reach(pattern, offset)
    takes = wanted is Wild.ONE or (wanted is Wild.INDEX and isinstance(step, int)) or wanted == step
    return reach(pattern, offset + 1) if takes else ()


def _step(match: re.Match[str]) -> Step:
    if match["wild"]:
        return Wild(match["wild"])
    if match["index"]:
        return Wild.INDEX if match["index"] == "*" else int(match["index"])
    return match["name"] or match["quoted"]


def _no_path(path: object) -> ValueError:
    return ValueError(
        f"{path!r} is no path; write $.user.name or $.items[*].id, .* for any one step, "
        '.** for any depth, ["a.b"] for an odd key, headers.etag for a header'
    )


Place = tuple[object, float | None]
"""Where a value stands among others: its kind, and its position if kinds are compared by distance.

Values of one kind without a position are equal; those of different kinds never are.
"""


class Leniency(Protocol):
    """A way in which two different values count as equal."""

    def excuses(self, control: Any, candidate: Any) -> bool:
        """Whether these two count as equal."""

    def place(self, value: Any) -> Place | None:
        """Where `value` stands; None if this leniency has nothing to say about it."""


class PathRule(NamedTuple):
    """One rule for one path; `value` is what its kind needs."""

    name: str
    kind: str
    pattern: Pattern
    value: Any


Ends = frozenset[tuple[int, int]]
"""How far each pattern has been followed: (which rule, how many steps)."""


class Scope:
    """The rules that hold at one place of an answer, and the way to the places below it.

    A step that no rule names leads where any other such step leads, so that the number of scopes
    depends on the rules alone, never on the keys in the answers.
    """

    __slots__ = (
        "_by_ends",
        "_ends",
        "_named",
        "_next",
        "_rules",
        "clear",
        "data_keys",
        "ignore",
        "keyed",
        "leniencies",
        "unordered",
    )

    def __init__(self, rules: list[PathRule], ends: Ends, by_ends: dict[Ends, "Scope"]) -> None:
        self._rules, self._ends, self._by_ends = rules, ends, by_ends
        self._next: dict[object, Scope] = {}
        self._named = {
            rules[rule].pattern[taken] for rule, taken in ends if taken < len(rules[rule].pattern)
        }
        here = [rules[rule] for rule, taken in sorted(ends) if taken == len(rules[rule].pattern)]
        self.ignore: str | None = next((r.name for r in here if r.kind == "ignore"), None)
        self.unordered = next((r for r in here if r.kind == "unordered"), None)
        self.keyed = next((r for r in here if r.kind == "keyed"), None)
        self.leniencies: tuple[tuple[str, Leniency], ...] = tuple(
            (r.name, r.value) for r in here if r.kind in ("numeric", "timestamps", "fold")
        )
        self.data_keys = any(r.kind == "data_keys" for r in here)
        self.clear = any(r.kind == "clear" for r in here)

    @classmethod
    def start(cls, rules: list[PathRule]) -> "Scope":
        """The scope above the roots: before any step."""
        return cls._at(
            rules, ((i, taken) for i, r in enumerate(rules) for taken in reach(r.pattern, 0)), {}
        )

    def step(self, step: str | int) -> "Scope":
        """The scope one object key or list index further down."""
        known = step if step in self._named else step.__class__
        scope = self._next.get(known)
        if scope is None:
            scope = self._next[known] = self._at(
                self._rules,
                (
                    (rule, after)
                    for rule, taken in self._ends
                    for after in advance(self._rules[rule].pattern, taken, step)
                ),
                self._by_ends,
            )
        return scope

    @classmethod
    def _at(
        cls, rules: list[PathRule], ends: Iterable[tuple[int, int]], by_ends: dict[Ends, "Scope"]
    ) -> "Scope":
        key = frozenset(ends)
        if key not in by_ends:
            by_ends[key] = cls(rules, key, by_ends)
        return by_ends[key]


FREE = Scope.start([])
"""Where no rule holds, nor anywhere below."""
