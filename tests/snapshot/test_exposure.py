"""The data-source canary: what its alarms look at, and that operations hears them."""

import pytest

from tests.reading import Template, every, the
from tests.snapshot.alarms import SpelledAlarm, alarms

LONGEST_STACK_NAME = 128
LONGEST_ROUTE = 40


@pytest.fixture
def exposure(get_user: Template) -> dict[str, SpelledAlarm]:
    return alarms(get_user, "Exposure")


@pytest.fixture
def heard(get_user: Template) -> dict[str, object]:
    return the(get_user, "AWS::SNS::Subscription")


def test_bad_are_the_requests_that_the_candidate_failed(
    exposure: dict[str, SpelledAlarm],
) -> None:
    alarm = exposure["ErrorRate"]
    assert alarm.formula == (
        "IF(requests + TIME_SERIES(0) >= 0 AND faults >= 5, "
        "100 * faults / IF(requests > 10, requests, 10), 0)"
    )
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "requests": "Sum of ShadowCanary/Requests{Route=GetUser/get-user, Variant=candidate}",
        "faults": "Sum of ShadowCanary/Faults{Route=GetUser/get-user, Variant=candidate}",
    }
    assert alarm.properties["Threshold"] == 2


def test_wrong_answers_count_only_while_users_are_exposed_to_them(
    exposure: dict[str, SpelledAlarm],
) -> None:
    alarm = exposure["MismatchRate"]
    assert alarm.formula == (
        "IF(compared >= 0 AND wrong >= 2, 100 * wrong / IF(compared > 10, compared, 10), 0)"
    )
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "compared": "Sum of ShadowCanary/Compared{Exposed=true, Route=GetUser/get-user}",
        "wrong": "Sum of ShadowCanary/Wrong{Exposed=true, Route=GetUser/get-user}",
    }
    assert alarm.properties["Threshold"] == 2


def test_a_candidate_is_slow_when_it_takes_three_times_what_control_takes(
    exposure: dict[str, SpelledAlarm],
) -> None:
    alarm = exposure["LatencyRatio"]
    assert alarm.formula == (
        "IF(candidates + TIME_SERIES(0) >= 50 AND controls >= 50, "
        "candidate / IF(control > 100, control, 100), 0)"
    )
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "candidate": "p95 of ShadowCanary/Latency{Route=GetUser/get-user, Variant=candidate}",
        "candidates": "Sum of ShadowCanary/Requests{Route=GetUser/get-user, Variant=candidate}",
        "control": "p95 of ShadowCanary/Latency{Route=GetUser/get-user, Variant=control}",
        "controls": "Sum of ShadowCanary/Requests{Route=GetUser/get-user, Variant=control}",
    }
    assert alarm.properties["Threshold"] == 3


def test_two_percent_of_a_million_requests_are_watched_by_the_hour_and_all_of_them_by_the_minute(
    exposure: dict[str, SpelledAlarm],
) -> None:
    assert exposure["ErrorRate"].window == (60, 1, 1)
    assert exposure["LatencyRatio"].window == (60, 1, 1)
    assert exposure["MismatchRate"].window == (1, 3, 5)


def test_an_alarm_says_what_it_saw_in_which_time_and_what_comes_of_it(
    exposure: dict[str, SpelledAlarm],
) -> None:
    assert {role: alarm.properties["AlarmDescription"] for role, alarm in exposure.items()} == {
        "ErrorRate": "get-user: the candidate failed over 2 % of its users' requests, "
        "in an hour, over 10 requests where there are fewer; the flag goes to off",
        "MismatchRate": "get-user: over 2 % of the candidate's answers are wrong, "
        "in 3 of 5 minutes, over 10 requests where there are fewer; the flag goes to off",
        "LatencyRatio": "get-user: the candidate's 95th percentile is over 3 times control's, "
        "or 300 ms where control is faster than 100 ms, "
        "in an hour with 50 requests or more; the flag goes to off",
    }


def test_no_deploy_changes_what_an_exposure_alarm_is_or_looks_at(
    exposure: dict[str, SpelledAlarm],
) -> None:
    for alarm in exposure.values():
        assert "<" not in alarm.name
        for metric in alarm.metrics:
            assert "<" not in str(metric)
            assert set(metric.dimensions) <= {"Route", "Variant", "Exposed"}


def test_names_are_short_enough_for_the_longest_stack_and_route(
    exposure: dict[str, SpelledAlarm],
) -> None:
    assert {role: alarm.name for role, alarm in exposure.items()} == {
        "ErrorRate": "GetUser-get-user-candidate-error-rate",
        "MismatchRate": "GetUser-get-user-candidate-mismatch-rate",
        "LatencyRatio": "GetUser-get-user-candidate-latency-ratio",
    }
    for alarm in exposure.values():
        more = LONGEST_STACK_NAME + LONGEST_ROUTE - len("GetUser") - len("get-user")
        assert len(alarm.name) + more <= 255


def test_operations_hears_red_exposure_alarms_and_nothing_else_on_the_topic(
    heard: dict[str, object],
) -> None:
    assert (heard["TopicArn"], heard["Protocol"], heard["Endpoint"]) == (
        "<ServiceTopic>",
        "lambda",
        "<ServiceOperations.Arn>",
    )
    assert heard["FilterPolicyScope"] == "MessageBody"
    assert heard["FilterPolicy"] == {
        "NewStateValue": ["ALARM"],
        "AlarmName": [
            "<ServiceExposureErrorRate>",
            "<ServiceExposureMismatchRate>",
            "<ServiceExposureLatencyRatio>",
        ],
    }


def test_an_alarm_that_did_not_reach_operations_rests_in_the_dead_letters(
    get_user: Template, heard: dict[str, object]
) -> None:
    queue = "<ServiceOperationsDeadLetters.Arn>"
    assert heard["RedrivePolicy"] == {"deadLetterTargetArn": queue}
    [_, allowed] = the(get_user, "AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", "sqs:SendMessage")
    assert (allowed["Principal"], allowed["Resource"]) == ({"Service": "sns.amazonaws.com"}, queue)
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": "<ServiceTopic>"}}


def test_no_topic_but_the_routes_own_may_call_operations(get_user: Template) -> None:
    permissions = every(get_user, "AWS::Lambda::Permission").values()
    [called] = [p for p in permissions if p["FunctionName"] == "<ServiceOperations.Arn>"]
    assert called["Principal"] == "sns.amazonaws.com"
    assert called["SourceArn"] == "<ServiceTopic>"
