"""The operator's command says what is wrong in one line, and reads no profile unasked."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.guards import Guards
from operations.transitions import Transitions
from shadow_runtime.contract import ShadowCanaryError, Stage
from shadowctl import cli
from shadowctl.route import Route, wanted
from tests.unit.flags import ADA, at, flag_on

ROOT = Path(__file__).resolve().parents[2]


def failed(*arguments: str) -> str:
    """What the command says on its way out with exit code 1."""
    ran = CliRunner().invoke(cli.app, arguments)
    assert (ran.exit_code, ran.stdout) == (1, "")
    return ran.stderr


def test_a_profile_that_does_not_exist_hinders_nobody_who_needs_none() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "shadowctl", "local", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "", "AWS_PROFILE": "nobody"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_without_credentials_one_line_says_so() -> None:
    said = failed("stage", "GetUser")
    assert said.count("\n") == 1
    assert "credentials" in said


def test_without_a_region_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    said = failed("stage", "GetUser")
    assert said.count("\n") == 1
    assert "region" in said


def test_an_unknown_commit_to_compare_with_is_one_clear_line() -> None:
    said = failed("diff", "GetUser", "--base", "no-such-branch")
    assert said.count("\n") == 1
    assert "BASE=" in said


@pytest.mark.parametrize("stage", [None, "off", "canary", "live"])
def test_a_percentage_goes_with_canary_and_with_nothing_else(stage: str | None) -> None:
    percent = None if stage == "canary" else 5.0
    with pytest.raises(ValueError, match=f"a canary needs --percent.*got {stage or 'no stage'}"):
        wanted(stage, percent)
    assert wanted("canary", 5.0) == Stage.canary(percent=5)


WRONG = {
    "a canary without a percentage": ["stage", "GetUser", "canary"],
    "a percentage without a stage": ["stage", "GetUser", "--percent", "5"],
    "an unknown stage": ["stage", "GetUser", "beta"],
    "a percentage that no bucket has": ["stage", "GetUser", "canary", "--percent", "1.005"],
    "no percentage": ["stage", "GetUser", "canary", "--percent", "nan"],
    "a tolerance of nothing": ["status", "GetUser", "--mismatch-percent", "0"],
    "a seed that NumPy refuses": ["rehearse", "GetUser", "--seed", "-1"],
    "no traffic": ["rehearse", "GetUser", "--requests-per-day", "0"],
    "nobody": ["rehearse", "GetUser", "--users", "0"],
    "a page where a folder is": ["rehearse", "GetUser", "--report", "/"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_what_an_operator_typed_wrong_is_a_usage_error_before_anything_is_asked(
    arguments: list[str],
) -> None:
    ran = CliRunner().invoke(cli.app, arguments)
    assert ran.exit_code == 2
    assert "Invalid value" in ran.stderr


def test_every_failure_that_an_operator_meets_is_an_expected_one() -> None:
    bases = {
        node.name: ast.unparse(node.bases[0])
        for folder in ("analysis", "lambdas/operations", "localaws", "shadowctl")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    }
    assert len(bases) > 5
    assert {base for base in bases.values() if base not in bases} == {ShadowCanaryError.__name__}


def unread() -> Guards:
    raise AssertionError("nobody needs to look at an alarm")


def nothing() -> None:
    return None


@pytest.mark.parametrize("position", [Stage.OFF, Stage.SHADOW, Stage.canary(percent=2)])
def test_a_position_over_the_ceiling_is_refused_with_what_to_do(position: Stage) -> None:
    appconfig, ceiling = at(position), Stage.canary(percent=2)
    route = Route(
        "GetUser",
        "get-user",
        flag_on(appconfig, Transitions(ceiling)),
        ceiling,
        unread,
        "",
        nothing,
        lambda: ADA,
    )
    for to in (Stage.canary(percent=2.01), Stage.LIVE):
        with pytest.raises(
            ShadowCanaryError, match=r"over the ceiling, canary\(2%\): raise `ceiling`.* and deploy"
        ):
            route.move(to, why="a test", progress=lambda *_: None)
    assert appconfig.writes == []


def test_the_command_says_when_the_ceiling_holds_the_flag_lower() -> None:
    def where(position: Stage, ceiling: Stage) -> str:
        flag = flag_on(at(position))
        return Route("GetUser", "get-user", flag, ceiling, unread, "", nothing, lambda: ADA).where()

    assert where(Stage.LIVE, Stage.canary(percent=2)).startswith(
        "get-user: at canary(2%): the flag says live, but the ceiling in git holds it"
    )
    assert where(Stage.SHADOW, Stage.LIVE) == "get-user: at shadow, ceiling live"
