"""The rules of a route: which differences are none. Data, declared once, checked at once."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from shadow_runtime.compare.scope import PathRule, Place, Scope, parse

NULL_IS_ABSENT = "null_is_absent"

_ORIGIN = datetime(1, 1, 1)  # noqa: DTZ001 - takes the zone of the time it is subtracted from


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far apart two numbers may be: by `absolute`, or by `relative` to the larger one.

    Either is enough when both are given. Booleans and numbers in strings are no numbers.

    Example:
        >>> Tolerance(absolute=0.01).excuses(9.99, 10)
        True

    Raises:
        ValueError: a negative or infinite tolerance, a relative one of 1 or more, or none at all.
    """

    absolute: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.absolute < math.inf and 0 <= self.relative < 1):
            raise ValueError(
                f"a tolerance is absolute >= 0, relative from 0 to below 1, got {self!r}"
            )
        if self.absolute == self.relative == 0:
            raise ValueError("a tolerance of nothing excuses nothing; give absolute= or relative=")

    def excuses(self, control: Any, candidate: Any) -> bool:
        """Whether both are numbers, and close."""
        here, there = self.place(control), self.place(candidate)
        return (
            here is not None
            and there is not None
            and math.isclose(control, candidate, rel_tol=self.relative, abs_tol=self.absolute)
        )

    def place(self, value: Any) -> Place | None:
        """On the axis of numbers, if it fits there."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return float, float(value)
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class Within:
    """Two ISO 8601 times at most `span` apart; one with and one without a zone never are."""

    span: timedelta

    def __post_init__(self) -> None:
        if not isinstance(self.span, timedelta) or self.span < timedelta(0):
            raise ValueError(f"a span of time is a timedelta of 0 or more, got {self.span!r}")

    def excuses(self, control: Any, candidate: Any) -> bool:
        """Whether both are times, and near each other."""
        here, there = _time(control), _time(candidate)
        if here is None or there is None or (here.tzinfo is None) != (there.tzinfo is None):
            return False
        return abs(here - there) <= self.span

    def place(self, value: Any) -> Place | None:
        """On the axis of times, if it is one."""
        time = _time(value)
        if time is None:
            return None
        origin = _ORIGIN.replace(tzinfo=time.tzinfo and UTC)
        return (datetime, time.tzinfo is None), (time - origin).total_seconds()


class Folded:
    """Two strings that differ in case or in white space only."""

    def excuses(self, control: Any, candidate: Any) -> bool:
        """Whether both are strings, and equal once folded."""
        return (
            isinstance(control, str)
            and isinstance(candidate, str)
            and self.place(control) == self.place(candidate)
        )

    def place(self, value: Any) -> Place | None:
        """With every string that folds to the same."""
        return (" ".join(value.split()).casefold(), None) if isinstance(value, str) else None


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which differences between two answers are none; without any, every difference counts.

    A path starts at the body (`$`), `*` is any one step, `**` any depth, `[*]` any index:
    `$.user.name`, `$.items[*].id`, `$.**.updated_at`, `$["odd.key"]`, `headers.etag`.

    Attributes:
        ignore: paths left out with everything below them.
        unordered: lists whose order means nothing.
        keyed: lists of objects whose order means nothing, with the member that tells the
            objects apart; what differs is then reported for the object that it differs in.
        numeric: how far apart numbers may be.
        timestamps: how far apart ISO 8601 times may be.
        fold: strings compared without case, and with any run of white space as one space.
        null_is_absent: whether a member that is null is like one that is not there.
        equal_statuses: statuses that mean the same to a client, such as `{200, 204}` or
            `range(400, 500)`.
        headers: the headers that count. Content types are compared without their parameters.
        data_keys: objects whose keys are data (ids, e-mails), not names: paths mask them.
        clear: paths of scalars that may be shown as they are; everything else is masked.
        cap: differences after which a comparison stops, 1 or more.

    Example:
        >>> rules = Rules(
        ...     ignore=["$.generated_at"],
        ...     unordered=["$.tags"],
        ...     keyed={"$.items": "id"},
        ...     numeric={"$.items[*].price": Tolerance(absolute=0.01)},
        ...     timestamps={"$.**.updated_at": timedelta(seconds=2)},
        ...     equal_statuses=[{200, 204}],
        ... )

    Raises:
        ValueError: a rule that could not work, with what was found and what to write.
    """

    ignore: Collection[str] = ()
    unordered: Collection[str] = ()
    keyed: Mapping[str, str] = field(default_factory=dict)
    numeric: Mapping[str, Tolerance] = field(default_factory=dict)
    timestamps: Mapping[str, timedelta] = field(default_factory=dict)
    fold: Collection[str] = ()
    null_is_absent: bool = False
    equal_statuses: Collection[Collection[int]] = ()
    headers: Collection[str] = ("content-type",)
    data_keys: Collection[str] = ()
    clear: Collection[str] = ()
    cap: int = 50

    scope: Scope = field(init=False, repr=False, compare=False)
    """The rules by path, compiled; where a walk starts."""

    def __post_init__(self) -> None:
        for name in ("ignore", "unordered", "fold", "headers", "data_keys", "clear"):
            self._freeze(name, _strings(name, getattr(self, name)))
        for name in ("keyed", "numeric", "timestamps"):
            self._freeze(name, _mapping(name, getattr(self, name)))
        self._freeze("headers", tuple(name.lower() for name in self.headers))
        self._freeze("equal_statuses", tuple(_statuses(group) for group in self.equal_statuses))
        if isinstance(self.cap, bool) or not isinstance(self.cap, int) or self.cap < 1:
            raise ValueError(f"cap is a number of differences, 1 or more, got {self.cap!r}")
        self._freeze("scope", Scope.start(self._path_rules()))

    @property
    def names(self) -> tuple[str, ...]:
        """Every rule that can excuse a difference, by the name a comparison reports it by."""
        return (
            *(rule.name for rule in self._path_rules() if rule.kind not in ("data_keys", "clear")),
            *((NULL_IS_ABSENT,) if self.null_is_absent else ()),
            *(equal_statuses_name(group) for group in self.equal_statuses),
        )

    def _path_rules(self) -> list[PathRule]:
        return [
            *(_path_rule("ignore", path) for path in self.ignore),
            *(_path_rule("unordered", path) for path in self.unordered),
            *(_path_rule("keyed", path, _member(key)) for path, key in self.keyed.items()),
            *(_path_rule("numeric", path, _tolerance(by)) for path, by in self.numeric.items()),
            *(_path_rule("timestamps", path, Within(by)) for path, by in self.timestamps.items()),
            *(_path_rule("fold", path, Folded()) for path in self.fold),
            *(_path_rule("data_keys", path) for path in self.data_keys),
            *(_path_rule("clear", path) for path in self.clear),
        ]

    def _freeze(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def equal_statuses_name(group: Collection[int]) -> str:
    """How a comparison reports that statuses of `group` were held equal."""
    return f"equal_statuses {', '.join(map(str, sorted(group)))}"


def _path_rule(kind: str, path: str, value: Any = None) -> PathRule:
    try:
        return PathRule(name=f"{kind} {path}", kind=kind, pattern=parse(path), value=value)
    except ValueError as error:
        raise ValueError(f"{kind}: {error}") from None


def _strings(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Collection):
        raise ValueError(f"{name} takes several texts, got {value!r}; write [{value!r}]")
    if bad := [item for item in value if not isinstance(item, str)]:
        raise ValueError(f"{name} takes texts, got {bad[0]!r}")
    return tuple(value)


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} takes what to apply by path, got {value!r}; write {{path: ...}}")
    return MappingProxyType(dict(value))


def _statuses(group: object) -> frozenset[int]:
    statuses = frozenset(group) if isinstance(group, Collection) else frozenset()
    if len(statuses) < 2 or not all(isinstance(status, int) for status in statuses):
        raise ValueError(
            "equal_statuses takes groups of two statuses or more, such as [{200, 204}], "
            f"got {group!r}"
        )
    return statuses


def _member(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"a member's name is a text, got {key!r}; without one use unordered")
    return key


def _tolerance(by: object) -> Tolerance:
    if not isinstance(by, Tolerance):
        raise ValueError(f"a tolerance is needed, got {by!r}; write Tolerance(absolute={by!r})")
    return by


EXACT = Rules()
"""No rule: every difference counts."""
