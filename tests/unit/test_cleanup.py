"""The clean-up at J+7: what is not complete goes back, what is stays, and twice is like once."""

import json

import pytest

from operations.actions import CleanedUp, clean_up
from operations.flag import FlagWriterError
from operations.transitions import Who, Writer
from shadow_runtime.contract import FLAG_KEY, Position, Stage, flag_document
from tests.fakes import FakeAppConfig
from tests.unit.flags import CANARY, NOT_OURS, at, flag_on, richer

TODAY = "2030-01-14"


def cleaned(appconfig: FakeAppConfig, today: str = TODAY, request: str = "1") -> CleanedUp:
    return clean_up(flag_on(appconfig), today=today, who=Who(Writer.CLEANUP, request))


@pytest.mark.parametrize("stage", [Stage.SHADOW, CANARY, Stage.LIVE])
def test_a_migration_that_is_not_complete_goes_to_off_all_at_once(stage: Stage) -> None:
    appconfig = at(stage)
    assert cleaned(appconfig) == CleanedUp("off", changed=True, pruned=1)
    assert appconfig.position.stage == Stage.OFF
    assert (appconfig.now, appconfig.deployments[-1].strategy) == (0, "lower0")


def test_a_migration_that_never_began_stays_off() -> None:
    appconfig = at(Stage.OFF)
    assert cleaned(appconfig) == CleanedUp("off", changed=False, pruned=0)
    assert appconfig.writes == []


def test_a_complete_migration_is_marked_deprecated_and_serves_on() -> None:
    appconfig = at(Stage.COMPLETE)
    before = appconfig.served
    assert cleaned(appconfig) == CleanedUp("deprecated", changed=True, pruned=1)
    mark = {"status": "planned", "date": TODAY}
    assert appconfig.served["flags"][FLAG_KEY].pop("_deprecation") == mark
    assert appconfig.served["values"] == before["values"]
    assert appconfig.position.stage == Stage.COMPLETE


@pytest.mark.parametrize("stage", [Stage.OFF, CANARY, Stage.COMPLETE])
def test_the_second_clean_up_changes_nothing_whenever_it_comes(stage: Stage) -> None:
    appconfig = at(stage)
    first = cleaned(appconfig)
    served, writes = appconfig.served, len(appconfig.writes)
    second = cleaned(appconfig, today="2030-02-28", request="2")
    assert second == CleanedUp(first.outcome, changed=False, pruned=0)
    assert (appconfig.served, len(appconfig.writes)) == (served, writes)


@pytest.mark.parametrize("content", NOT_OURS.values(), ids=NOT_OURS)
def test_a_document_that_is_none_of_ours_is_no_complete_migration_and_goes_to_off(
    content: bytes,
) -> None:
    appconfig = FakeAppConfig(content)
    assert cleaned(appconfig).outcome == "off"
    assert appconfig.position.stage == Stage.OFF


def test_a_flag_that_is_switched_off_in_the_console_stays_off_even_where_it_says_complete() -> None:
    document = richer(flag_document(Position(Stage.COMPLETE)), enabled=False)
    appconfig = FakeAppConfig(document)
    assert cleaned(appconfig).outcome == "off"
    assert appconfig.position.stage == Stage.OFF


@pytest.mark.parametrize("stage", [Stage.OFF, CANARY])
def test_a_raise_that_is_under_way_is_stopped_and_counts_as_a_change(stage: Stage) -> None:
    appconfig = at(stage)
    running = appconfig.move(Position(Stage.LIVE), "raise0")
    done = cleaned(appconfig)
    assert (done.outcome, done.changed) == ("off", True)
    assert (running.state, appconfig.position.stage) == ("ROLLED_BACK", Stage.OFF)


def test_a_raise_to_complete_that_is_under_way_is_waited_for_and_then_marked() -> None:
    appconfig = at(Stage.LIVE)
    running = appconfig.move(Position(Stage.COMPLETE), "raise0")
    assert cleaned(appconfig).outcome == "deprecated"
    assert (running.state, appconfig.position.stage) == ("COMPLETE", Stage.COMPLETE)
    assert "_deprecation" in appconfig.served["flags"][FLAG_KEY]


def test_a_raise_to_complete_that_is_taken_back_meanwhile_ends_in_off_at_the_next_try() -> None:
    appconfig = at(Stage.LIVE)
    running = appconfig.move(Position(Stage.COMPLETE), "raise0")
    appconfig.before("GetDeployment", lambda: setattr(running, "state", "ROLLED_BACK"))
    with pytest.raises(FlagWriterError):
        cleaned(appconfig)
    assert cleaned(appconfig).outcome == "off"  # Lambda tries again
    assert appconfig.position.stage == Stage.OFF


@pytest.mark.parametrize("stage", [Stage.LIVE, Stage.COMPLETE])
def test_every_version_older_than_the_deployed_one_is_pruned_and_no_other(stage: Stage) -> None:
    appconfig = at(Stage.OFF)
    for step in (Stage.SHADOW, CANARY, stage):
        appconfig.move(Position(step), "lower0")
    appconfig.before("DeleteHostedConfigurationVersion", lambda: draft(appconfig))
    assert cleaned(appconfig).pruned == 4
    kept, drafted = sorted(appconfig.versions)
    assert json.loads(appconfig.versions[kept]) == appconfig.served
    assert appconfig.versions[drafted] == b"{}"


def draft(appconfig: FakeAppConfig) -> None:
    """A version that somebody wrote and has not deployed."""
    appconfig.versions[max(appconfig.versions) + 1] = b"{}"


def test_the_deployed_version_is_kept_when_an_older_one_was_deployed_again() -> None:
    appconfig = at(Stage.OFF)
    appconfig.move(Position(Stage.LIVE), "lower0")
    appconfig.client().start_deployment(
        ApplicationId="app0",
        EnvironmentId="env0",
        ConfigurationProfileId="pro0",
        ConfigurationVersion="1",
        DeploymentStrategyId="lower0",
    )
    assert cleaned(appconfig) == CleanedUp("off", changed=False, pruned=0)
    assert set(appconfig.versions) == {1, 2}


def test_what_everybody_has_is_kept_when_a_raise_begins_during_the_clean_up() -> None:
    appconfig = at(Stage.LIVE)
    appconfig.before(
        "ListDeployments",
        *(lambda: None, lambda: None),
        lambda: appconfig.move(Position(Stage.SHADOW), "raise0"),  # just before the pruning
    )
    assert cleaned(appconfig) == CleanedUp("off", changed=True, pruned=1)
    assert appconfig.position.stage == Stage.OFF
