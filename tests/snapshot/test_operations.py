"""The operations function: it moves this route's flag, and may do nothing else of weight."""

import json

import pytest

from shadow_runtime.contract import Variable
from tests.reading import Template, granted, the, variables

APPCONFIG = "arn:<AWS::Partition>:appconfig:<AWS::Region>:<AWS::AccountId>"
APPLICATION = f"{APPCONFIG}:application/<ServiceFlagApplication>"
ENVIRONMENT = f"{APPLICATION}/environment/<ServiceFlagApplicationEnvironment>"
PROFILE = f"{APPLICATION}/configurationprofile/<ServiceFlagProfileConfigurationProfile>"
THIS_FLAG = {
    APPLICATION,
    ENVIRONMENT,
    f"{ENVIRONMENT}/deployment/*",
    PROFILE,
    f"{PROFILE}/hostedconfigurationversion/*",
    f"{APPCONFIG}:deploymentstrategy/<ServiceFlagLower>",
    f"{APPCONFIG}:deploymentstrategy/<ServiceFlagRaise>",
}
ALARMS = "arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*"
DEAD_LETTERS = "<ServiceOperationsDeadLetters.Arn>"


@pytest.fixture
def allowed(get_user: Template) -> dict[str, set[str]]:
    return granted(get_user, "Operations")


def test_operations_can_deploy_this_routes_configuration_and_no_other(
    allowed: dict[str, set[str]],
) -> None:
    of_appconfig = {a: on for a, on in allowed.items() if a.startswith("appconfig:")}
    assert {"appconfig:StartDeployment", "appconfig:StopDeployment"} <= set(of_appconfig)
    for action, on in of_appconfig.items():
        assert on <= THIS_FLAG, action
    assert set.union(*of_appconfig.values()) == THIS_FLAG


def test_operations_tells_the_topic_and_the_bus_and_sees_the_versions_and_what_was_counted(
    allowed: dict[str, set[str]],
) -> None:
    others = {a: on for a, on in allowed.items() if not a.startswith("appconfig:")}
    bus = "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default"
    assert others == {
        "sns:Publish": {"<ServiceTopic>"},
        "events:PutEvents": {bus},
        "lambda:ListAliases": {"<ServiceRoute.Arn>"},
        "lambda:GetFunctionConfiguration": {"<ServiceRoute.Arn>:*"},
        "cloudwatch:GetMetricData": {"*"},
        "cloudwatch:DescribeAlarms": {ALARMS},
        "cloudwatch:ListAlarmMuteRules": {"*"},
        "sns:ListSubscriptionsByTopic": {"<ServiceTopic>"},
        "sns:GetSubscriptionAttributes": {"*"},
        "sqs:SendMessage": {DEAD_LETTERS},
    }


def test_operations_knows_its_topic_its_alarms_its_dashboard_and_its_route(
    get_user: Template,
) -> None:
    known = variables(get_user, "Operations")
    assert known[Variable.TOPIC] == "<ServiceTopic>"
    assert known[Variable.EXPOSURE_ALARMS].split("\n") == [
        "<ServiceExposureErrorRate>",
        "<ServiceExposureMismatchRate>",
        "<ServiceExposureLatencyRatio>",
    ]
    assert known[Variable.DASHBOARD] == the(get_user, "AWS::CloudWatch::Dashboard")["DashboardName"]
    assert known[Variable.FUNCTION] == "<ServiceRoute>"
    assert known[Variable.CEILING] == variables(get_user, "Route")[Variable.CEILING]


def test_what_fails_three_times_rests_in_the_dead_letters_for_fourteen_days(
    get_user: Template,
) -> None:
    settings = the(get_user, "AWS::Lambda::EventInvokeConfig", "ServiceOperationsEventInvokeConfig")
    assert settings["MaximumRetryAttempts"] == 2
    assert settings["DestinationConfig"] == {"OnFailure": {"Destination": DEAD_LETTERS}}
    queue = the(get_user, "AWS::SQS::Queue", "ServiceOperationsDeadLetters")
    assert queue["MessageRetentionPeriod"] == 14 * 86_400


def test_the_clean_up_is_a_literal_date_seven_days_after_launch(get_user: Template) -> None:
    schedule = the(get_user, "AWS::Scheduler::Schedule", "ServiceCleanUpSchedule")
    assert schedule["ScheduleExpression"] == "at(2030-01-14T09:00:00)"
    assert schedule["ScheduleExpressionTimezone"] == "Etc/UTC"


def test_a_clean_up_that_fails_is_tried_again_and_then_kept(get_user: Template) -> None:
    target = the(get_user, "AWS::Scheduler::Schedule", "ServiceCleanUpSchedule")["Target"]
    assert target["Arn"] == "<ServiceOperations.Arn>"
    assert json.loads(target["Input"]) == {"action": "cleanup", "due": "2030-01-14T09:00:00+00:00"}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10}
    assert target["DeadLetterConfig"] == {"Arn": DEAD_LETTERS}


def test_each_day_is_asked_whether_to_look_again_at_the_hour_of_the_clean_up(
    get_user: Template,
) -> None:
    once = the(get_user, "AWS::Scheduler::Schedule", "ServiceCleanUpSchedule")["Target"]
    daily = the(get_user, "AWS::Scheduler::Schedule", "ServiceCleanUpDaily")
    assert daily["ScheduleExpression"] == "cron(0 9 * * ? *)"
    assert daily["ScheduleExpressionTimezone"] == "Etc/UTC"
    assert not daily.keys() & {"StartDate", "EndDate"}, "a past one is refused at a new deployment"
    input_ = json.dumps({"action": "rearm", "due": "2030-01-14T09:00:00+00:00"})
    assert json.loads(daily["Target"]["Input"]) == json.loads(input_)
    assert {**daily["Target"], "Input": ""} == {**once, "Input": ""}


def test_the_states_of_the_alarms_are_looked_at_every_five_minutes(get_user: Template) -> None:
    schedule = the(get_user, "AWS::Scheduler::Schedule", "ServiceAlarmCheckSchedule")
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(5 minutes)", "ENABLED")
    assert schedule["Target"]["Arn"] == "<ServiceOperations.Arn>"
    assert json.loads(schedule["Target"]["Input"]) == {"action": "check"}
    role = schedule["Target"]["RoleArn"].strip("<>").removesuffix(".Arn")
    policy = the(get_user, "AWS::IAM::Policy", f"{role}DefaultPolicy")["PolicyDocument"]
    assert [(s["Action"], s["Resource"]) for s in policy["Statement"]] == [
        ("lambda:InvokeFunction", ["<ServiceOperations.Arn>", "<ServiceOperations.Arn>:*"]),
        ("sqs:SendMessage", DEAD_LETTERS),  # what the clean-up could not be delivered to
    ]
