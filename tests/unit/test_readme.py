"""What the README shows is what there is."""

import re
from pathlib import Path

from typer.testing import CliRunner

from shadowctl.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = {"stage", "status", "plan", "rehearse", "local", "up"}


def test_the_stack_in_the_readme_is_the_stack_of_the_sample() -> None:
    [shown] = re.findall(r"```python\n(class GetUser.*?)```", README, re.DOTALL)
    assert shown in (ROOT / "stacks" / "get_user.py").read_text()


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) - {"any"} <= targets


def test_every_shadowctl_command_in_the_readme_exists() -> None:
    for words in re.findall(r"python -m shadowctl ([a-z ]+)", README):
        command = [word for word in words.split() if word in COMMANDS]
        assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0


def test_every_file_that_the_readme_links_to_exists() -> None:
    for path in re.findall(r"\]\(([a-zA-Z0-9/._-]+)\)", README):
        assert (ROOT / path).exists(), path


def test_the_rules_in_the_readme_are_accepted() -> None:
    from datetime import timedelta

    from shadow_runtime.candidate import candidate
    from shadow_runtime.compare import Rules, Tolerance

    [shown] = re.findall(r"```python\n@candidate\((.*?)\)\n```", README, re.DOTALL)
    names = {"Rules": Rules, "Tolerance": Tolerance, "timedelta": timedelta}
    candidate(**eval(f"dict({shown})", names))


def test_the_metrics_in_the_readme_are_those_that_are_written() -> None:
    from shadow_runtime.contract import Dimension, MetricName

    [told] = re.findall(r"namespace `ShadowCanary`:(.*?)\n\n", README, re.DOTALL)
    named = set(re.findall(r"`([A-Za-z]+)`", told)) - set(Dimension)
    assert named == set(MetricName) - {MetricName.CLEANUPS, MetricName.ROLLBACKS}


def test_the_costs_in_the_readme_are_those_of_the_plan() -> None:
    [plan] = (ROOT / "tests/snapshot/__snapshots__/test_plan").glob("*GetUser*.md")
    printed = plan.read_text()
    [total] = re.findall(r"\| all +\|.*\| +([\d.]+) \|", printed)
    [sampled] = re.findall(r"all would be ([\d.]+) USD", printed)
    [told] = re.findall(r"costs (\d+) USD, half of it the shadow;\n(\d+) USD", README)
    assert told == (f"{float(total):.0f}", f"{float(sampled):.0f}")
    assert "The shadow is 50 % of it" in printed
