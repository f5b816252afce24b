"""Paths of rules, and which rules hold where a walk stands: patterns compiled once, as visited."""

import json
import operator
import re
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, NamedTuple


class Wild(Enum):
    """A step that stands for many."""

    ONE = "*"
    INDEX = "[*]"
    DEEP = "**"


class Glob(NamedTuple):
    """A step that stands for names: `*` is any text, of any length. Taken in linear time.

    Example:
        >>> Glob.of("*_at").takes("created_at"), Glob.of("a*a").takes("a")
        (True, False)
    """

    start: str
    middle: tuple[str, ...]
    end: str

    @classmethod
    def of(cls, text: str) -> "Glob":
        """As a path writes it."""
        start, *middle, end = text.split("*")
        return cls(start, tuple(middle), end)

    def takes(self, name: str) -> bool:
        """Whether it stands for `name`."""
        at, stop = len(self.start), len(name) - len(self.end)
        if at > stop or not (name.startswith(self.start) and name.endswith(self.end)):
            return False
        for part in self.middle:
            found = name.find(part, at, stop)
            if found < 0:
                return False
            at = found + len(part)
        return True


Step = str | int | Wild | Glob
Pattern = tuple[Step, ...]

_ROOT = re.compile(r"\$(rows\b)?|status\Z|headers(?=[.\[])")
_STEP = re.compile(
    r"""\.(?P<wild>\*\*?)(?=[.\[]|\Z)
    | \.(?P<name>[^.\[\]"'\s]+)
    | \[(?P<index>0|[1-9]\d*|\*)\]
    | \[(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]""",
    re.VERBOSE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(path: str) -> Pattern:
    r"""The steps of `path`, the root first; names of headers in lower case.

    Names in `["…"]` or `['…']` are read as in JSONPath (RFC 9535, 2.3.1.1), escapes included.

    Example:
        >>> parse('$.items[*]["a\\tb"]')
        ('$', 'items', <Wild.INDEX: '[*]'>, 'a\tb')

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
        steps.append(_step(step, path))
        end = step.end()
    return (steps[0], *map(_lower, steps[1:])) if root[0] == "headers" else tuple(steps)


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
    return reach(pattern, offset + 1) if _takes(wanted, step) else ()


def _takes(wanted: Step, step: str | int) -> bool:
    if isinstance(wanted, Glob):
        return isinstance(step, str) and wanted.takes(step)
    if wanted is Wild.INDEX:
        return isinstance(step, int)
    return wanted is Wild.ONE or wanted == step


def _step(match: re.Match[str], path: str) -> Step:
    if match["wild"]:
        return Wild(match["wild"])
    if match["index"]:
        return Wild.INDEX if match["index"] == "*" else int(match["index"])
    if match["quoted"]:
        return _unquoted(match["quoted"], path)
    name = match["name"]
    if "**" in name:
        raise _no_path(path)
    if "*" in name:
        return Glob.of(name)
    return name


def _unquoted(quoted: str, path: str) -> str:
    def as_json(match: re.Match[str]) -> str:
        if match[1] == '"':
            raise _no_path(path)  # only a double-quoted name escapes a double quote
        return {"'": "'", None: '\\"'}.get(match[1], match[0])

    try:
        if quoted[0] == "'":
            quoted = '"' + re.sub(r'\\(.)|"', as_json, quoted[1:-1]) + '"'
        name = str(json.loads(quoted))
    except ValueError:
        raise _no_path(path) from None
    if _SURROGATE.search(name):
        raise _no_path(path)
    return name


def _lower(step: Step) -> Step:
    if isinstance(step, Glob):
        return Glob(step.start.lower(), tuple(map(str.lower, step.middle)), step.end.lower())
    return step.lower() if isinstance(step, str) else step


def _no_path(path: object) -> ValueError:
    return ValueError(
        f"{path!r} is no path; write $.user.name or $.items[*].id, .* for any one step, "
        '.** for any depth, .*_at for names that end so, ["a b"] for an odd key, '
        "headers.etag for a header"
    )


Place = tuple[object, Any]
"""Where a value stands: its kind, and its position if values of that kind are some way apart.

Values of one kind without a position (None) are equal; those of different kinds never are.
"""


class Leniency(NamedTuple):
    """A way in which two different values count as equal.

    `place` tells where a value stands, or None where it has nothing to say about it; `near` whether
    two positions are close, and then also whatever lies between them.
    """

    place: Callable[[Any], Place | None]
    near: Callable[[Any, Any], bool] = operator.eq


class PathRule(NamedTuple):
    """One rule for one path; `value` is what its kind needs."""

    name: str
    kind: str
    pattern: Pattern
    value: Any = None


class Measure(NamedTuple):
    """The leniencies of one place that agree on where a value stands, by name."""

    place: Callable[[Any], Place | None]
    nears: tuple[tuple[str, Callable[[Any, Any], bool]], ...]

    def excuses(self, control: Any, candidate: Any) -> str | None:
        """The rule that holds the two values equal."""
        here, there = self.place(control), self.place(candidate)
        if here is None or there is None or here[0] != there[0]:
            return None
        return next((name for name, near in self.nears if near(here[1], there[1])), None)

    def near(self, here: Any, there: Any) -> bool:
        """Whether any of the rules holds two positions equal."""
        return any(near(here, there) for _, near in self.nears)


Ends = frozenset[tuple[int, int]]
"""How far each pattern has been followed: (which rule, how many steps)."""

_BY_DISTANCE = frozenset(("numeric", "timestamps"))
_OF_STRINGS = frozenset(("timestamps", "fold", "as_number", "empty_is_absent"))
_ACROSS_TYPES = frozenset(("as_number", "null_is_absent", "empty_is_absent"))
_WITHOUT_BEARING = frozenset(("unordered", "keyed", "data_keys", "clear", "compared"))
_ANY_INDEX = -1  # which no path can name


class Scope:
    """The rules that hold at one place of an answer, and the way to the places below it.

    A step that no rule names leads where any other such step leads, so that the number of scopes
    depends on the rules alone, never on the keys in the answers.
    """

    __slots__ = (
        "_by_ends",
        "_ends",
        "_globs",
        "_named",
        "_next",
        "_rules",
        "as_number",
        "clear",
        "data_keys",
        "empty_is_absent",
        "extra_allowed",
        "fold",
        "grows",
        "ignore",
        "is_blurred",
        "is_plain",
        "is_transitive",
        "keyed",
        "measures",
        "members",
        "null_is_absent",
        "present",
        "strict",
        "unordered",
    )

    def __init__(self, rules: list[PathRule], ends: Ends, by_ends: dict[Ends, "Scope"]) -> None:
        self._rules, self._ends, self._by_ends = rules, ends, by_ends
        self._next: dict[object, Scope] = {}
        patterns = [(rules[rule].pattern, taken) for rule, taken in ends]
        steps = [pattern[taken] for pattern, taken in patterns if taken < len(pattern)]
        self._named = {step for step in steps if isinstance(step, str | int)}
        self._globs = tuple({step for step in steps if isinstance(step, Glob)})
        here = [rules[rule] for rule, taken in sorted(ends) if taken == len(rules[rule].pattern)]

        def name(kind: str) -> str | None:
            return next((rule.name for rule in here if rule.kind == kind), None)

        self.ignore = name("ignore") or self._left_out()
        self.present = name("present")
        self.null_is_absent, self.empty_is_absent = name("null_is_absent"), name("empty_is_absent")
        self.extra_allowed = name("extra_allowed")
        self.as_number = name("as_number")
        self.unordered, self.keyed = name("unordered"), name("keyed")
        self.members: tuple[tuple[str, ...], ...] = next(
            (rule.value for rule in here if rule.kind == "keyed"), ()
        )
        self.measures = _measures(here)
        self.fold = name("fold") is not None
        self.strict = name("strict") is not None
        self.is_plain = all(rule.kind in _WITHOUT_BEARING for rule in here)
        self.data_keys = name("data_keys") is not None
        self.clear = name("clear") is not None
        self._classify(here)

    def _left_out(self) -> str | None:
        """The rule that lets only some paths be compared, where none of them leads any further."""
        only = [i for i, rule in enumerate(self._rules) if rule.kind == "compared"]
        alive = {rule for rule, _ in self._ends}
        return self._rules[only[0]].name if only and alive.isdisjoint(only) else None

    def _classify(self, here: list[PathRule]) -> None:
        """What pairing must know: whether "equal under the rules" sorts values into classes."""
        alive = [self._rules[rule] for rule, _ in self._ends]
        self.is_transitive = not _mix(alive) and all(r.kind not in _BY_DISTANCE for r in alive)
        self.grows = any(
            rule.kind == "extra_allowed" and taken >= len(rule.pattern) - 1
            for rule, taken in ((self._rules[rule], taken) for rule, taken in self._ends)
        )
        self.is_blurred = _mix(here) or (self.grows and self.empty_is_absent is not None)

    @classmethod
    def start(cls, rules: list[PathRule]) -> "Scope":
        """The scope above the roots: before any step."""
        return cls._at(
            rules, ((i, taken) for i, r in enumerate(rules) for taken in reach(r.pattern, 0)), {}
        )

    def step(self, step: str | int) -> "Scope":
        """The scope one object key or list index further down."""
        known: object = step if step in self._named else step.__class__
        if self._globs and known is str:
            known = tuple(glob for glob in self._globs if glob.takes(str(step)))
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

    @property
    def is_free(self) -> bool:
        """Whether no rule holds here, nor anywhere below."""
        return not self._ends and self.ignore is None

    @property
    def element(self) -> "Scope":
        """The scope of every element of a list whose order means nothing: no index names one."""
        return self.step(_ANY_INDEX)

    @classmethod
    def _at(
        cls, rules: list[PathRule], ends: Iterable[tuple[int, int]], by_ends: dict[Ends, "Scope"]
    ) -> "Scope":
        key = frozenset(ends)
        if key not in by_ends:
            by_ends[key] = cls(rules, key, by_ends)
        return by_ends[key]


def _measures(here: list[PathRule]) -> tuple[Measure, ...]:
    measures: dict[object, Measure] = {}
    for rule in here:
        if isinstance(rule.value, Leniency):
            place, near = rule.value
            known = measures.get(place, Measure(place, ()))
            measures[place] = Measure(place, (*known.nears, (rule.name, near)))
    return tuple(measures.values())


def _mix(rules: list[PathRule]) -> bool:
    """Whether two of the rules may each hold one string equal to others, by its own measure."""
    kinds = {rule.kind for rule in rules}
    measures = len(kinds & _OF_STRINGS) + sum(rule.kind == "shape" for rule in rules)
    return measures > 1 or ("present" in kinds and bool(kinds & _ACROSS_TYPES))


FREE = Scope.start([])
"""Where no rule holds, nor anywhere below."""
