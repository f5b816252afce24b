"""Whom a healthy candidate loses because users write while copies wait: a replay with a writer.

`python -m bench.compare_races`, with `lambdas` on the path, prints the table.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.padding import Padding
from rich.table import Table

from bench.contest import ROOT
from bench.report import console
from shadow_runtime.contract import Variable, Variant

TITLE = "(i) A healthy candidate, with a writer beside it"
INCLUDES = (
    "Each cell replays 2,000 copies, each of another user who writes at that rate, one a second "
    "through one shadow function on a clock that is played. A rollback needs two confirmed "
    "differences of the 60 copies of a minute: then they are over 2 %."
)
COPIES, A_MINUTE = 2_000, 60
ANSWER_S = 0.03
"""What a side takes; so long after control's second answer is the candidate's."""

RATES = {"each minute": 60.0, "each 10 minutes": 600.0}
LAGS_S = (1.0, 10.0, 30.0, 59.0)

WORLD, ROUTE = "played_world", "played_route"
SIDE = f"""
import {WORLD}
from shadow_runtime.candidate import candidate
from shadow_runtime.http import Response
from shadow_runtime.migrating import migrating

def answer(request):
    return Response.json({{"name": "Ada", "written": {WORLD}.asked(request.user)}})

"""
SIDES = {
    Variant.CONTROL: SIDE + "handler = migrating(answer)\n",
    Variant.CANDIDATE: SIDE + "handler = candidate(answer)\n",
}


class World(ModuleType):
    """Users, each of whom writes now and then, and the time, which work alone moves."""

    def __init__(self, each_s: float) -> None:
        super().__init__(WORLD)
        self._rng = np.random.default_rng(12)
        self.each_s = each_s
        self.now = 0.0
        self.writes: dict[str, Any] = {}

    def written(self, user: str) -> int:
        """How often the user has written until now."""
        if user not in self.writes:
            gaps = self._rng.exponential(self.each_s, 400)
            begun = self._rng.uniform(0, self.each_s)
            self.writes[user] = self.now - begun + np.cumsum(gaps)
        return int(np.searchsorted(self.writes[user], self.now))

    def asked(self, user: str) -> int:
        """What a side answers, and the time that it takes."""
        self.now += ANSWER_S
        return self.written(user)

    def sleep(self, seconds: float) -> None:
        """The time passes."""
        self.now += seconds


class Replay(NamedTuple):
    """What became of copies in turn: whether each was a first sight, and whether confirmed."""

    first: list[bool]
    confirmed: list[bool]

    @property
    def rollbacks(self) -> int:
        """Minutes in which enough was confirmed to take users back."""
        edges = range(0, len(self.confirmed) + A_MINUTE, A_MINUTE)
        return sum(sum(self.confirmed[start:end]) >= 2 for start, end in pairwise(edges))


def replay(each_s: float, lag_s: float) -> Replay:
    """Copies that wait `lag_s`, of users who write each `each_s` seconds; in a process apart."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, ROUTE)
        package.mkdir()
        for side, code in SIDES.items():
            (package / f"{side}.py").write_text(code)
        said = subprocess.run(
            [sys.executable, "-m", "bench.compare_races", str(each_s), str(lag_s)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={
                **os.environ,
                Variable.ROUTE_PACKAGE: ROUTE,
                "PYTHONPATH": os.pathsep.join([folder, str(ROOT), str(ROOT / "lambdas")]),
            },
        ).stdout
    ends = [line for line in map(json.loads, said.splitlines()) if "Compared" in line]
    return Replay(
        first=["FirstSight" in line for line in ends],
        confirmed=["Mismatched" in line for line in ends],
    )


def play(each_s: float, lag_s: float) -> None:
    """One environment of the shadow that meets the copies, one a second."""
    from shadow_runtime import shadow
    from shadow_runtime.copies import Copy
    from shadow_runtime.front_doors import HTTP_API
    from shadow_runtime.http import Request, Response

    world = World(each_s)
    sys.modules[WORLD] = world
    # Mypy takes functions of a module for constants: these two are replaced in this process alone.
    time.sleep = world.sleep  # type: ignore[assignment]
    shadow._masking_key = lambda: b"key"  # type: ignore[assignment]
    shadow._second_sights = shadow.SecondSights(clock=lambda: world.now)
    for number in range(COPIES):
        user, sent = f"user-{number}", world.now
        answer = Response.json({"name": "Ada", "written": world.written(user)})
        copy = Copy(
            event=HTTP_API.event(Request(method="GET", path="/users/me", user=user)),
            withheld=(),
            user=user,
            id=user,
            trace="",
            traceparent="",
            variant=Variant.CONTROL,
            response=answer,
            exposed=True,
            candidate_version="7",
            deadline_ms=2_000,
        )
        world.now = sent + lag_s
        shadow.handler(json.loads(copy.payload()), None)
        world.now = sent + lag_s + 1


def main() -> None:
    """Replay everything, and print the table."""
    table = Table(box=box.SIMPLE_HEAD)
    titles = ("a user writes", "lag", "differ once", "confirmed", "rolled back")
    for title in titles:
        table.add_column(title, justify="left" if title == titles[0] else "right")
    for rate, each_s in RATES.items():
        for lag_s in LAGS_S:
            found = replay(each_s, lag_s)
            table.add_row(
                rate,
                f"{lag_s:g} s",
                f"{sum(found.first) / COPIES:.1%}",
                str(sum(found.confirmed)),
                str(found.rollbacks),
            )
    console.print(f"[bold]{TITLE}[/]", highlight=False)
    console.print(table, Padding(INCLUDES, (0, 0, 1, 2)), highlight=False)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        play(*map(float, sys.argv[1:]))
    else:
        main()
