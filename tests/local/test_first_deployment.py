"""A route that is new and answers nobody is rolled back whole, and deployed once it is mended."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localaws import LocalError, deploy
from localaws.assembly import derive
from localaws.supervisor import StateFolder
from localaws.up import Local
from shadowctl.synthesis import synthesize
from tests.checkout import ROOT

APP = """
from datetime import UTC, datetime

import aws_cdk as cdk

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic

app = cdk.App()
ShadowCanaryService(
    cdk.Stack(app, "New"),
    "Service",
    route="rates",
    code=RouteCode("rates"),
    launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
    ceiling=Stage.SHADOW,
    expected_traffic=Traffic.per_day(1_000_000, users=50_000),
)
app.synth()
"""
SIDE = """
from shadow_runtime.{module} import {decorator}
from shadow_runtime.http import Request, Response

@{decorator}
def handler(request: Request) -> Response:
    return Response.json({{"usd": 1.08}})
"""
CONTROL = SIDE.format(module="migrating", decorator="migrating")
CANDIDATE = SIDE.format(module="candidate", decorator="candidate")
REQUEST = '{"method": "GET", "path": "/rates", "route_key": "GET /rates"}\n'
RAISES = f"{CONTROL}\nraise LookupError('no rates of s3cret')\n"


@pytest.fixture
def team(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "rates").mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    shutil.copy(ROOT / "cdk.json", folder)
    (folder / "rates/candidate.py").write_text(CANDIDATE)
    (folder / "rates/requests.jsonl").write_text(REQUEST)
    return folder


def deployed(team: Path, local: Local, *, control: str) -> None:
    (team / "rates/control.py").write_text(control)
    state = StateFolder(team / ".local")
    shutil.rmtree(state.synthesized, ignore_errors=True)
    synthesize(team, state.synthesized)
    derive(state.synthesized, state.derived, now=datetime.now(UTC))
    deploy.bootstrap(state.derived, local.session())
    deploy.deploy(state, local.endpoint, lambda _: None)


def test_a_first_deployment_whose_control_raises_on_import_is_rolled_back_and_mended(
    local: Local, team: Path
) -> None:
    stacks = local.session().client("cloudformation")

    def status() -> str:
        return stacks.describe_stacks(StackName="New")["Stacks"][0]["StackStatus"]

    try:
        with pytest.raises(LocalError, match="no user should meet what was deployed") as failed:
            deployed(team, local, control=RAISES)
        assert "on request 1 of 1 (GET /rates)" in str(failed.value)
        assert "s3cret" not in str(failed.value)
        assert status() == "ROLLBACK_COMPLETE"
        left = [
            resource["LogicalResourceId"]
            for resource in stacks.list_stack_resources(StackName="New")["StackResourceSummaries"]
            if resource["ResourceStatus"] != "DELETE_COMPLETE"
        ]
        assert left == []
        deployed(team, local, control=CONTROL)
        assert status() == "CREATE_COMPLETE"
    finally:
        stacks.delete_stack(StackName="New")
        stacks.get_waiter("stack_delete_complete").wait(
            StackName="New", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
