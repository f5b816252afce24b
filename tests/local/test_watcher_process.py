"""The watcher as a process beside the embedded AWS: it comes and goes with its supervisor."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from localaws import LocalError
from localaws.supervisor import StateFolder, Supervisor
from localaws.up import Local, down
from tests.local.deployed import awaited
from tests.local.processes import alive, answers, processes


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    """A supervisor that watches, with an environment that is complete and empty."""
    state = StateFolder(tmp_path / ".local")
    (tmp_path / "manifest.json").write_text('{"artifacts": {}}')
    supervisor = Supervisor(state, watch=True)
    try:
        report = supervisor.servers()
        assert watchers(state) == []
        local = Local(
            **report, assembly=str(tmp_path), outputs={}, resources={}, differences=[], seconds={}
        )
        state.write_state(asdict(local))
        assert awaited(lambda: len(watchers(state)), 2) == 2
        yield state
    finally:
        supervisor.stop()


def watchers(state: StateFolder) -> list[psutil.Process]:
    """The process that watches, and its guard."""
    running = processes(state)
    commands = answers(running, lambda process: (process, json.dumps(process.cmdline())))
    return [process for process, command in commands if "localaws.watcher" in command]


def test_it_ends_with_its_supervisor_even_when_that_is_killed(state: StateFolder) -> None:
    started = processes(state)
    started[0].kill()
    assert alive(started) == []


def test_it_is_stopped_with_the_environment(state: StateFolder) -> None:
    started = processes(state)
    assert down(state)
    assert alive(started) == []


def test_nothing_goes_on_unwatched(state: StateFolder) -> None:
    started = processes(state)
    watchers(state)[-1].kill()
    assert alive(started) == []
    with pytest.raises(LocalError, match=r"the watcher ended by itself; see .*watcher\.log; start"):
        Local.load(state)


def test_it_outlives_the_stacks_that_it_watches(state: StateFolder, tmp_path: Path) -> None:
    """As after `cdk destroy`: what the assembly names is not there."""
    template = {"Resources": {"Red": {"Type": "AWS::Logs::LogGroup"}}}
    (tmp_path / "Gone.template.json").write_text(json.dumps(template))
    gone = {
        "type": "aws:cloudformation:stack",
        "properties": {"templateFile": "Gone.template.json"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"Gone": gone}}))
    local = Local.load(state)
    state.write_state(asdict(local))  # as after a deployment: the watcher reads it anew
    time.sleep(3)
    assert len(watchers(state)) == 2
    assert "failed" not in state.log("watcher").read_text()
