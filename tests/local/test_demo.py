"""The guided run, as a newcomer starts it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def demo() -> subprocess.Popen[str]:
    """Started as a terminal starts it: its own process group, and Ctrl-C not ignored."""
    return subprocess.Popen(
        [sys.executable, "-m", "shadowctl", "demo"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "", "AWS_PROFILE": "nobody", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A test runner in the background ignores it, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def left_running() -> list[str]:
    """What still runs out of the demo's folder."""
    listed = subprocess.run(["ps", "-axo", "command"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(ROOT / ".local" / "demo") in line]


def test_every_step_sees_what_it_should() -> None:
    with demo() as running:
        output, _ = running.communicate(timeout=400)
    assert running.returncode == 0, output
    for seen in (
        "off       control ██████████████ 500   candidate   0",
        "shadow    control ██████████████ 500   candidate   0",
        "parity 499 / 500, differs:",
        "$.name value str(11)",
        "dual      user-001 writes: control does it, and its state is copied",
        "user-042 differs in name: repaired, compared again",
        "pairs differ; to canary(2%) by itself",
        "told by the candidate; again: done once",
        "switched  a write was held ",
        ", after its rules",
        "the same users again",
        "errors seen by users 0",
        "the flag fell to off by itself",
        "2 of 2 users' last writes are on both sides: nothing lost",
        "flag off, 3 versions pruned",
        "nothing is left running",
    ):
        assert seen in output
    assert max(len(line) for line in output.split("The embedded AWS")[0].splitlines()) <= 80
    assert left_running() == []


@pytest.mark.parametrize("seconds", [0.5, 2, 5, 9])
def test_ctrl_c_at_any_point_leaves_nothing_running(seconds: float) -> None:
    with demo() as running:
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGINT)
        output, _ = running.communicate(timeout=60)
    assert running.returncode == 130, output
    assert "Traceback" not in output
    time.sleep(0.5)
    assert left_running() == []
