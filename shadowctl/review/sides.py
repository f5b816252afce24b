"""The two sides of a review, and what became of each stack."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from analysis.comparable import comparable
from analysis.template import Stack
from shadowctl.diff import library_of
from shadowctl.review.findings import Pair
from shadowctl.synthesis import SynthesisError, app_folder, check_out, synthesize

_WARNING = re.compile(r"^WARNING (.*)$", re.MULTILINE)
_ALIKE = 0.5
"""Share of the logical ids that two stacks have in common, of which one is the other renamed."""


@dataclass(frozen=True, slots=True)
class Side:
    """A commit, an app's folder, or an assembly: its stacks, or why there are none.

    `warnings` are what synthesis said that is no reason to stop; of an assembly nothing is known.
    """

    source: str
    stacks: tuple[Stack, ...]
    library: str | None
    failure: str = ""
    warnings: tuple[str, ...] = ()


@contextmanager
def side_of(source: str) -> Iterator[Side]:
    """The side that `source` names: a folder with templates, one with an app, or a commit.

    Raises:
        SynthesisError: it is none of these.
    """
    folder = Path(source)
    with tempfile.TemporaryDirectory() as room:
        if _is_assembly(folder):
            yield Side(source, tuple(Stack.all_of(folder)), None)
            return
        app = app_folder() if folder == Path() else folder
        if not (app / "cdk.json").is_file():
            app = Path(room, "app")
            check_out(source, app)
        out = Path(room, "cdk.out")
        try:
            said = synthesize(app, out)
        except SynthesisError as error:
            yield Side(source, (), library_of(app), str(error))
        else:
            warnings = tuple(dict.fromkeys(_WARNING.findall(said)))
            yield Side(source, tuple(Stack.all_of(out)), library_of(app), warnings=warnings)


def _is_assembly(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() or any(folder.glob("*.template.json"))


class Became(StrEnum):
    """What became of a stack."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    CHANGED = "changed"
    CODE = "code"
    SAME = "same"


@dataclass(frozen=True)
class Reviewed:
    """A stack as it was and is, as templates have it and as they are compared."""

    before: Stack | None
    after: Stack | None

    @cached_property
    def pair(self) -> Pair:
        """Without what a change of the code alone changes."""
        sides = (comparable(each) if each else None for each in (self.before, self.after))
        return Pair(*sides)

    @property
    def became(self) -> Became:
        """What became of it."""
        if self.before is None:
            return Became.ADDED
        if self.after is None:
            return Became.REMOVED
        if self.before.path != self.after.path or self.before.name != self.after.name:
            return Became.RENAMED
        if self.before.template == self.after.template:
            return Became.SAME
        return Became.CODE if self.pair.before == self.pair.after else Became.CHANGED

    @property
    def code(self) -> list[str]:
        """The functions whose code is another."""
        return self._moved("AWS::Lambda::Function", "Code")

    @property
    def layers(self) -> list[str]:
        """The layers whose packages are others."""
        return self._moved("AWS::Lambda::LayerVersion", "Content")

    def _moved(self, kind: str, what: str) -> list[str]:
        old, new = (
            {each.logical_id: each.get(what) for each in side.all(kind)} if side else {}
            for side in (self.before, self.after)
        )
        moved = [each for each in new if each in old and old[each] != new[each]]
        return [*map(self.after.noun, moved)] if self.after else []

    def changed_types(self) -> dict[str, int]:
        """How many resources of each type are not the same."""
        return dict(sorted(Counter(each.type for each in self.pair.changes()).items()))


def reviewed(base: Side, head: Side) -> list[Reviewed]:
    """Every stack of both sides, with what it was before; nested ones each by itself."""
    old, new = (
        {(each.path or each.name, each.nested): each for each in side.stacks}
        for side in (base, head)
    )
    gone = {place: stack for place, stack in old.items() if place not in new}
    found = []
    for place, stack in new.items():
        before = old.get(place)
        if before is None:
            was = next((p for p, each in gone.items() if _is_renamed(each, stack)), None)
            before = gone.pop(was) if was else None
        found.append(Reviewed(before, stack))
    return [*found, *(Reviewed(stack, None) for stack in gone.values())]


def _is_renamed(before: Stack, after: Stack) -> bool:
    old, new = ({*comparable(each).template["Resources"]} for each in (before, after))
    return bool(old | new) and len(old & new) / len(old | new) >= _ALIKE
