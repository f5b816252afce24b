"""The validator: it says yes to `off` whatever else is broken, and no to what nobody decided."""

import base64
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.register import Phase
from judge import Ramp
from operations.flag import FlagWriterError
from operations.transitions import Transitions
from operations.validator import RefusedError, handler
from shadow_runtime.contract import FLAG_KEY, FlagError, Position, Stage, Variable, flag_document
from tests.fakes import FakeAppConfig
from tests.strategies import json_values, positions
from tests.unit.datasets import NAME, PlayedDataset
from tests.unit.flags import CANARY, NOT_OURS, STAGES, at, richer

NO = (RefusedError, FlagError, FlagWriterError)


@pytest.fixture(autouse=True)
def ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(Variable.CEILING, "complete")


def asks(content: bytes) -> None:
    """As AppConfig does; raises what it would refuse the deployment for."""
    handler(
        {
            "applicationId": "app0",
            "configurationProfileId": "pro0",
            "configurationVersion": "7",
            "content": base64.b64encode(content).decode(),
            "uri": "hosted",
        },
        None,
    )


def saved(position: Position, **values: Any) -> bytes:
    document = flag_document(position)
    document["values"][FLAG_KEY] |= values
    return json.dumps(document).encode()


def deployed(appconfig: FakeAppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    client = appconfig.client()
    monkeypatch.setattr(boto3, "client", lambda _service: client)


@pytest.mark.parametrize("before", STAGES)
@pytest.mark.parametrize("after", STAGES)
def test_it_lets_through_what_the_transitions_allow_and_nothing_else(
    before: Stage, after: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(at(before), monkeypatch)
    refusal = Transitions().refusal(before, after)
    if refusal is None:
        asks(saved(Position(after)))
        return
    with pytest.raises(RefusedError, match=f"^{re.escape(refusal)}$"):
        asks(saved(Position(after)))
    asks(saved(Position(after), override="incident 7"))


@given(positions, st.sampled_from(["off", "disabled"]))
def test_off_is_let_through_without_a_look_at_anything(position: Position, how: str) -> None:
    """No client can be made here: a look would fail."""
    values = {"stage": "off"} if how == "off" else {"enabled": False}
    asks(saved(position, **values))


def test_off_is_let_through_before_boto3_is_imported() -> None:
    event = {"content": base64.b64encode(saved(Position.OFF)).decode()}
    lambdas = Path(__file__).parents[2] / "lambdas"
    script = f"""
import sys
sys.path.insert(0, {str(lambdas)!r})
sys.modules["boto3"] = sys.modules["botocore"] = None  # importing them fails
from operations.validator import handler
handler({event!r}, None)
"""
    subprocess.run([sys.executable, "-I", "-c", script], check=True)


def test_a_reason_counts_once_and_what_stands_there_from_before_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appconfig = FakeAppConfig(saved(Position.OFF, override="incident 7"))
    deployed(appconfig, monkeypatch)
    for override in ("incident 7", "", "  ", None, 7, ["incident 8"]):
        with pytest.raises(RefusedError):
            asks(saved(Position(Stage.LIVE), override=override))
    asks(saved(Position(Stage.LIVE), override="incident 8"))


def with_dataset(before: Stage, played: PlayedDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(Variable.DATASET, NAME)
    monkeypatch.setenv(Variable.DATASET_FUNCTION, "Users-Dataset")
    clients = {"appconfig": at(before).client(), "lambda": played.client()}
    monkeypatch.setattr(boto3, "client", lambda service, config=None: clients[service])


@pytest.mark.parametrize(("before", "after"), [(Stage.SHADOW, CANARY), (CANARY, Stage.LIVE)])
def test_nobody_is_exposed_before_the_dataset_is_ready_whatever_the_reason(
    before: Stage, after: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = PlayedDataset(Phase.DUAL)
    with_dataset(before, played, monkeypatch)
    for override in ("", "incident 7"):
        with pytest.raises(RefusedError, match="at dual: `shadowctl dataset Users:users verify`"):
            asks(saved(Position(after), override=override))
    played.register = replace(played.register, phase=Phase.SYNCED)
    asks(saved(Position(after)))


@pytest.mark.parametrize("after", [Stage.OFF, Stage.SHADOW, CANARY])
def test_no_way_down_asks_a_dataset(after: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    played = PlayedDataset()
    with_dataset(Stage.LIVE, played, monkeypatch)
    asks(saved(Position(after), override="incident 7"))
    assert played.told == []


def test_what_changes_no_stage_asks_no_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    played = PlayedDataset()
    with_dataset(CANARY, played, monkeypatch)
    asks(saved(Position(CANARY, candidate_users=("ada",))))
    assert played.told == []


def test_no_reason_passes_the_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(Variable.CEILING, str(CANARY))
    deployed(at(CANARY), monkeypatch)
    for after in (Stage.canary(percent=5.01), Stage.LIVE):
        with pytest.raises(RefusedError, match="over the ceiling, canary"):
            asks(saved(Position(after), override="incident 7"))


def test_a_flag_that_is_toggled_on_in_the_console_is_raised_as_by_anybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    off = richer(flag_document(Position(CANARY)), enabled=False)
    deployed(FakeAppConfig(off), monkeypatch)
    with pytest.raises(RefusedError, match=r"off to canary\(5%\) skips shadow"):
        asks(json.dumps(richer(flag_document(Position(CANARY)))).encode())


def test_percentages_that_are_changed_by_hand_are_looked_at_as_what_they_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deployed(at(Stage.SHADOW), monkeypatch)
    asks(saved(Position(Stage.SHADOW), canary_percent=50))  # of no canary: it does nothing
    asks(saved(Position(CANARY), canary_percent=0))  # nobody
    for percent in (101, -1, "5", 0.001, None):
        with pytest.raises(FlagError):
            asks(saved(Position(CANARY), canary_percent=percent))


def test_what_is_under_way_counts_as_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.move(Position(CANARY), "bakes0")
    appconfig.sleep(1)
    assert appconfig.deployments[-1].state == "BAKING"
    deployed(appconfig, monkeypatch)
    asks(saved(Position(Stage.LIVE)))


def test_what_was_taken_back_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.move(Position(CANARY), "lower0").state = "REVERTED"
    deployed(appconfig, monkeypatch)
    with pytest.raises(RefusedError, match="shadow to live skips canary"):
        asks(saved(Position(Stage.LIVE)))


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_upon_what_cannot_be_read_nothing_but_off_is_deployed(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(FakeAppConfig(content), monkeypatch)
    with pytest.raises(RefusedError, match="cannot be read: move to off first"):
        asks(saved(Position(Stage.SHADOW)))
    asks(saved(Position.OFF))


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_what_cannot_be_read_is_not_deployed(content: bytes) -> None:
    with pytest.raises(NO):
        asks(content)


@given(json_values.map(json.dumps).map(str.encode) | st.binary())
def test_anything_that_is_no_flag_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(NO):
        asks(content)


def test_where_nothing_was_ever_deployed_only_the_seed_is(monkeypatch: pytest.MonkeyPatch) -> None:
    appconfig = at(Stage.OFF)
    appconfig.deployments.clear()
    deployed(appconfig, monkeypatch)
    asks(saved(Position.OFF))
    with pytest.raises(FlagWriterError, match="no deployment: deploy the route's stack"):
        asks(saved(Position(Stage.SHADOW)))


@pytest.mark.parametrize("environments", [[], ["env0", "env1"]])
def test_an_application_with_another_environment_is_left_alone(
    environments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.environments = environments
    deployed(appconfig, monkeypatch)
    with pytest.raises(RefusedError, match=f"has {len(environments)} environments"):
        asks(saved(Position(CANARY)))


def test_where_a_ramp_is_declared_nobody_climbs_beside_its_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ramp = Ramp(percents=(1, 100), dwell=timedelta(days=1))
    monkeypatch.setenv(Variable.RAMP, str(ramp))
    deployed(at(Stage.SHADOW), monkeypatch)
    asks(saved(Position(Stage.canary(percent=1))))
    with pytest.raises(RefusedError, match=r"leaves the ramp, whose next step is canary\(1%\)"):
        asks(saved(Position(Stage.canary(percent=2))))
    asks(saved(Position(Stage.canary(percent=2)), override="incident 7"))
