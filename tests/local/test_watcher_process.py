"""The watcher as a process beside the embedded AWS: it comes and goes with its keeper."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from localaws.home import Home
from localaws.owner import Owner
from localaws.up import Local, down
from tests.local.deployed import awaited
from tests.local.processes import alive, answers, processes


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A keeper that watches, with an environment that is complete and empty."""
    home = Home(tmp_path / ".local")
    (tmp_path / "manifest.json").write_text('{"artifacts": {}}')
    owner = Owner(home, watch=True)
    try:
        report = owner.started()
        assert watchers(home) == []
        local = Local(**report, assembly=str(tmp_path), outputs={}, replaced=[], seconds={})
        home.write_state(asdict(local))
        assert awaited(lambda: len(watchers(home)), 2) == 2
        yield home
    finally:
        owner.stop()


def watchers(home: Home) -> list[psutil.Process]:
    """The process that watches, and its leash."""
    running = processes(home)
    commands = answers(running, lambda process: (process, json.dumps(process.cmdline())))
    return [process for process, command in commands if "localaws.watcher" in command]


def test_it_ends_with_its_keeper_even_when_that_is_killed(home: Home) -> None:
    started = processes(home)
    started[0].kill()
    assert alive(started) == []


def test_it_is_stopped_with_the_environment(home: Home) -> None:
    started = processes(home)
    assert down(home)
    assert alive(started) == []


def test_nothing_goes_on_unwatched(home: Home) -> None:
    started = processes(home)
    watchers(home)[-1].kill()
    assert alive(started) == []
