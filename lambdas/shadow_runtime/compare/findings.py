"""What comparing two answers finds, and what may be said of it where others can read it.

Values come out as shapes and keyed hashes.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any, Self

from shadow_runtime.compare.bodies import Absent, plain
from shadow_runtime.compare.rules import Rules

_NAME = re.compile(r"(?!(?:.*\d){5})[A-Za-z_][A-Za-z0-9_-]{0,63}")
_LONGEST_CLEAR = 100
_DEEPEST_SHOWN = 32
_MOST_HASHED = 1_000  # parts of a list or an object, so that no mask takes longer than a comparison

Steps = tuple[str | int, ...]
"""Where a value is: a root (`$`, `status` or `headers`), then object keys and list indexes."""


class DataKey(str):
    """An object key that is data (an id, an e-mail), not the name of a field."""

    __slots__ = ()


def mask(value: object, key: bytes) -> str:
    """`value` by type, length and keyed hash: `str(5)#a1b2c3`.

    Equal values have equal masks under one `key` (any length, kept secret: a hash that anyone can
    compute is found by guessing). An empty key leaves the hash out: `str(5)`.

    Example:
        >>> mask("hello", b"")
        'str(5)'
    """
    return f"{_shape(value)}#{_signature(value, key)}" if key else _shape(value)


def _clear(value: object, key: bytes) -> str:
    """`value` itself, as ASCII JSON of at most 100 characters; lists and objects stay masked."""
    if value is None or isinstance(value, str | int | float):
        return json.dumps(value)[:_LONGEST_CLEAR]
    return mask(value, key)


def _written(steps: Steps, key: bytes = b"") -> str:
    """The path as text, such as `$.items[3].name`; keys that are data are masked."""
    return _joined(
        steps,
        lambda step: f"[{step}]" if isinstance(step, int) else _written_key(step, key),
    )


def folded(steps: Steps) -> str:
    """The path as text without what varies: `$.items[*].name`, and `$.users{*}` for data keys."""
    return _joined(
        steps,
        lambda step: "[*]" if isinstance(step, int) else f".{step}" if is_name(step) else "{*}",
    )


def _joined(steps: Steps, text: Callable[[str | int], str]) -> str:
    """The steps in one line, as many of them as a line can bear."""
    shown = "".join(map(text, steps[1:_DEEPEST_SHOWN]))
    return f"{steps[0]}{shown}{'…' if len(steps) > _DEEPEST_SHOWN else ''}"


def _written_key(step: str, key: bytes) -> str:
    return f".{step}" if is_name(step) else f"{{{mask(str(step), key)}}}"


def is_name(step: str) -> bool:
    """Whether a key looks like the name of a field: more than four digits make an id.

    Example:
        >>> is_name("created_at"), is_name("u-48151"), is_name("ada@example.com")
        (True, False, False)
    """
    return not isinstance(step, DataKey) and _NAME.fullmatch(step) is not None


def _shape(value: object) -> str:
    match value:
        case None:
            return "null"
        case Absent():
            return "absent"
        case bytes():
            return f"bytes({len(value)})"
        case str() | list() | dict():
            return f"{type(value).__name__}({len(value)})"
    return type(value).__name__.lower()


def _signature(value: object, key: bytes) -> str:
    return hmac.digest(key, _canonical(value), "sha256").hex()[:6]


def _canonical(value: Any) -> bytes:
    """The same bytes for equal values, however deep, and however much there is of them."""
    if isinstance(value, bytes):
        return value
    parts: list[str] = []
    inside: list[Iterator[Any]] = [iter([value])]
    while inside and len(parts) < _MOST_HASHED:
        each = next(inside[-1], inside)
        if each is inside:
            inside.pop()
            parts.append("end")
        elif isinstance(each, dict):
            inside.append(chain.from_iterable(sorted(each.items())))
            parts.append("object")
        elif isinstance(each, list):
            inside.append(iter(each))
            parts.append("list")
        else:
            parts.append(json.dumps(plain(each), default=repr))
    return " ".join(parts).encode()


class Verdict(StrEnum):
    """How an answer compares to the other one."""

    MATCHED = "matched"
    IGNORED_ONLY = "ignored-only"
    MISMATCHED = "mismatched"
    UNDECIDED = "undecided"
    CANDIDATE_ERRORED = "candidate-errored"
    BOTH_ERRORED = "both-errored"


class Kind(StrEnum):
    """In what two answers differ."""

    MISSING = "missing"
    EXTRA = "extra"
    TYPE = "type"
    VALUE = "value"
    ORDER = "order"
    SIZE = "size"
    STATUS = "status"
    HEADER = "header"


@dataclass(slots=True)  # not frozen: that would double what a difference costs
class Difference:
    """One difference: where, of which kind, and both values, which only come out masked.

    Nothing that ends in a log may read `control` and `candidate`: use `str`, `line` or `record`.

    Example:
        >>> Difference(("$", "name"), Kind.VALUE, "Grace", "Gracie")
        $.name value str(5) ≠ str(6)
    """

    steps: Steps
    kind: Kind
    _control: Any
    _candidate: Any
    _clear: bool = False

    @property
    def control(self) -> Any:
        """Control's value as `json.loads` would give it; `ABSENT` if it has none."""
        return plain(self._control)

    @property
    def candidate(self) -> Any:
        """The candidate's value as `json.loads` would give it; `ABSENT` if it has none."""
        return plain(self._candidate)

    @property
    def path(self) -> str:
        """Where it is, such as `$.items[3].name`; keys that are data are masked."""
        return _written(self.steps)

    @property
    def folded_path(self) -> str:
        """Where it is without what varies, such as `$.items[*].name`."""
        return folded(self.steps)

    def record(self, key: bytes = b"") -> dict[str, str]:
        """Path, kind and both values for a log, masked with `key`; without one, shapes only."""
        shown = _clear if self._clear or self.kind is Kind.STATUS else mask
        here, there = (
            value if isinstance(value, list | dict) else plain(value)
            for value in (self._control, self._candidate)
        )
        return {
            "path": _written(self.steps, key),
            "kind": self.kind.value,
            "control": shown(here, key),
            "candidate": shown(there, key),
        }

    def line(self, key: bytes = b"") -> str:
        """The record as a line: `$.name value str(5)#a1b2c3 ≠ str(6)#d4e5f6`."""
        return "{path} {kind} {control} ≠ {candidate}".format(**self.record(key))

    def __repr__(self) -> str:
        return self.line()

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing a candidate's answer with control's found.

    Attributes:
        differences: what differs and no rule excuses, the shallow ones first.
        excused_by: the rules without which there would be more differences.
        capped: whether the comparison stopped at the rules' cap, so that more may differ.
        undecided: folded paths of what could not be compared: the budget of pairing ended there,
            or the body is nested too deep, or in an encoding that cannot be read here.
        unusable: rules that could not work on these answers, each with the reason.

    Example:
        >>> from shadow_runtime.compare import compare
        >>> from shadow_runtime.http import Response
        >>> compare(Response.json({"id": 1}), Response.json({"id": 2})).differences
        ($.id value int ≠ int,)
    """

    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    excused_by: frozenset[str] = frozenset()
    capped: bool = False
    undecided: frozenset[str] = frozenset()
    unusable: frozenset[str] = frozenset()

    @property
    def agrees(self) -> bool:
        """Whether the answers count towards parity: matched, or different by rule only."""
        return self.verdict in (Verdict.MATCHED, Verdict.IGNORED_ONLY)

    @property
    def places(self) -> frozenset[str]:
        """The folded paths of what differs, such as `$.items[*].name`."""
        return frozenset(difference.folded_path for difference in self.differences)

    @property
    def fingerprint(self) -> str:
        """12 hex digits for what differs: the same paths and kinds give the same ones.

        List indexes and data keys are folded away, values and repetitions do not count.
        """
        found = {f"{d.folded_path} {d.kind}" for d in self.differences}
        found |= {f"{path} undecided" for path in self.undecided}
        text = "\n".join(sorted(found))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def repeats(self, earlier: "Comparison") -> bool:
        """Whether it differs in a place where `earlier` differed too: indexes do not count.

        What a write between two answers makes differ does not differ again when both are asked
        anew, together.

        Example:
            >>> from shadow_runtime.compare import compare
            >>> from shadow_runtime.http import Response
            >>> one, two, three = (Response.json({"a": n, "b": n // 2}) for n in (1, 2, 3))
            >>> compare(one, two).repeats(compare(one, three)), compare(two, two).repeats(
            ...     compare(one, two)
            ... )
            (True, False)
        """
        return not self.places.isdisjoint(earlier.places)


@dataclass(slots=True)
class StaleRules:
    """Which rules never excused anything: they may hide a bug one day, and nobody needs them.

    Example:
        >>> from shadow_runtime.compare import Rules, compare
        >>> from shadow_runtime.http import Response
        >>> usage = StaleRules(Rules(ignore=["$.generated_at"]))
        >>> usage.add(compare(Response.json({}), Response.json({}))).after(1)
        ('ignore $.generated_at',)
    """

    rules: Rules
    compared: int = 0
    _used: set[str] = field(default_factory=set)
    _unusable: dict[str, str] = field(default_factory=dict)

    def add(self, comparison: Comparison) -> Self:
        """Count one comparison that was made with these rules."""
        self.compared += 1
        self._used |= comparison.excused_by
        self._unusable |= {why.rpartition(": ")[0]: why for why in comparison.unusable}
        return self

    def after(self, comparisons: int) -> tuple[str, ...]:
        """The rules that never excused a difference; none before so many comparisons.

        If one could not, the reason stands behind it.
        """
        if self.compared < comparisons:
            return ()
        stale = (name for name in self.rules.names if name not in self._used)
        return tuple(self._unusable.get(name, name) for name in stale)
