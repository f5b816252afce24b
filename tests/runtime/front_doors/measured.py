"""What was measured, read from the lines that it was written in."""

import itertools
from collections import Counter
from collections.abc import Iterable

from localaws.watcher import parse_emf

Key = tuple[str, str, frozenset[tuple[str, str]]]


def kind(namespace: str, name: str, dimensions: Iterable[tuple[str, str]]) -> Key:
    """A metric, of whatever route, function and version."""
    fixed = ("Variant", "Exposed")
    kept = frozenset((d, value if d in fixed else "") for d, value in dimensions)
    return namespace, name, kept


def counted(out: str) -> Counter[Key]:
    """The metrics in log lines, each with its sum."""
    counts: Counter[Key] = Counter()
    for measured in itertools.chain.from_iterable(map(parse_emf, out.splitlines())):
        counts[kind(*measured.key)] += sum(measured.values)  # type: ignore[assignment]
    return counts


def named(counts: Counter[Key]) -> set[str]:
    """The names of what was counted."""
    return {name for _, name, _ in counts}
