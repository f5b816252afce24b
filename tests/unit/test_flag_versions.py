"""A stack can be deleted after its flag was moved: AppConfig deletes no profile with versions."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import versions
from operations.versions import delete_all
from shadow_runtime.contract import Position, Stage
from tests.fakes import FakeAppConfig, RefusedError
from tests.reading import edges, resources
from tests.unit.cloudformation import CloudFormation
from tests.unit.flags import CANARY, at
from tests.unit.services import App, service, stack_of_nothing

GIVEN = {"ResourceProperties": {"Application": "app0", "Profile": "pro0"}}


def asked(appconfig: FakeAppConfig, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    client = appconfig.client()
    monkeypatch.setattr("operations.versions.boto3.client", lambda _: client)
    versions.handler(event, None)


@given(st.lists(st.sampled_from([Stage.SHADOW, CANARY, Stage.LIVE]), max_size=12))
def test_however_often_the_flag_was_moved_no_version_is_left(moves: list[Stage]) -> None:
    appconfig = at(Stage.OFF)
    for stage in moves:
        appconfig.move(Position(stage), "lower0")
    appconfig.delete_environment()
    assert delete_all(appconfig.client(), "app0", "pro0") == 1 + len(moves)
    assert appconfig.versions == {}
    assert delete_all(appconfig.client(), "app0", "pro0") == 0, "a second attempt finds none"


def test_a_version_that_somebody_else_deletes_meanwhile_is_no_failure() -> None:
    appconfig = at(Stage.OFF)
    appconfig.move(Position(Stage.SHADOW), "lower0")
    appconfig.delete_environment()
    appconfig.before("DeleteHostedConfigurationVersion", lambda: appconfig.versions.pop(1))
    assert delete_all(appconfig.client(), "app0", "pro0") == 1
    assert appconfig.versions == {}


def test_versions_of_a_profile_that_is_gone_are_none() -> None:
    def gone() -> None:
        raise RefusedError("ResourceNotFoundException", "no such profile")

    appconfig = at(Stage.OFF)
    appconfig.before("ListHostedConfigurationVersions", gone)
    assert delete_all(appconfig.client(), "app0", "pro0") == 0


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_deploy_deletes_no_version(
    kind: str, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(Stage.LIVE)
    asked(appconfig, cloudformation.asks(kind, **GIVEN), monkeypatch)
    assert appconfig.writes == []
    assert cloudformation.answers[0]["Status"] == "SUCCESS"


def test_cloudformation_hears_that_the_versions_are_gone(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(Stage.LIVE)
    appconfig.delete_environment()
    asked(appconfig, cloudformation.asks("Delete", **GIVEN), monkeypatch)
    assert appconfig.versions == {}
    assert cloudformation.answers[0]["Status"] == "SUCCESS"


def test_a_version_that_is_still_served_fails_the_deletion_and_says_why(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(at(Stage.LIVE), cloudformation.asks("Delete", **GIVEN), monkeypatch)
    [answer] = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert "the flag's versions were not deleted" in answer["Reason"]
    assert "version 1 is deployed" in answer["Reason"]


def test_they_are_deleted_after_the_environment_and_before_the_profile(lambdas: Path) -> None:
    """CloudFormation deletes what waits for another before that other."""
    stack = stack_of_nothing()
    service(stack, lambdas)
    [template] = App(stack).templates.values()
    graph = edges(template)

    def ids(kind: str) -> set[str]:
        return {*resources(template, kind)}

    def waits_for(id_: str) -> set[str]:
        seen, waiting = set[str](), [id_]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    [versions_] = ids("Custom::ShadowCanaryFlagVersions")
    for kind in ("Environment", "HostedConfigurationVersion", "Deployment"):
        [later] = ids(f"AWS::AppConfig::{kind}")
        assert versions_ in waits_for(later)
    before = waits_for(versions_)
    assert ids("AWS::AppConfig::ConfigurationProfile") <= before
    [policy] = [i for i in before if i.startswith("ServiceFlagVersionsFunctionRoleDefaultPolicy")]
    statements = template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    assert "appconfig:DeleteHostedConfigurationVersion" in json.dumps(statements)
