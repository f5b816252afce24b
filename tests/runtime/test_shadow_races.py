"""Users write while copies wait: the shadow itself, on a clock that is played."""

import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from shadow_runtime import shadow
from shadow_runtime.http import Response
from shadow_runtime.shadow import SecondSights
from tests.runtime.shadowed import copied, metrics, played_route

pytestmark = pytest.mark.usefixtures(played_route.__name__)

COPIES = 2_000
ANSWER_S = 0.03
"""What a side takes; so long after control's second answer is the candidate's."""

SIDE = """
import played_world
from shadow_runtime.{module} import {decorator}
from shadow_runtime.http import Response

@{decorator}
def handler(request):
    return Response.json({{"name": "Ada", "written": played_world.asked(request.user)}})
"""


class World(ModuleType):
    """Users, each of whom writes now and then, and the time, which work alone moves."""

    def __init__(self, each_s: float) -> None:
        super().__init__("played_world")
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
        self.now += ANSWER_S
        return self.written(user)


@pytest.fixture
def world(
    played_route: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> World:
    world = World(request.param)
    for module, decorator in (("migrating", "migrating"), ("candidate", "candidate")):
        name = "control.py" if module == "migrating" else "candidate.py"
        (played_route / name).write_text(SIDE.format(module=module, decorator=decorator))
    monkeypatch.setitem(sys.modules, "played_world", world)

    def sleep(seconds: float) -> None:
        world.now += seconds

    monkeypatch.setattr(shadow, "SECOND_SIGHT_S", 0.5)
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(shadow, "_second_sights", SecondSights(clock=lambda: world.now))
    return world


@pytest.mark.parametrize("lag_s", [1, 30, 59])
@pytest.mark.parametrize("world", [60, 600], indirect=True, ids=["each minute", "each 10 minutes"])
def test_what_users_write_while_copies_wait_takes_nobody_back(
    world: World, lag_s: float, capfd: pytest.CaptureFixture[str]
) -> None:
    """One after the other, each of another user, as one execution environment meets them."""
    for number in range(COPIES):
        user = f"user-{number}"
        answer = Response.json({"name": "Ada", "written": world.written(user)})
        sent = world.now
        world.now += lag_s
        shadow.handler(copied(user, answer=answer, exposed=True), None)
        world.now = sent + lag_s + 1
    found = metrics(capfd.readouterr().out)
    first = found.get("FirstSight", 0)
    expected = 1 - np.exp(-(lag_s + ANSWER_S) / world.each_s)
    spread = 4 * np.sqrt(COPIES * expected) + 2
    assert first == pytest.approx(COPIES * expected, abs=spread)
    assert found.get("Mismatched", 0) <= 1, "of which every alarm needs two"
