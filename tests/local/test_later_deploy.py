"""A deploy permits, and moves nobody: least of all a route that was rolled back."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from localaws import deploy
from localaws.assembly import derive
from localaws.supervisor import StateFolder
from localaws.up import Local
from shadow_runtime.contract import Stage, Variable
from tests.local.crowd import Crowd
from tests.local.deployed import Deployed, awaited
from tests.local.way_back import exposure, is_off, set_state


def deployed_again(assembly: Path, state: StateFolder, local: Local) -> None:
    shutil.rmtree(state.derived)
    derive(assembly, state.derived, now=datetime.now(UTC))
    deploy.deploy(state, local.endpoint, lambda _: None)


def test_a_route_that_was_rolled_back_stays_off_through_a_deploy_that_raises_its_ceiling(
    local: Local, local_state: StateFolder, canary: Deployed, crowd: Crowd, tmp_path: Path
) -> None:
    set_state(canary, exposure(canary)[0], "ALARM")
    awaited(lambda: is_off(canary), True)

    raised = shutil.copytree(local_state.synthesized, tmp_path / "cdk.out")
    template = raised / "GetUser.template.json"
    text = template.read_text().replace("canary(2%)", str(Stage.LIVE))
    # Another environment is another version, whose id CDK makes from a hash of it.
    template.write_text(re.sub(r"(ServiceRouteCurrentVersion\w+)", r"\1Raised", text))
    try:
        deployed_again(raised, local_state, local)
        variables = canary.configuration("Route")["Environment"]["Variables"]
        assert variables[Variable.CEILING] == str(Stage.LIVE)
        assert is_off(canary)
        asked = canary.count("Route", "Requests", Variant="candidate")
        assert {answer.status for answer in crowd.asks()} == {200}
        assert canary.count("Route", "Requests", Variant="candidate") == asked
    finally:
        deployed_again(local_state.synthesized, local_state, local)
