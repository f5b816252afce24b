"""`shadowctl check`: which routes of an app should have been finished by a day."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path

from analysis.rollout import Rollout
from analysis.template import Stack, TemplateError
from shadowctl.synthesis import app_folder, synthesize


@dataclass(frozen=True, slots=True)
class Due:
    """A route, by the name that commands take, and the days from which it should be gone.

    Example:
        >>> due = Due("GetUser", clean_up=date(2030, 1, 14), grace=timedelta(days=7))
        >>> due.is_over(date(2030, 1, 21)), due.is_over(date(2030, 1, 22))
        (False, True)
        >>> due.line(date(2030, 1, 22))
        'GetUser: clean-up was on 2030-01-14, 8 days ago; shadowctl finish GetUser'
    """

    route: str
    clean_up: date
    grace: timedelta

    def is_over(self, today: date) -> bool:
        """Whether the clean-up and the days of grace after it have passed."""
        return today > self.clean_up + self.grace

    @property
    def command(self) -> str:
        """What finishes it."""
        return f"shadowctl finish {self.route}"

    def document(self, today: date) -> dict[str, object]:
        """For machines."""
        over = self.is_over(today)
        return {"route": self.route, "clean_up": f"{self.clean_up}", "is_over": over}

    def line(self, today: date) -> str:
        """Where it is on its way to the clean-up, and what to do when that has passed."""
        days = (self.clean_up - today).days
        if days >= 0:
            return f"{self.route}: clean-up on {self.clean_up}, in {_days(days)}"
        last = self.clean_up + self.grace
        to_do = self.command if self.is_over(today) else f"to be finished until {last}"
        return f"{self.route}: clean-up was on {self.clean_up}, {_days(-days)} ago; {to_do}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def due(*, assembly: Path | None, grace: timedelta) -> list[Due]:
    """Every route of `assembly`, or of one that is made of this tree, the most urgent first.

    Those of all Stages and nested stacks.

    Raises:
        SynthesisError: this tree does not synthesize.
        TemplateError: something is missing in a template; what, and where.
    """
    with tempfile.TemporaryDirectory() as folder:
        if assembly is None:
            assembly = Path(folder, "cdk.out")
            synthesize(app_folder(), assembly)
        return sorted(_due(assembly, grace), key=lambda each: (each.clean_up, each.route))


def _due(assembly: Path, grace: timedelta) -> Iterator[Due]:
    stacks = Stack.all_of(assembly)
    if not stacks:
        raise TemplateError(f"there are no stacks in {assembly}; run `cdk synth` first")
    held: dict[str, list[str]] = {}
    for stack in stacks:  # a nested one has its parent's path
        held.setdefault(stack.path, []).extend(stack.routes)
    for path, routes in held.items():
        for route in routes:
            name = path if len(routes) == 1 else f"{path}:{route}"
            clean_up = Rollout.load(assembly, name).clean_up
            yield Due(name, clean_up.astimezone(UTC).date(), grace)
