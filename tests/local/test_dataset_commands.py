"""`shadowctl dataset` on the users of the sample, and who waits for it; IAM is enforced."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from dataset.register import Phase
from localaws.up import Local
from operations.flag import FlagWriterError
from routes.get_user.seed import PLANTED
from shadow_runtime.contract import Position, Stage, flag_document
from shadowctl import cli
from shadowctl.commands import dataset as commands
from shadowctl.route import Route
from shadowctl.verb import ExitCode
from tests.local.deployed import Deployed, awaited
from tests.local.users_dataset import dataset, make_synced, plant
from tests.local.way_back import exposure, is_off

CANARY = Stage.canary(percent=2)


class Command:
    """`shadowctl dataset users ...`, as a person types it."""

    def __init__(self, local: Local) -> None:
        self._local = local

    def __call__(self, *arguments: str, ends: ExitCode = ExitCode.DONE) -> Any:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(commands, "session", lambda embedded: self._local.session())
            ran = CliRunner().invoke(cli.app, ["dataset", "users", *arguments, "--json"])
        assert ran.exit_code == ends, ran.output
        return json.loads(ran.stdout)


@pytest.fixture
def command(local: Local) -> Iterator[Command]:
    yield Command(local)
    if dataset(local).status().phase is not Phase.SYNCED:
        make_synced(local)


def test_what_differs_is_found_by_column_and_repaired_and_then_the_authority_moves_and_comes_back(
    local: Local, command: Command
) -> None:
    again = command("backfill")
    assert again["backfill"] == {"enqueued": 500, "is_done": True}
    found = command("verify", ends=ExitCode.FAIL)
    assert found["verification"]["differences"] == [{"key": PLANTED, "columns": ["name"]}]
    refused = command("switch", "--yes", ends=ExitCode.ERROR)
    assert "no verification of the last 24 hours" in refused["error"]
    assert "shadowctl dataset Users:users verify" in refused["error"]
    assert command("repair", PLANTED)["columns"] == ["name"]
    assert command("repair", PLANTED)["outcome"] == "equal"
    assert "knows 'nobody'" in command("repair", "nobody", ends=ExitCode.ERROR)["error"]
    verified = command("verify")
    assert (verified["phase"], verified["verification"]["looked_at"]) == ("synced", 500)
    assert command("switch", "--dry-run")["refused"] == ""
    switched = command("switch", "--yes")
    assert (switched["phase"], switched["authority"]) == ("switched", "candidate")
    assert 5 < switched["held_s"] < 25
    refused = command("off", ends=ExitCode.ERROR)
    assert "`shadowctl dataset Users:users switch-back` first" in refused["error"]
    back = command("switch-back")
    assert (back["phase"], back["authority"]) == ("synced", "control")
    plant(local)


def test_nobody_is_exposed_before_the_dataset_is_ready_not_by_a_click_in_the_console_either(
    local: Local, command: Command
) -> None:
    route, deployed = Route.find("GetUser", local.session()), Deployed(local)
    with deployed.flag_kept():
        deployed.at(Position(Stage.SHADOW))
        command("off")
        why = "canary needs Users/users at synced or switched or complete, and it is at off"
        with pytest.raises(FlagWriterError, match=f"{why}: `shadowctl dataset Users:users backf"):
            route.move(CANARY, why="a test", progress=lambda *_: None)
        now = deployed.flag.deployed()
        with pytest.raises(ClientError, match=why):
            deployed.flag.deploy(
                flag_document(Position(CANARY)), after=now, raising=False, description=""
            )
        ticked = asked(deployed, {"action": "ramp"})
        assert why.replace("canary", "live") in ticked["why"]
        make_synced(local)
        route.move(CANARY, why="a test", progress=lambda *_: None)
        assert deployed.flag.deployed().position.stage == CANARY


def test_a_rollback_takes_the_authority_back_too(local: Local, command: Command) -> None:
    deployed = Deployed(local)
    command("repair", PLANTED)
    command("verify")
    command("switch", "--yes")
    with deployed.flag_kept():
        deployed.at(Position(CANARY))
        message = {
            "AlarmName": exposure(deployed)[0],
            "AlarmDescription": "a test",
            "NewStateValue": "ALARM",
            "NewStateReason": "a test",
            "StateChangeTime": "2030-01-09T03:00:00.000+0000",
        }
        done = asked(deployed, {"Records": [{"Sns": {"Message": json.dumps(message)}}]})
        assert (done["changed"], done["dataset"]) == (True, "Users/users")
        assert is_off(deployed)
        its = dataset(local)
        assert awaited(lambda: its.status().phase is Phase.SYNCED, True)
    plant(local)


def asked(deployed: Deployed, event: Any) -> Any:
    """What operations answers."""
    answer = deployed.aws.client("lambda").invoke(
        FunctionName=deployed.name("Operations"), Payload=json.dumps(event)
    )
    done = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, done
    return done
