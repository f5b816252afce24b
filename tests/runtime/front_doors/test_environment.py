"""A whole request is counted and logged alike, whatever the environment says to Powertools."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from aws_lambda_powertools.shared import constants

from shadow_runtime.contract import Position, Stage
from tests.runtime.front_doors.route import Aws

ROOT = Path(__file__).resolve().parents[3]

VARIABLES = {
    *(name for name in vars(constants).values() if str(name).startswith("POWERTOOLS_")),
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_LEVEL",
    "DD_FLUSH_TO_LOG",
    "LOG_LEVEL",
}
"""Every one by which Powertools or Lambda's logging can be told something."""

VALUES = ("true", "0", "CRITICAL", "shop")
"""A switch, a number, a level and a name: each variable understands one of them."""


def test_no_variable_changes_a_metric_or_drops_a_line(aws: Aws) -> None:
    aws.flag.serve(Position(Stage.SHADOW))
    aws.functions.takes_copies = False
    quiet = lines({})
    assert {"Requests", "Faults", "TeeFailed", "Stage"} <= {name for line in quiet for name in line}
    assert "copy not sent" in {line.get("message") for line in quiet}
    for value in VALUES:
        assert lines(dict.fromkeys(VARIABLES, value)) == quiet, value


def lines(variables: dict[str, str]) -> list[dict[str, Any]]:
    """The lines that one request leaves, less what is new each time."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.runtime.front_doors.process"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'lambdas'}", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return [steady(json.loads(line)) for line in ran.stdout.splitlines()]


def steady(line: dict[str, Any]) -> dict[str, Any]:
    line.get("_aws", {}).pop("Timestamp", None)
    new = ("timestamp", "Latency", "flag_age")
    return {name: value for name, value in line.items() if name not in new}
