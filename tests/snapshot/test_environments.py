"""Staging and production of one route, as the documents show them."""

import re
import shutil
from pathlib import Path

from analysis.rollout import Rollout
from shadow_runtime.contract import Stage
from tests.checkout import ROOT
from tests.snapshot.conftest import Synthesis

HEAD = """
from datetime import UTC, datetime

import aws_cdk as cdk
from constructs import Construct

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic

"""


def test_each_environment_has_its_own_ceiling_traffic_and_first_day(
    tmp_path: Path, synthesize: Synthesis
) -> None:
    text = (ROOT / "docs/adopt.md").read_text()
    [shown] = re.findall(r"```python\n(class GetUserOf.*?)```", text, re.DOTALL)
    (tmp_path / "app.py").write_text(
        f"{HEAD}{shown}\napp = cdk.App()\nenvironments(app)\napp.synth()\n"
    )
    shutil.copy(ROOT / "cdk.json", tmp_path)
    for folder in ("lambdas/datasets", "lambdas/routes"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    assembly = synthesize(tmp_path)
    staging, prod = (Rollout.load(assembly, f"{name}/GetUser") for name in ("Staging", "Prod"))
    assert (staging.ceiling, prod.ceiling) == (Stage.COMPLETE, Stage.canary(percent=2))
    assert (staging.traffic.users, prod.traffic.users) == (500, 50_000)
    assert (f"{staging.clean_up:%d %B %Y}", f"{prod.clean_up:%d %B %Y}") == (
        "24 December 2029",
        "14 January 2030",
    )
    assert (staging.stack, prod.stack) == ("Staging-GetUser", "Prod-GetUser")
