"""The operator's command says what is wrong in one line, and reads no profile unasked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shadow_runtime.contract import Stage
from shadowctl.stage import acting, wanted

ROOT = Path(__file__).resolve().parents[2]


def shadowctl(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHONPATH"))}
    return subprocess.run(
        [sys.executable, "-m", "shadowctl", *arguments],
        cwd=ROOT,
        env={**kept, "AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_profile_that_does_not_exist_hinders_nobody_who_needs_none() -> None:
    ran = shadowctl("local", "--help", AWS_PROFILE="nobody")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_without_credentials_one_line_says_so() -> None:
    ran = shadowctl("stage", "GetUser", AWS_DEFAULT_REGION="eu-central-1")
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "credentials" in ran.stderr


def test_without_a_region_one_line_says_so() -> None:
    ran = shadowctl("stage", "GetUser")
    assert ran.returncode == 1
    assert "region" in ran.stderr


def test_an_unknown_commit_to_compare_with_is_one_clear_line() -> None:
    ran = shadowctl("diff", "GetUser", "--base", "no-such-branch")
    assert ran.returncode == 1
    assert "BASE=" in ran.stderr


@pytest.mark.parametrize(("stage", "percent"), [("canary", None), ("live", 5.0)])
def test_a_percentage_goes_with_canary_and_with_nothing_else(
    stage: str, percent: float | None
) -> None:
    with pytest.raises(ValueError, match=f"a canary needs --percent.*got {stage}"):
        wanted(stage, percent)


def test_the_command_says_when_the_ceiling_holds_the_flag_lower() -> None:
    held = acting(Stage.LIVE, Stage.canary(percent=2))
    assert held.startswith("at canary(2%): the flag says live, but the ceiling in git holds it")
    assert acting(Stage.SHADOW, Stage.LIVE) == "at shadow, ceiling live"
