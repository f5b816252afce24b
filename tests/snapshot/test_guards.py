"""Which alarm feeds which guard: a new version, the users on the candidate, or people alone."""

import re
from collections.abc import Iterable

import pytest

from analysis.alarms import Alarm
from analysis.rules import AlarmAction, AlarmKind
from tests.reading import Template, resources, spelled, the
from tests.snapshot.alarms import alarms

CODE = {"ErrorRate", "Latency", "MismatchRate"}
EXPOSURE = {"ErrorRate", "MismatchRate", "LatencyRatio"}
OPERATIONAL = {"DeadLetters", "FlagAge", "CopiesLost", "ShadowDead"}


def referred(group: str, roles: Iterable[str]) -> set[str]:
    return {f"<Service{group}{role}>" for role in roles}


@pytest.fixture
def takes_a_version_back(get_user: Template) -> set[str]:
    group = the(get_user, "AWS::CodeDeploy::DeploymentGroup")
    return {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}


@pytest.fixture
def takes_users_back(get_user: Template) -> set[str]:
    return {*the(get_user, "AWS::SNS::Subscription")["FilterPolicy"]["AlarmName"]}


def test_a_route_has_ten_alarms(get_user: Template) -> None:
    assert set(alarms(get_user, "CodeCanary")) == CODE
    assert set(alarms(get_user, "Exposure")) == EXPOSURE
    assert set(alarms(get_user, "OperationalAlarms")) == OPERATIONAL
    assert len(alarms(get_user)) == 10


def test_a_version_goes_back_on_its_own_three_alarms_and_on_no_other(
    get_user: Template, takes_a_version_back: set[str]
) -> None:
    assert takes_a_version_back == referred("CodeCanary", CODE)
    configuration = the(get_user, "AWS::CodeDeploy::DeploymentGroup")["AlarmConfiguration"]
    assert configuration["Enabled"] is True
    assert configuration.get("IgnorePollAlarmFailure", False) is False


def test_users_leave_the_candidate_on_the_three_exposure_alarms_and_on_no_other(
    takes_users_back: set[str],
) -> None:
    assert takes_users_back == referred("Exposure", EXPOSURE)


def test_what_users_leave_the_candidate_for_blocks_no_deployment(
    takes_a_version_back: set[str], takes_users_back: set[str]
) -> None:
    assert takes_a_version_back.isdisjoint(takes_users_back)


def test_the_operational_alarms_tell_people_and_move_nothing(
    takes_a_version_back: set[str], takes_users_back: set[str]
) -> None:
    acting = takes_a_version_back | takes_users_back
    assert referred("OperationalAlarms", OPERATIONAL).isdisjoint(acting)


def test_the_rule_beside_an_alarm_is_what_the_alarm_does(
    get_user: Template, takes_a_version_back: set[str], takes_users_back: set[str]
) -> None:
    for logical_id, resource in resources(get_user, "AWS::CloudWatch::Alarm").items():
        alarm = Alarm.of(resource)
        assert alarm.rule
        reference = spelled({"Ref": logical_id})
        assert (alarm.rule.action is AlarmAction.ALIAS_BACK) == (reference in takes_a_version_back)
        assert (alarm.rule.action is AlarmAction.FLAG_OFF) == (reference in takes_users_back)
        window = alarm.rule.window
        assert (alarm.rule.threshold, 60 * window.minutes) == (alarm.threshold, alarm.period)
        assert window.evaluation_periods == alarm.evaluation_periods
        assert window.datapoints_to_alarm == alarm.datapoints_to_alarm
        minimums = [str(window.minimum_requests), str(window.minimum_failures)]
        expected = {
            AlarmKind.RATE: ["0", minimums[1]],
            AlarmKind.LATENCY: minimums[:1],
            AlarmKind.LATENCY_RATIO: 2 * minimums[:1],
            AlarmKind.LEVEL: [],
        }
        assert re.findall(r">= (\d+)", alarm.formula.text) == expected[alarm.rule.kind]
        if alarm.rule.kind is AlarmKind.RATE:
            assert alarm.formula.text.endswith(f", {window.minimum_requests}), 0)")


def test_every_alarm_calls_the_topic_when_it_turns_red_and_nothing_else(
    get_user: Template,
) -> None:
    for role, alarm in alarms(get_user).items():
        assert alarm.properties["AlarmActions"] == ["<ServiceTopic>"], role
        assert {"OKActions", "InsufficientDataActions"}.isdisjoint(alarm.properties), role
        assert alarm.properties.get("ActionsEnabled", True) is True, role


def test_no_data_is_never_evidence_of_a_failure(get_user: Template) -> None:
    for role, alarm in alarms(get_user).items():
        assert alarm.properties["TreatMissingData"] == "notBreaching", role
        assert alarm.properties["ComparisonOperator"] == "GreaterThanThreshold", role


def test_a_share_of_a_few_requests_or_of_one_bad_one_is_no_evidence_either(
    get_user: Template,
) -> None:
    shares = [alarm for alarm in alarms(get_user).values() if "100 * " in alarm.formula]
    assert len(shares) == 6
    for alarm in shares:
        found = re.fullmatch(
            r"IF\((?P<of>.+?)(?: \+ TIME_SERIES\(0\))? >= 0 "
            r"AND (?P<bad>.+) >= (?P<fewest>\d+), "
            r"100 \* \(?(?P=bad)\)? / IF\((?P=of) > (?P<least>\d+), (?P=of), (?P=least)\), 0\)",
            alarm.formula,
        )
        assert found, alarm.formula
        assert int(found["least"]) >= 8
        assert int(found["fewest"]) >= 2


def test_where_one_period_decides_half_of_the_fewest_requests_must_be_bad(
    get_user: Template,
) -> None:
    code, exposure = alarms(get_user, "CodeCanary"), alarms(get_user, "Exposure")
    for alarm in (code["ErrorRate"], code["MismatchRate"], exposure["ErrorRate"]):
        assert alarm.window[1:] == (1, 1)
        fewest, least = map(int, re.findall(r">=? ([1-9]\d*)", alarm.formula))
        assert least == 2 * fewest >= 8


def test_a_percentile_of_fewer_than_fifty_requests_is_no_evidence_either(
    get_user: Template,
) -> None:
    code, exposure = alarms(get_user, "CodeCanary"), alarms(get_user, "Exposure")
    for formula in (code["Latency"].formula, exposure["LatencyRatio"].formula):
        assert {int(least) for least in re.findall(r">= (\d+)", formula)} == {50}


def test_every_alarm_says_whose_it_is_and_what_it_saw(get_user: Template) -> None:
    for alarm in alarms(get_user).values():
        assert alarm.name.startswith("GetUser-get-user-")
        assert alarm.properties["AlarmDescription"].startswith("get-user: ")
        assert len(alarm.properties["AlarmDescription"]) <= 1_024
