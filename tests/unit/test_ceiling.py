"""A deploy moves nobody: what is over either ceiling is given up before another one counts."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import ceiling
from operations.ceiling import hold
from operations.transitions import Who, Writer
from shadow_runtime.contract import Stage, Variable
from tests.fakes import FakeAppConfig, RefusedError
from tests.reading import edges
from tests.unit.cloudformation import CloudFormation
from tests.unit.flags import CANARY, NOT_OURS, at, flag_on
from tests.unit.services import App, service, stack_of_nothing

STAGES = [Stage.OFF, Stage.SHADOW, Stage.canary(percent=1), CANARY, Stage.LIVE, Stage.COMPLETE]
WHO = Who(Writer.DEPLOY, "request")


@given(st.sampled_from(STAGES), st.lists(st.sampled_from(STAGES), min_size=2, max_size=5))
def test_whatever_becomes_of_the_ceiling_no_deploy_moves_anybody_up(
    position: Stage, ceilings: list[Stage]
) -> None:
    appconfig = at(position)
    acting = min(ceilings[0], position)
    for old, new in itertools.pairwise(ceilings):
        hold(flag_on(appconfig), old=old, new=new, who=WHO)
        lower = min(new, appconfig.position.stage)
        assert lower == min(acting, new), "it acts as before, or as the ceiling in git says"
        acting = lower


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_a_flag_that_cannot_be_read_is_at_off_under_any_ceiling(content: bytes) -> None:
    appconfig = FakeAppConfig(content)
    assert hold(flag_on(appconfig), old=CANARY, new=Stage.LIVE, who=WHO)
    assert appconfig.position.stage == Stage.OFF


def test_a_position_that_is_under_both_ceilings_is_left_alone() -> None:
    appconfig = at(CANARY, shadow_percent=7, candidate_users=("ada",))
    assert not hold(flag_on(appconfig), old=CANARY, new=Stage.LIVE, who=WHO)
    assert appconfig.writes == []


OLD = {"OldResourceProperties": {"Ceiling": str(CANARY)}, "PhysicalResourceId": "ceiling"}


def asked(appconfig: FakeAppConfig, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceiling, "_flag", lambda _: flag_on(appconfig))
    ceiling.handler(event, None)


def test_cloudformation_hears_that_a_position_over_the_old_ceiling_was_given_up(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(Stage.LIVE)
    asked(appconfig, cloudformation.asks("Update", **OLD), monkeypatch)
    assert appconfig.position.stage == CANARY
    assert cloudformation.answers == [
        {
            "Status": "SUCCESS",
            "Reason": "",
            "PhysicalResourceId": "ceiling",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Ceiling",
        }
    ]


@pytest.mark.parametrize("kind", ["Create", "Delete"])
def test_what_is_made_or_deleted_changes_nothing(
    kind: str, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(Stage.COMPLETE)
    asked(appconfig, cloudformation.asks(kind), monkeypatch)
    assert appconfig.writes == []
    assert cloudformation.answers[0]["Status"] == "SUCCESS"


def test_a_flag_that_cannot_be_lowered_fails_the_deploy_at_once_and_says_why(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RefusedError("AccessDeniedException", "not for you")

    appconfig = at(Stage.LIVE)
    appconfig.before("StartDeployment", refuse)
    asked(appconfig, cloudformation.asks("Update", **OLD), monkeypatch)
    [answer] = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert "the flag was not lowered" in answer["Reason"]
    assert "AccessDenied" in answer["Reason"]


def test_users_meet_another_ceiling_only_after_the_flag_was_lowered(lambdas: Path) -> None:
    stack = stack_of_nothing()
    of_route = service(stack, lambdas)
    of_route.add_rollback_alarm(
        of_route.alias.metric_errors().create_alarm(
            stack, "AliasErrors", threshold=1, evaluation_periods=1
        )
    )
    app = App(stack)
    [template] = app.templates.values()
    [change] = [i for i, r in template["Resources"].items() if "ShadowCanaryCeiling" in r["Type"]]
    [alias] = [i for i, r in template["Resources"].items() if r["Type"] == "AWS::Lambda::Alias"]
    assert template["Resources"][change]["Properties"]["Ceiling"] == "live"
    graph = edges(template)
    assert change in graph[alias]
    waits, seen = [change], set[str]()
    while waits:
        waited_for = waits.pop()
        waits += graph[waited_for] - seen
        seen.add(waited_for)
    assert alias not in seen, "nothing waits for itself"
    policies = {i for i in seen if "CeilingChangeFunctionRoleDefaultPolicy" in i}
    assert len(policies) == 1, "it may move the flag before it is asked to"


def test_the_function_knows_the_flag_by_the_variables_that_it_is_given(
    lambdas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = stack_of_nothing()
    service(stack, lambdas)
    [variables] = [
        function["Environment"]["Variables"]
        for (_, id_), function in App(stack).all("AWS::Lambda::Function").items()
        if "CeilingChange" in id_
    ]
    named = {name: json.dumps(value) for name, value in variables.items()}
    assert {Variable.ROUTE} < named.keys()
    ceiling._flag(named)  # it raises where one is missing
