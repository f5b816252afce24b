"""The rules of a comparison a second time: slow, plain, and sharing no code with the first.

`python -m tests.oracle 300000`, with `lambdas` on the path, draws so many pairs of bodies with
rules, prints each on which the comparison and the oracle do not agree, and how many of each verdict
there were.
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from shadow_runtime.compare import Rules, Tolerance, Verdict, compare
from shadow_runtime.http import Response

At = tuple[str | int, ...]
"""Where a value is: names and indexes."""

ANY = -1
"""The index of each element of a list whose order means nothing."""

SHAPES = {"cursor": "[!-~]+"}


class Missing:
    """What one side lacks."""


MISSING = Missing()


class Number(str):
    """The text of a number."""

    __slots__ = ()

    @property
    def value(self) -> Fraction:
        return Fraction(self)


class Oracle:
    """Says whether two bodies are equal under rules: those are the keyword arguments of `Rules`."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.rules = rules

    def agree(self, control: str, candidate: str) -> bool:
        return self.alike(read(control), read(candidate), ())

    def alike(self, x: Any, y: Any, at: At, *, may_be_extra: bool = False) -> bool:
        if self.says("ignore", at) or (self.is_nothing(x, at) and self.is_nothing(y, at)):
            return True
        if x is MISSING or y is MISSING:
            return x is MISSING and (may_be_extra or self.says("extra_allowed", at))
        match x, y:
            case dict(), dict():
                return self.says("present", at) or self.are_objects_alike(x, y, at)
            case list(), list():
                return self.says("present", at) or self.are_lists_alike(x, y, at)
        return self.are_leaves_alike(x, y, at)

    def are_objects_alike(self, x: dict[str, Any], y: dict[str, Any], at: At) -> bool:
        extra = self.says("extra_allowed", at)
        return all(
            self.alike(x.get(k, MISSING), y.get(k, MISSING), (*at, k), may_be_extra=extra)
            for k in {**x, **y}
        )

    def are_lists_alike(self, x: list[Any], y: list[Any], at: At) -> bool:
        members = next(self.values("keyed", at), None)
        if members is not None or self.says("unordered", at):
            if self.says("ignore", (*at, ANY)):
                return True
            if members is None:
                return self.have_partners(x, y, at)
            here, there = ([self.identity(each, members, at) for each in side] for side in (x, y))
            if not x or not y or any(here) or any(there):
                return self.are_keyed_alike(dict(enumerate(x)), here, y, there, at)
        return self.are_alike_in_place(x, y, at)

    def are_alike_in_place(self, x: list[Any], y: list[Any], at: At) -> bool:
        both = min(len(x), len(y))
        return all(self.alike(x[i], y[i], (*at, i)) for i in range(both)) and all(
            self.says("ignore", (*at, i)) or (len(x) < len(y) and self.may_add(at, i))
            for i in range(both, max(len(x), len(y)))
        )

    def have_partners(self, x: list[Any], y: list[Any], at: At) -> bool:
        """Whether each of x is like one of y that no other one takes, and none of y is left."""
        if not x:
            return not y or self.may_add(at, ANY)
        return any(
            self.alike(x[0], each, (*at, ANY)) and self.have_partners(x[1:], y[:j] + y[j + 1 :], at)
            for j, each in enumerate(y)
        )

    def are_keyed_alike(
        self, x: dict[int, Any], here: list[Any], y: list[Any], there: list[Any], at: At
    ) -> bool:
        element, left = (*at, ANY), list(range(len(y)))
        for i, each in x.items():
            j = next((j for j in left if there[j] == here[i]), None)
            if j is not None:
                left.remove(j)
            if not self.alike(each, MISSING if j is None else y[j], element):
                return False
        extra = self.says("extra_allowed", at)
        return all(self.alike(MISSING, y[j], element, may_be_extra=extra) for j in left)

    def are_leaves_alike(self, x: Any, y: Any, at: At) -> bool:
        if self.says("strict", at) and self.form(x, at) != self.form(y, at):
            return False
        if type(x) is type(y) and (exact(x) == exact(y) or self.says("present", at)):
            return True
        if type(x) is type(y) is str and self.are_texts_alike(x, y, at):
            return True
        here, there = self.number(x, at), self.number(y, at)
        if here is None or there is None:
            return False
        apart, larger = abs(here - there), max(abs(here), abs(there))
        return apart == 0 or any(
            apart <= Fraction(str(by.absolute)) or apart <= Fraction(str(by.relative)) * larger
            for by in self.values("numeric", at)
        )

    def are_texts_alike(self, x: str, y: str, at: At) -> bool:
        if self.says("fold", at) and folded(x) == folded(y):
            return True
        for shape in self.values("shape", at):
            if re.fullmatch(SHAPES.get(shape, shape), x) and re.fullmatch(
                SHAPES.get(shape, shape), y
            ):
                return True
        here, there = self.time(x), self.time(y)
        if here is None or there is None or (here.tzinfo is None) != (there.tzinfo is None):
            return False
        return any(abs(here - there) <= span for span in self.values("timestamps", at))

    def number(self, x: Any, at: At) -> Fraction | None:
        if isinstance(x, Number):
            return x.value
        is_told = isinstance(x, str) and self.says("as_number", at)
        return Fraction(x) if is_told and re.fullmatch(r"-?\d+(\.\d+)?", x) else None

    def time(self, x: str) -> datetime | None:
        try:
            time = datetime.fromisoformat(x)
        except ValueError:
            return None
        return time.replace(tzinfo=time.tzinfo or self.rules.get("zone"))

    def form(self, x: Any, at: At) -> object:
        """How a number or a time is written, as far as `strict` cares."""
        if self.number(x, at) is not None:
            return x.lstrip("-").isdigit()
        if isinstance(x, str) and self.time(x):
            return len(re.split("[Z+]", x)[0])
        return None

    def is_nothing(self, x: Any, at: At) -> bool:
        match x:
            case Missing():
                return True
            case None:
                return self.says("null_is_absent", at)
            case Number():
                return False
            case dict():
                counts = {k: v for k, v in x.items() if not self.says("ignore", (*at, k))}
                is_empty = all(self.is_nothing(v, (*at, k)) for k, v in counts.items())
                return is_empty and self.says("empty_is_absent", at)
        return x in ("", []) and self.says("empty_is_absent", at)

    def identity(self, x: Any, members: str | tuple[str, ...], at: At) -> Any:
        names = (members,) if isinstance(members, str) else members
        found = [self.member(x, name.split("."), (*at, ANY)) for name in names]
        return found if any(each is not MISSING for each in found) else None

    def member(self, x: Any, names: list[str], at: At) -> Any:
        for name in names:
            if not isinstance(x, dict) or name not in x:
                return MISSING
            x, at = x[name], (*at, name)
        if self.is_nothing(x, at):
            return MISSING
        number = self.number(x, at)
        if number is not None:
            return number
        return folded(x) if isinstance(x, str) and self.says("fold", at) else exact(x)

    def may_add(self, at: At, index: int) -> bool:
        return self.says("extra_allowed", at) or self.says("extra_allowed", (*at, index))

    def says(self, kind: str, at: At) -> bool:
        paths = self.rules.get(kind, ())
        return paths is True or any(reaches(steps(path), at) for path in paths)

    def values(self, kind: str, at: At) -> Iterator[Any]:
        return (v for path, v in self.rules.get(kind, {}).items() if reaches(steps(path), at))


def read(body: str) -> Any:
    return json.loads(body, parse_int=Number, parse_float=Number)


def exact(x: Any) -> Any:
    """`x` so that Python's equality is JSON's."""
    match x:
        case Number():
            return x.value
        case list():
            return [exact(each) for each in x]
        case dict():
            return {key: exact(each) for key, each in x.items()}
    return (type(x).__name__, x)


def folded(x: str) -> str:
    return " ".join(x.split()).casefold()


def steps(path: str) -> list[str]:
    return re.findall(r"(?<=\.)[^.\[]+|\[[^\]]+\]", path)


def reaches(wanted: list[str], at: At) -> bool:
    if not wanted:
        return not at
    if wanted[0] == "**":
        return any(reaches(wanted[1:], at[k:]) for k in range(len(at) + 1))
    return bool(at) and takes(wanted[0], at[0]) and reaches(wanted[1:], at[1:])


def takes(wanted: str, step: str | int) -> bool:
    if isinstance(step, int):
        return wanted in ("*", "[*]", f"[{step}]")
    return re.fullmatch(re.escape(wanted).replace(r"\*", ".*"), step) is not None


KINDS: dict[str, Any] = {
    "keyed": ("id", ("id", "a"), "a.id", ("a", "b")),
    "numeric": (Tolerance(absolute=0.5), Tolerance(relative=0.01), Tolerance(absolute=1)),
    "timestamps": (timedelta(0), timedelta(seconds=1)),
    "shape": ("cursor", "cursor-[0-9]", "[0-9.]+"),
    **dict.fromkeys(("unordered", "as_number", "fold", "present", "ignore", "strict")),
    **dict.fromkeys(("extra_allowed", "null_is_absent", "empty_is_absent")),
}


class Draw:
    """Pairs of bodies that are nearly alike, with rules that excuse some of it."""

    NAMES = ("a", "b", "at", "price", "tags", "seen_at", "id")
    TEXTS: tuple[tuple[Any, ...], ...] = (
        ("Ada", "ADA ", " ada", "ada"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "2024-01-01T01:00:00.500+01:00"),
        ("2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00", "2024-01-01T00:00:02Z"),
        ("cursor-1", "cursor-2", "cursor-x", "x"),
        ("5", "5.0", "5.00", "5.4", "7"),
        ("", " ", None),
    )
    NUMBERS = (
        ("1", "1.0", "10e-1", "1.5", "1.9", "2", "2.00", "2.4", "0.5"),
        ("5", "5.0", "5.4", "5.9", "6.3", "7"),
        ("100", "100.9", "101", "101.9", "1e2", "99"),
        ("-0", "0", "0.0", "-0.5", "-1"),
        ("9007199254740993", "9007199254740993.0", "9007199254740992"),
    )

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.share = self.random.choice((0.02, 0.1, 0.5))

    def case(self) -> tuple[str, str, dict[str, Any]]:
        value = self.value(3)
        return written(value), written(self.other(value)), self.rules([*places(value)])

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def value(self, depth: int) -> Any:
        roll = self.random.random()
        if depth == 0 or roll < 0.1:
            return self.leaf()
        if roll < 0.55:
            family = self.random.choice(self.TEXTS + self.NUMBERS)
            kinds: list[Callable[[], Any]] = [
                self.leaf,
                lambda: self.value(depth - 1),
                lambda: self.one_of(family),
                lambda: {"id": self.one_of(self.NUMBERS[0]), "a": self.one_of(family)},
                lambda: [self.one_of(family), self.one_of(self.NUMBERS[1])],
            ]
            element = self.random.choice(kinds)  # of one kind, so that they can be confused
            return [element() for _ in range(self.random.randint(0, 4))]
        names = self.random.sample(self.NAMES, self.random.randint(0, 3))
        return {name: self.value(depth - 1) for name in names}

    def leaf(self) -> Any:
        if self.chance(0.1):
            return self.random.choice((True, False, None))
        return self.one_of(self.random.choice(self.TEXTS + self.NUMBERS))

    def one_of(self, family: tuple[Any, ...]) -> Any:
        drawn = self.random.choice(family)
        return Number(drawn) if family in self.NUMBERS else drawn

    def other(self, value: Any) -> Any:
        """The same value, or something near it, anywhere in it."""
        if self.chance(self.share / 20):
            return self.value(1)
        match value:
            case list():
                return self.other_list([self.other(each) for each in value])
            case dict():
                items = [(name, self.other(each)) for name, each in value.items()]
                items = [item for item in items if not self.chance(self.share / 10)]
                if self.chance(self.share):
                    nothing: list[Any] = [None, [], {}, "", "x"]
                    items.append((self.random.choice(self.NAMES), self.random.choice(nothing)))
                return dict(self.random.sample(items, len(items)))
        return self.near(value) if self.chance(self.share) else value

    def other_list(self, value: list[Any]) -> list[Any]:
        if self.chance(0.4):
            self.random.shuffle(value)
        if value and self.chance(self.share / 10):
            value.pop(self.random.randrange(len(value)))
        if self.chance(self.share / 5):
            value.insert(self.random.randint(0, len(value)), self.value(1))
        return value

    def near(self, value: Any) -> Any:
        if isinstance(value, str) and self.chance(0.2) and re.fullmatch(r"\d+(\.\d+)?", value):
            return str(value) if isinstance(value, Number) else Number(value)
        families = self.NUMBERS if isinstance(value, Number) else self.TEXTS
        around = [family for family in families if value in family]
        return self.one_of(self.random.choice(around)) if around else value

    def rules(self, places: list[At]) -> dict[str, Any]:
        rules: dict[str, Any] = {}
        for kind, values in KINDS.items():
            if self.chance(0.35):
                paths = {self.path(self.random.choice(places)): None for _ in range(2)}
                rules[kind] = {p: self.random.choice(values) for p in paths} if values else [*paths]
            if kind.endswith("is_absent") and self.chance(0.1):
                rules[kind] = True
        if "timestamps" in rules and self.chance(0.3):
            rules["zone"] = UTC
        return rules

    def path(self, at: At) -> str:
        steps = [self.step(step) for step in at]
        if steps and self.chance(0.2):
            steps[: self.random.randint(0, len(steps))] = [".**"]
        return "$" + "".join(steps) + (".**" if self.chance(0.1) else "")

    def step(self, step: str | int) -> str:
        if isinstance(step, int):
            return self.random.choice(("[*]", "[*]", ".*", f"[{step}]"))
        return self.random.choice((f".{step}", f".{step}", ".*", f".{step[:1]}*"))


def places(value: Any, at: At = ()) -> Iterator[At]:
    yield at
    inside: Any = enumerate(value) if isinstance(value, list) else ()
    for step, each in value.items() if isinstance(value, dict) else inside:
        yield from places(each, (*at, step))


def written(value: Any) -> str:
    match value:
        case Number():
            return str(value)
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            members = (f"{json.dumps(name)}: {written(each)}" for name, each in value.items())
            return f"{{{', '.join(members)}}}"
    return json.dumps(value)


def disagreement(seed: int, verdicts: Counter[Verdict]) -> str | None:
    """What the comparison says of one pair, if the oracle says something else."""
    control, candidate, rules = Draw(seed).case()
    here, there = Response(status=200, body=control), Response(status=200, body=candidate)
    found = compare(here, there, Rules(**rules))
    verdicts[found.verdict] += 1
    expected = Oracle(rules).agree(control, candidate)
    if found.agrees is expected and found.verdict is not Verdict.UNDECIDED:
        return None
    return f"seed {seed}: {control} and {candidate} under {rules}: {found}, expected {expected}"


def main(pairs: int, first: int = 0) -> None:
    """Says what is not explained of so many pairs, from a first seed on."""
    verdicts: Counter[Verdict] = Counter()
    unexplained = 0
    for seed in range(first, first + pairs):
        if words := disagreement(seed, verdicts):
            unexplained += 1
            print(words, flush=True)
    counted = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common())
    print(f"{pairs:,} pairs with rules: {counted}; {unexplained:,} unexplained")
    raise SystemExit(unexplained > 0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
