"""From a red alarm to `off`: at any moment, under enforced IAM, and only from the right alarms."""

import time

import pytest

from shadow_runtime.contract import POLL_INTERVAL, Position, Stage
from tests.local.crowd import CANARY, Crowd
from tests.local.deployed import Deployed, awaited
from tests.local.way_back import (
    alarms,
    call,
    dead_letters,
    exposure,
    is_off,
    rollbacks,
    rolled_back,
    set_state,
    waiting_letters,
)


def test_a_red_alarm_during_a_deployment_of_the_flag_stops_it_and_ends_in_off(
    canary: Deployed,
) -> None:
    appconfig = canary.aws.client("appconfig")
    takes_minutes = appconfig.create_deployment_strategy(
        Name="minutes",
        DeploymentDurationInMinutes=10,
        GrowthFactor=10,
        FinalBakeTimeInMinutes=0,
        ReplicateTo="NONE",
    )["Id"]
    canary.raise_with(takes_minutes, Position(Stage.LIVE))
    assert canary.flag.deployed().is_running
    set_state(canary, exposure(canary)[0], "ALARM")
    awaited(lambda: is_off(canary), True)
    assert is_off(canary)
    assert not canary.flag.deployed().is_running


@pytest.mark.parametrize("number", range(3))
def test_any_exposure_alarm_ends_in_off_with_no_deployment_in_sight(
    canary: Deployed, number: int
) -> None:
    before = len(rollbacks(canary))
    started = time.monotonic()
    alarm = exposure(canary)[number]
    set_state(canary, alarm, "ALARM")
    awaited(lambda: is_off(canary), True)
    assert is_off(canary)
    assert time.monotonic() - started < 10
    assert rolled_back(canary, before)["alarm"] == alarm


def test_alarms_that_only_notify_and_alarms_that_turn_green_never_move_the_flag(
    canary: Deployed,
) -> None:
    guards = exposure(canary)
    before = len(canary.lines("Operations"))
    for name in set(alarms(canary)) - set(guards):
        set_state(canary, name, "ALARM")
    for name in guards:
        set_state(canary, name, "INSUFFICIENT_DATA")
    time.sleep(3)
    assert canary.flag.deployed().position.stage == CANARY.stage
    assert len(canary.lines("Operations")) == before


def test_a_rollback_that_fails_is_tried_again_and_works_once_it_can(canary: Deployed) -> None:
    with canary.denied("Operations", "appconfig:StartDeployment"):
        call(canary, exposure(canary)[0])
        time.sleep(2)
        assert not is_off(canary)
    awaited(lambda: is_off(canary), True)
    assert is_off(canary)


def test_a_rollback_that_fails_three_times_rests_in_the_dead_letter_queue(
    canary: Deployed,
) -> None:
    alarm = exposure(canary)[0]
    with canary.denied("Operations", "appconfig:StartDeployment"):
        call(canary, alarm)
        assert awaited(lambda: waiting_letters(canary), 1) == 1
    [letter] = dead_letters(canary)
    assert alarm in letter
    assert canary.flag.deployed().position.stage == CANARY.stage


def test_users_are_back_on_control_within_a_poll(canary: Deployed, crowd: Crowd) -> None:
    set_state(canary, exposure(canary)[0], "ALARM")
    awaited(lambda: is_off(canary), True)
    time.sleep(POLL_INTERVAL + 1)

    def on_candidate() -> float:
        before = canary.count("Route", "Requests", Variant="candidate")
        crowd.asks()
        return canary.count("Route", "Requests", Variant="candidate") - before

    on_candidate()  # an environment polls beside its next request, which its old flag still decides
    assert awaited(lambda: on_candidate() == 0, True)
