"""`shadowctl status`: one look at the routes that are asked for, or one after the other."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Self

import boto3
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from shadowctl.deployed import DeployedRoute, RouteError, every, find_route
from shadowctl.failures import EXPECTED, in_one_line
from shadowctl.functions import Functions
from shadowctl.status.next_steps import next_steps
from shadowctl.status.screen import lines, overview, overview_lines, screen
from shadowctl.status.seen import AWS, Clock, Status, Unseen, look
from shadowctl.verb import ExitCode, Result

_AT_ONCE = 8
_WORST_LAST = (ExitCode.DONE, ExitCode.INCONCLUSIVE, ExitCode.ERROR, ExitCode.FAIL)


@dataclass(frozen=True, slots=True)
class View:
    """What an operator looks at: one route whole, or several in a table.

    Of several, one that cannot be looked at hides none of the others.

    Example:
        >>> View.of(["GetUser"], aws).once().code  # doctest: +SKIP
        <ExitCode.DONE: 0>
    """

    look: Callable[[], Sequence[Status | Unseen]]
    is_one: bool

    @classmethod
    def of(
        cls,
        asked: Sequence[str],
        aws: boto3.Session,
        *,
        tolerances: Mapping[str, float] = MappingProxyType({}),
        version: str | None = None,
        since: datetime | None = None,
        since_release: bool = False,
        clock: Clock = AWS,
    ) -> Self:
        """The routes that are asked for, by default all of them.

        `tolerances` are of `judge.Tolerances`, by name.

        Raises:
            RouteError: there is no such route, or none at all.
        """
        held = [find_route(each, aws) for each in asked] or [*every(aws)]
        if not held:
            raise RouteError(f"no stack in {aws.region_name} holds a route: deploy one")
        in_stack = Counter(each.stack for each in held)

        def seen(route: DeployedRoute) -> Status | Unseen:
            try:
                return one(route)
            except EXPECTED as error:
                if len(asked) == 1:
                    raise
                return Unseen(route.settings.route, in_one_line(error))

        def one(route: DeployedRoute) -> Status:
            is_alone = in_stack[route.stack] == 1
            return look(
                route,
                aws,
                asked=route.stack if is_alone else f"{route.stack}:{route.name}",
                tolerances=tolerances,
                version=version,
                since=Functions(route, aws).released if since_release else since,
                clock=clock,
            )

        def all_of_them() -> list[Status | Unseen]:
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                return [*threads.map(seen, held)]

        return cls(all_of_them, is_one=len(asked) == 1)

    def once(self) -> Result:
        """What there is to see now; it ends as the worst of the routes does."""
        found = self.look()
        return Result(
            [self._drawn(found)] if Console().is_terminal else self._lines(found),
            {"routes": [each.document() for each in found]},
            [] if self.is_one else _steps(found),
            max((each.code for each in found), key=_WORST_LAST.index),
        )

    def watched(self, *, every_s: float) -> Iterator[RenderableType]:
        """What there is to see, as often as asked for, until Ctrl-C; in a pipe, what changes.

        A look that fails is told, and the last one stays.
        """
        console = Console(highlight=False)
        with suppress(KeyboardInterrupt):
            if console.is_terminal:
                self._live(console, every_s)
            else:
                yield from self._changes(every_s)

    def _live(self, console: Console, every_s: float) -> None:
        found, failed, at = self.look(), "", datetime.now(UTC)
        footer = Text(f"every {every_s:g} s; Ctrl-C ends this, and nothing else", "dim")
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                told = [Text(failed, "bold red")] if failed else []
                shown = self._drawn(found, is_watched=True)
                live.update(Group(*told, shown, footer), refresh=True)
                time.sleep(every_s)
                try:
                    found, failed, at = self.look(), "", datetime.now(UTC)
                except EXPECTED as error:
                    failed = f"not looked at since {at:%T} UTC: {in_one_line(error)}"

    def _changes(self, every_s: float) -> Iterator[str]:
        before: list[str] = []
        while True:
            try:
                told = [*self._lines(self.look())]
            except EXPECTED as error:
                told = [f"not looked at: {in_one_line(error)}"]
            yield from (line for line in told if line not in before)
            before = told
            time.sleep(every_s)

    def _drawn(
        self, found: Sequence[Status | Unseen], *, is_watched: bool = False
    ) -> RenderableType:
        if self.is_one and isinstance(found[0], Status):
            return screen(found[0], is_watched=is_watched)
        return overview(found)

    def _lines(self, found: Sequence[Status | Unseen]) -> Iterator[str]:
        if self.is_one and isinstance(found[0], Status):
            return lines(found[0])
        return overview_lines(found)


def _steps(found: Sequence[Status | Unseen]) -> list[str]:
    statuses = (each for each in found if isinstance(each, Status))
    return [step for each in statuses for step in next_steps(each)[:1]]
