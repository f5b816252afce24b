"""The rules of a route: which differences are none. Data, declared once, checked at once."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from shadow_runtime.compare.bodies import fold
from shadow_runtime.compare.scope import (
    Glob,
    Leniency,
    PathRule,
    Place,
    Scope,
    Step,
    Wild,
    parse,
)
from shadow_runtime.credentials import HEADERS as WITHHELD

ROWS = "$rows"
"""Where the rows are that a write leaves."""

NULL_IS_ABSENT = "null_is_absent"
EMPTY_IS_ABSENT = "empty_is_absent"

BY_DEFAULT = ("content-type", "content-encoding", "location")
"""The headers that every client reads: they are always compared."""

NO_CONTENT = frozenset((204, 205, 304))
"""Statuses of answers that have no body (RFC 9110)."""

_READING = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_RECKONING = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])  # 1e9999999 - 1 is too long
_ORIGIN = datetime(1, 1, 1)  # noqa: DTZ001 - takes the zone of the time it is subtracted from
_MICROSECOND = timedelta(microseconds=1)
_BEYOND = re.compile(r"[.,]\d{6}(\d{1,3})", re.ASCII)
_SHAPES = {
    "uuid": "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "url": r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#]\S*",
    "cursor": r"[!-~]+",
}
_TOKEN = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+")
_PATHS = (
    "ignore",
    "present",
    "unordered",
    "as_number",
    "fold",
    "strict",
    "extra_allowed",
    "data_keys",
    "clear",
)
_NEVER_EXCUSE = ("strict", "data_keys", "clear")
_HOLD_FOR = {"headers": ("clear", "ignore", "present", "shape"), "status": ("ignore",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far apart two numbers may be: by `absolute`, or by `relative` to the larger one.

    Either is enough when both are given. Both are reckoned in decimals: 1.01 is within 0.01 of 1.
    Booleans are no numbers; neither are strings, but where `as_number` holds.

    Example:
        >>> from shadow_runtime.compare import compare
        >>> from shadow_runtime.http import Response
        >>> rules = Rules(numeric={"$.price": Tolerance(absolute=0.01)})
        >>> one, other = Response.json({"price": 1}), Response.json({"price": 1.01})
        >>> compare(one, other, rules).agrees
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


class AllBut:
    """Every header counts but these, in any case, and those that copies go without.

    Example:
        >>> Rules(headers=AllBut("date", "x-request-id")).headers
        AllBut('date', 'x-request-id')
    """

    def __init__(self, *names: str) -> None:
        self.names = _header_names(names)

    def __repr__(self) -> str:
        return f"AllBut({', '.join(map(repr, self.names))})"


class EqualStatuses(NamedTuple):
    """Statuses that mean the same to a client, and what of the bodies is compared then."""

    name: str
    statuses: frozenset[int]
    bodies: Scope | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which differences between two answers are none; without any, every difference counts.

    A path starts at the body (`$`), `*` is any one step, `**` any depth, `[*]` any index, `*_at`
    any name that ends so: `$.user.name`, `$.items[*].id`, `$.**.*_at`, `$["odd.key"]`,
    `headers.etag`; and `$rows.name` is a column of what a write leaves. Lists are compared in
    place; in a list whose order means nothing no index names an element, so only `[*]` reaches into
    it.

    Attributes:
        ignore: paths left out with everything below them.
        present: paths where any value of the same JSON type will do, as long as there is one.
        shape: paths of strings that need only look alike: `"uuid"`, `"url"`, `"cursor"` (opaque:
            printable, without spaces), or a regular expression that both match whole.
        unordered: lists whose order means nothing.
        keyed: lists of objects whose order means nothing, with the member that tells the
            objects apart, `"id"` or `"owner.id"`, or several of them; what differs is then
            reported for the object that it differs in.
        numeric: how far apart numbers may be.
        as_number: paths where a number in a string is that number.
        timestamps: how far apart ISO 8601 times may be.
        zone: the zone of times that name none - they are like no time with one.
        fold: strings compared without case, and with any run of white space as one space.
        strict: paths where it also counts how a number or a time of `timestamps` is written: `5` is
            not `5.0`, and a time to the second is none to the millisecond.
        null_is_absent: whether a member that is null is like one that is not there; or where.
        empty_is_absent: the same for `""`, `[]`, and an object that has no member that counts.
        extra_allowed: what the candidate may add: the value at the path, or members to the object
            there, or elements to the list there - at its end, unless its order means nothing.
        equal_statuses: statuses that mean the same to a client, such as `{200, 203}` or
            `range(400, 500)`; as a mapping, with the paths of the bodies that are compared then,
            such as `{(404, 410): ["$.code"], (200, 202): []}` - all of them. Where one of the
            statuses has no content (204), `null`, `""`, `[]` and `{}` are like no body.
        headers: the headers that count, or `AllBut` some. Counted anyway: the media type and
            charset, a `content-encoding` that one side alone has, `location` of 201 and 3xx.
        data_keys: objects whose keys are data (ids, e-mails), not names: paths mask them.
        clear: paths of scalars that may be shown as they are; everything else is masked.
        cap: differences after which a comparison stops, 1 or more.

    Example:
        >>> rules = Rules(
        ...     ignore=["$.generated_at"],
        ...     unordered=["$.tags"],
        ...     keyed={"$.items": "id"},
        ...     numeric={"$.items[*].price": Tolerance(absolute=0.01)},
        ...     timestamps={"$.**.*_at": timedelta(seconds=2)},
        ...     shape={"$.next": "cursor"},
        ...     equal_statuses={(200, 204): ["$"], (404, 410): []},
        ... )

    Raises:
        ValueError: a rule that could not work, with what was found and what to write.
    """

    ignore: Collection[str] = ()
    present: Collection[str] = ()
    shape: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict)
    unordered: Collection[str] = ()
    keyed: Mapping[str, str | Collection[str]] = field(default_factory=dict)
    numeric: Mapping[str, Tolerance] = field(default_factory=dict)
    as_number: Collection[str] = ()
    timestamps: Mapping[str, timedelta] = field(default_factory=dict)
    zone: tzinfo | None = None
    fold: Collection[str] = ()
    strict: Collection[str] = ()
    null_is_absent: bool | Collection[str] = False
    empty_is_absent: bool | Collection[str] = False
    extra_allowed: Collection[str] = ()
    equal_statuses: Collection[Collection[int]] | Mapping[Any, Collection[str]] = ()
    headers: Collection[str] | AllBut = ()
    data_keys: Collection[str] = ()
    clear: Collection[str] = ()
    cap: int = 50

    scope: Scope = field(init=False, repr=False, compare=False)
    """The rules by path, compiled; where a walk starts."""

    groups: tuple[EqualStatuses, ...] = field(init=False, repr=False, compare=False)
    """Equal statuses, compiled."""

    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """Every rule that can excuse a difference, by the name a comparison reports it by."""

    def __post_init__(self) -> None:
        for name in (*_PATHS, NULL_IS_ABSENT, EMPTY_IS_ABSENT):
            where = getattr(self, name)
            self._freeze(name, where if isinstance(where, bool) else _strings(name, where))
        for name in ("shape", "keyed", "numeric", "timestamps"):
            self._freeze(name, _mapping(name, getattr(self, name)))
        if not isinstance(self.headers, AllBut):
            self._freeze("headers", _compared(_strings("headers", self.headers)))
        if isinstance(self.cap, bool) or not isinstance(self.cap, int) or self.cap < 1:
            raise ValueError(f"cap is a number of differences, 1 or more, got {self.cap!r}")
        rules = [*self._path_rules()]
        for rule in rules:
            self._refuse_outside_the_body(rule)
        self._freeze("scope", Scope.start(rules))
        self._freeze("groups", tuple(_groups(self.equal_statuses, rules)))
        excusing = (rule.name for rule in rules if rule.kind not in _NEVER_EXCUSE)
        self._freeze("names", (*excusing, *(group.name for group in self.groups)))

    def compared_headers(self, names: Iterable[str]) -> Iterator[str]:
        """The headers that count beside those of `BY_DEFAULT`; `names` are those of the answers."""
        if not isinstance(self.headers, AllBut):
            return (name for name in self.headers if name not in BY_DEFAULT)
        skipped = {*self.headers.names, *BY_DEFAULT, *WITHHELD}
        return (name for name in sorted(set(names)) if name not in skipped)

    def _path_rules(self) -> Iterator[PathRule]:
        time = partial(_time, zone=_zone(self.zone, is_used=bool(self.timestamps)))
        by_path: dict[str, tuple[Iterable[str], Callable[[Any], Any]]] = {
            **{kind: (getattr(self, kind), lambda _: None) for kind in _PATHS},
            "fold": (self.fold, lambda _: Leniency(_folded)),
            "shape": (self.shape, lambda path: _shape(self.shape[path])),
            "keyed": (self.keyed, lambda path: _members(self.keyed[path])),
            "numeric": (self.numeric, lambda path: _numeric(self.numeric[path])),
            "timestamps": (self.timestamps, lambda path: _within(self.timestamps[path], time)),
        }
        for kind, (paths, value) in by_path.items():
            for path in paths:
                yield _path_rule(kind, path, value(path))
        for kind in (NULL_IS_ABSENT, EMPTY_IS_ABSENT):
            where = getattr(self, kind)
            if where is True:
                yield PathRule(kind, kind, parse("$.**"))
            elif where:
                yield from (_path_rule(kind, path) for path in where)

    def _refuse_outside_the_body(self, rule: PathRule) -> None:
        """Few kinds of rules are asked for headers and the status, none for uncompared headers."""
        root, *steps = rule.pattern
        if root in ("$", ROWS):
            return
        if rule.kind not in _HOLD_FOR[str(root)]:
            raise ValueError(
                f"{rule.name}: {rule.kind} is never consulted for {root}; use "
                f"{', '.join(_HOLD_FOR[str(root)])}"
            )
        if root == "headers" and (len(steps) != 1 or not self._counts(steps[0])):
            raise ValueError(f"{rule.name}: no such header is compared; name it in headers=")

    def _counts(self, header: Step) -> bool:
        if not isinstance(header, str):
            return header is Wild.ONE or isinstance(header, Glob)
        if header in BY_DEFAULT:
            return True
        if isinstance(self.headers, AllBut):
            return header not in self.headers.names and header not in WITHHELD
        return header in self.headers

    def _freeze(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def _path_rule(kind: str, path: str, value: Any = None) -> PathRule:
    try:
        return PathRule(f"{kind} {path}", kind, parse(path), value)
    except ValueError as error:
        raise ValueError(f"{kind}: {error}") from None


def _groups(
    equal: Collection[Collection[int]] | Mapping[Any, Collection[str]], rules: list[PathRule]
) -> Iterator[EqualStatuses]:
    if isinstance(equal, str) or not isinstance(equal, Collection):
        raise ValueError(f"equal_statuses takes groups of statuses, got {equal!r}")
    for group in equal:
        statuses = _statuses(group)
        name = f"equal_statuses {', '.join(map(str, sorted(statuses)))}"
        paths = _strings(name, equal[group]) if isinstance(equal, Mapping) else ("$",)
        patterns = [_path_rule(name, path).pattern for path in paths]
        if bad := [path for path in paths if parse(path)[0] != "$"]:
            raise ValueError(f"{name}: only bodies are compared, got {bad[0]!r}; write $.code")
        kinds = (NULL_IS_ABSENT, EMPTY_IS_ABSENT) if statuses & NO_CONTENT else ()
        own = [
            *(PathRule(name, "compared", (*pattern, Wild.DEEP)) for pattern in patterns),
            *(PathRule(name, kind, ("$",)) for kind in kinds),
        ]
        yield EqualStatuses(name, statuses, Scope.start([*rules, *own]) if paths else None)


def _statuses(group: object) -> frozenset[int]:
    statuses = frozenset(group) if isinstance(group, Collection) else frozenset()
    if len(statuses) < 2 or not all(type(status) is int for status in statuses):
        raise ValueError(
            "equal_statuses takes groups of two statuses or more, such as [{200, 204}], "
            f"got {group!r}"
        )
    if bad := [status for status in statuses if not 100 <= status < 500]:
        raise ValueError(
            f"equal_statuses takes statuses from 100 to 499, got {min(bad)}: a fault of the server "
            "is equal to nothing"
        )
    return statuses


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


def _header_names(names: Iterable[str]) -> tuple[str, ...]:
    for name in names:
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(
                f"{name!r} is no name of a header; write 'etag', or AllBut('date') for all but some"
            )
    return tuple(name.lower() for name in names)


def _compared(names: Iterable[str]) -> tuple[str, ...]:
    lower = _header_names(names)
    if bad := [name for name in lower if name in WITHHELD]:
        raise ValueError(
            f"headers: {bad[0]} may hold a credential and is withheld from copies, so it cannot be "
            "compared; leave it out"
        )
    return lower


def _members(members: object) -> tuple[tuple[str, ...], ...]:
    """The names that lead from an element to each member that tells it from others."""
    if not isinstance(members, Collection) or not members:
        raise ValueError(
            f"keyed takes the name of a member, or several, got {members!r}; without one use "
            "unordered"
        )
    given = (members,) if isinstance(members, str) else tuple(members)
    return tuple(_member(member) for member in given)


def _member(member: object) -> tuple[str, ...]:
    try:
        steps = parse(f"${'' if str(member).startswith('[') else '.'}{member}")[1:]
    except ValueError:
        steps = ()
    names = tuple(step for step in steps if isinstance(step, str))
    if not isinstance(member, str) or not names or len(names) < len(steps):
        raise ValueError(f'{member!r} names no member; write id, owner.id or ["odd key"]')
    return names


def _shape(shape: Any) -> Leniency:
    if isinstance(shape, str) and shape.isalpha() and shape not in _SHAPES:
        raise ValueError(
            f"{shape!r} is no shape; write {', '.join(_SHAPES)} or a regular expression"
        )
    try:
        pattern = re.compile(_SHAPES.get(shape, shape) if isinstance(shape, str) else shape)
        pattern.fullmatch("")
    except (TypeError, re.error) as error:
        raise ValueError(
            f"{shape!r} is no regular expression for texts ({error}); write {', '.join(_SHAPES)}, "
            "or one that matches the whole"
        ) from None
    return Leniency(lambda text: _shaped(text, pattern))


def _shaped(value: Any, pattern: re.Pattern[str]) -> Place | None:
    return (pattern, None) if isinstance(value, str) and pattern.fullmatch(value) else None


def _folded(value: Any) -> Place | None:
    return (fold(value), None) if isinstance(value, str) else None


def _numeric(by: object) -> Leniency:
    if not isinstance(by, Tolerance):
        raise ValueError(f"a tolerance is needed, got {by!r}; write Tolerance(absolute={by!r})")
    absolute, relative = Decimal(str(by.absolute)), Decimal(str(by.relative))

    def near(here: Decimal, there: Decimal) -> bool:
        apart = _RECKONING.abs(_RECKONING.subtract(here, there))
        if apart <= absolute:
            return True
        larger = max(_RECKONING.abs(here), _RECKONING.abs(there))
        return apart <= _RECKONING.multiply(relative, larger)

    return Leniency(_number, near)


def _number(value: Any) -> Place | None:
    if value.__class__ is not bytes:
        return None
    position = _READING.create_decimal(value.decode())
    return (Decimal, position) if position.is_finite() else None


def _within(span: object, time: Callable[[Any], Place | None]) -> Leniency:
    if not isinstance(span, timedelta) or span < timedelta(0):
        raise ValueError(f"a span of time is a timedelta of 0 or more, got {span!r}")
    nanoseconds = 1_000 * (span // _MICROSECOND)
    return Leniency(time, lambda here, there: abs(here - there) <= nanoseconds)


def _zone(zone: object, *, is_used: bool) -> tzinfo | None:
    if zone is None or (isinstance(zone, tzinfo) and is_used):
        return zone
    raise ValueError(
        f"zone is a tzinfo such as datetime.UTC, for the paths of timestamps=, got {zone!r}"
    )


def _time(value: Any, zone: tzinfo | None) -> Place | None:
    try:
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=time.tzinfo or zone)
        origin = _ORIGIN.replace(tzinfo=time.tzinfo and UTC)
        nanoseconds = 1_000 * ((time - origin) // _MICROSECOND) + _beyond_microseconds(value)
        return (datetime, time.tzinfo is None), nanoseconds
    except (TypeError, ValueError, OverflowError):
        return None


def _beyond_microseconds(time: str) -> int:
    """The nanoseconds that a `datetime` leaves out."""
    beyond = _BEYOND.search(time)
    return int(beyond[1].ljust(3, "0")) if beyond else 0


EXACT = Rules()
"""No rule: every difference counts."""
