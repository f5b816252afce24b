"""Which rules hold where a walk stands: path patterns compiled once, as visited."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from shadow_runtime.compare.leniency import Leniency
from shadow_runtime.compare.paths import Pattern, advance, reach


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
