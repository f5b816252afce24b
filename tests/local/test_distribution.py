"""The wheel, in an empty environment, beside an app that nobody here wrote."""

import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localaws import environment
from shadowctl.synthesis import synthesize
from tests.checkout import ROOT

APP = """
from datetime import UTC, datetime

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic


class Orders(cdk.Stack):
    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        service = ShadowCanaryService(
            self,
            "Service",
            route="get-order",
            code=RouteCode("src/orders/get_order", root="src", packages=["src/money"]),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
            ceiling=Stage.canary(percent=5),
            expected_traffic=Traffic.per_day(1_000_000, users=50_000),
        )
        api = apigateway.HttpApi(self, "Api")
        api.add_routes(
            path="/orders",
            methods=[apigateway.HttpMethod.GET],
            integration=HttpLambdaIntegration("GetOrder", service.alias),
        )
        service.alias.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)


app = cdk.App()
Orders(app, "Orders")
app.synth()
"""
CONTROL = """
import json

from money import euros
from shadow_runtime.migrating import migrating


@migrating(repeatable=True)
def handler(event, context):
    body = json.dumps({"total": euros(1250)})
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
"""
CANDIDATE = (
    CONTROL.replace("shadow_runtime.migrating import migrating", "{import}")
    .replace("@migrating(repeatable=True)", "@candidate")
    .replace("{import}", "shadow_runtime.candidate import candidate")
)
FILES = {
    "app.py": APP,
    "cdk.json": json.dumps({"app": "python3 app.py"}),
    "src/orders/get_order/control.py": CONTROL,
    "src/orders/get_order/candidate.py": CANDIDATE,
    "src/money/__init__.py": "def euros(cents): return cents / 100\n",
}


@dataclass(frozen=True, slots=True)
class Team:
    """Somebody's app in `folder`, and the environment where they installed the wheel."""

    folder: Path
    wheel: Path

    def runs(self, *arguments: str) -> str:
        """What `shadowctl` says there; of this checkout it finds the CDK CLI, and nothing else."""
        ran = subprocess.run(
            [self.folder / ".venv/bin/shadowctl", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{ROOT / 'node_modules/.bin'}:/usr/bin:/bin",
                "PYTHONPATH": "",
                "COLUMNS": "200",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("a team's app")
    uv = [sys.executable, "-m", "uv", "--quiet"]
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    dist = tmp_path_factory.mktemp("dist")
    run(*uv, "build", "--wheel", "--out-dir", str(dist), str(ROOT), cwd=folder)
    [wheel] = dist.glob("*.whl")
    run(*uv, "venv", "--python", sys.executable, ".venv", cwd=folder)
    run(
        *(*uv, "pip", "install", "--python", ".venv", "-c", str(ROOT / "constraints.txt")),
        f"{wheel}[local]",
        cwd=folder,
    )
    git = ["git", "-c", "user.name=A team", "-c", "user.email=team@example.com"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Orders"]):
        run(*git, *arguments, cwd=folder)
    yield Team(folder, wheel)
    if (folder / ".local/state.json").exists():
        Team(folder, wheel).runs("local", "down")


def run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


def templates(assembly: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in assembly.glob("*.template.json")}


def test_synthesis_needs_no_emulator(team: Team) -> None:
    with zipfile.ZipFile(team.wheel) as wheel:
        [path] = [name for name in wheel.namelist() if name.endswith("METADATA")]
        metadata = wheel.read(path).decode()
    needed = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert {*needed} == {"aws-cdk-lib", "boto3", "constructs", "rich", "typer", "uv"}


def test_an_installed_construct_makes_the_template_that_this_checkout_makes(
    team: Team, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    synthesize(team.folder, ours)
    path = f"{team.folder / '.venv/bin'}:{os.environ['PATH']}"
    script = (
        "from pathlib import Path; from shadowctl.synthesis import *; "
        f"synthesize(app_folder(), Path({str(theirs)!r}), {{'PATH': {path!r}, 'HOME': '/tmp'}})"
    )
    run(str(team.folder / ".venv/bin/python"), "-c", script, cwd=team.folder)
    assert templates(theirs) == templates(ours)
    assert {path.name for path in theirs.glob("asset.*")} == {
        path.name for path in ours.glob("asset.*")
    }


def test_a_plan_a_diff_and_a_rehearsal_are_made_there(team: Team) -> None:
    assert team.runs("plan", "Orders").startswith("## Orders: up to `canary(5%)`")
    app = team.folder / "app.py"
    app.write_text(APP.replace("percent=5", "percent=7"))
    try:
        changed = team.runs("diff", "Orders", "--base", "HEAD")
    finally:
        app.write_text(APP)
    assert "canary(7%)" in changed
    assert "Number of stacks with differences: 1" in changed
    assert "clean-up on 14 January 2030" in team.runs("rehearse", "Orders", "--rollouts", "100")


def test_its_routes_answer_on_the_embedded_aws_with_the_commands_that_are_printed(
    team: Team,
) -> None:
    printed = team.runs("local", "up")
    try:
        commands = [line for line in printed.splitlines() if line.startswith("curl ")]
        assert len(commands) == 2  # of the HTTP API, of the function URL
        for command in commands:
            asked = ["curl", "--silent", "--fail", *shlex.split(command)[1:]]
            answer = subprocess.run(asked, check=True, capture_output=True)
            assert json.loads(answer.stdout) == {"total": 12.5}
        assert team.runs("stage", "Orders", "--local").startswith("get-order: at off")
    finally:
        team.runs("local", "down")
    status = ["git", "status", "--short"]
    assert subprocess.run(status, cwd=team.folder, capture_output=True, check=True).stdout == b""


def test_routes_that_one_command_wrote_answer_are_moved_and_leave_nothing(team: Team) -> None:
    team.runs("new-route", "Parcels", "GET /parcels/{id}")
    team.runs("new-route", "Catalogue", "GET /catalogue", "--public")
    python = str(team.folder / ".venv/bin/python")
    constraints = str(ROOT / "constraints.txt")
    pip = [sys.executable, "-m", "uv", "--quiet", "pip", "install", "--python", ".venv"]
    run(*pip, "-c", constraints, "pytest", cwd=team.folder)
    run(python, "-m", "pytest", "-q", "tests", cwd=team.folder)
    seed = team.folder / "src/routes/parcels/seed.py"
    planted = seed.read_text().replace("        session.commit", "{plant}\n        session.commit")
    plant = '        session.get_one(Row, "2").name = "another"'
    seed.write_text(planted.replace("{plant}", plant))
    found = subprocess.run(
        [python, "-m", "pytest", "-q", "tests"], cwd=team.folder, capture_output=True, check=False
    )
    assert "$.name value 'the second' ≠ 'another'" in found.stdout.decode()

    team.runs("local", "up")
    try:
        answers = []
        for line in team.runs("local", "up").splitlines():
            if line.startswith("curl ") and "/orders" not in line:
                url = shlex.split(line)[-1].replace("{id}", "1")
                asked = subprocess.run(["curl", "--silent", url], capture_output=True, check=True)
                answers.append(json.loads(asked.stdout))
        assert {"id": "1", "name": "the first"} in answers
        for stack in ("Parcels", "Catalogue"):
            team.runs("stage", stack, "shadow", "--local")
            team.runs("stage", stack, "off", "--local")
        state = json.loads((team.folder / ".local/state.json").read_text())
        aws = environment.session(state["endpoint"])
        stacks, appconfig = aws.client("cloudformation"), aws.client("appconfig")
        before = len(appconfig.list_applications()["Items"])
        for stack in ("Parcels", "Catalogue"):
            stacks.delete_stack(StackName=stack)
            stacks.get_waiter("stack_delete_complete").wait(
                StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        assert len(appconfig.list_applications()["Items"]) == before - 2
    finally:
        team.runs("local", "down")
