"""The code canary: how a new version takes over, and what sends it back."""

import pytest

from tests.reading import Template, edges, may, resources, spelled, the
from tests.snapshot.alarms import SpelledAlarm, alarms

NEW = "<ServiceRouteCurrentVersion.Version>"
NEW_SHADOW = "<ServiceShadowCurrentVersion.Version>"
THROUGH_THE_ALIAS = (
    f"ExecutedVersion={NEW}, FunctionName=<ServiceRoute>, Resource=<ServiceRoute>:live"
)


@pytest.fixture
def code(get_user: Template) -> dict[str, SpelledAlarm]:
    return alarms(get_user, "CodeCanary")


def test_one_percent_of_invocations_goes_to_a_new_version_for_ten_minutes(
    get_user: Template,
) -> None:
    shift = the(get_user, "AWS::CodeDeploy::DeploymentConfig")["TrafficRoutingConfig"]
    assert shift["Type"] == "TimeBasedCanary"
    assert shift["TimeBasedCanary"] == {"CanaryPercentage": 1, "CanaryInterval": 10}


def test_a_new_version_reaches_users_through_the_deployment_group_alone(
    get_user: Template,
) -> None:
    [alias] = resources(get_user, "AWS::Lambda::Alias").values()
    assert alias["Properties"]["Name"] == "live"
    assert "RoutingConfig" not in alias["Properties"]
    update = spelled(alias["UpdatePolicy"])["CodeDeployLambdaAliasUpdate"]
    assert update["ApplicationName"] == "<ServiceCodeCanaryDeploymentGroupApplication>"
    assert update["DeploymentGroupName"] == "<ServiceCodeCanaryDeploymentGroup>"


def test_a_version_goes_back_on_failure_on_stop_and_on_alarm(get_user: Template) -> None:
    group = the(get_user, "AWS::CodeDeploy::DeploymentGroup")
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert set(group["AutoRollbackConfiguration"]["Events"]) == {
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_REQUEST",
        "DEPLOYMENT_STOP_ON_ALARM",
    }


def test_codedeploy_may_call_the_hook_and_no_other_function(get_user: Template) -> None:
    assert may(get_user, "CodeCanaryDeploymentGroupService") == {
        "lambda:InvokeFunction": {"<ServicePreTraffic.Arn>", "<ServicePreTraffic.Arn>:*"}
    }


def test_the_hook_waits_for_no_alias_that_waits_for_it(get_user: Template) -> None:
    [alias] = resources(get_user, "AWS::Lambda::Alias")
    graph = edges(get_user)
    of_the_hook = [graph[logical_id] for logical_id in graph if "PreTraffic" in logical_id]
    assert len(of_the_hook) == 4
    assert all(alias not in waits_for for waits_for in of_the_hook)


def test_bad_are_failed_imports_handled_faults_and_answers_that_control_had_to_give(
    code: dict[str, SpelledAlarm],
) -> None:
    alarm = code["ErrorRate"]
    assert alarm.formula == (
        "IF(invocations + TIME_SERIES(0) >= 0 AND errors + failed >= 4, "
        "100 * (errors + failed) / IF(invocations > 8, invocations, 8), 0)"
    )
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "errors": f"Sum of AWS/Lambda/Errors{{{THROUGH_THE_ALIAS}}}",
        "failed": f"Sum of ShadowCanary/Failed{{Route=GetUser/get-user, Version={NEW}}}",
        "invocations": f"Sum of AWS/Lambda/Invocations{{{THROUGH_THE_ALIAS}}}",
    }
    assert alarm.properties["Threshold"] == 2


def test_a_version_is_slow_when_its_95th_percentile_is_over_the_candidates_deadline(
    code: dict[str, SpelledAlarm],
) -> None:
    alarm = code["Latency"]
    assert alarm.formula == "IF(invocations + TIME_SERIES(0) >= 50, duration, 0)"
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "duration": f"p95 of AWS/Lambda/Duration{{{THROUGH_THE_ALIAS}}}",
        "invocations": f"Sum of AWS/Lambda/Invocations{{{THROUGH_THE_ALIAS}}}",
    }
    assert alarm.properties["Threshold"] == 2_000


def test_a_version_goes_back_for_the_wrong_answers_of_the_candidate_that_it_brought(
    code: dict[str, SpelledAlarm],
) -> None:
    alarm = code["MismatchRate"]
    assert alarm.formula == (
        "IF(compared + TIME_SERIES(0) >= 0 AND wrong >= 4, "
        "100 * wrong / IF(compared > 8, compared, 8), 0)"
    )
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "compared": f"Sum of ShadowCanary/Compared{{Route=GetUser/get-user, Version={NEW_SHADOW}}}",
        "wrong": f"Sum of ShadowCanary/Wrong{{Route=GetUser/get-user, Version={NEW_SHADOW}}}",
    }
    assert alarm.properties["Threshold"] == 2


def test_one_percent_of_a_million_requests_is_watched_as_the_ten_minutes_that_it_lasts(
    code: dict[str, SpelledAlarm],
) -> None:
    assert {alarm.window for alarm in code.values()} == {(10, 1, 1)}


def test_no_alarm_of_a_version_looks_at_another_version(code: dict[str, SpelledAlarm]) -> None:
    for alarm in code.values():
        for metric in alarm.metrics:
            versions = [metric.dimensions.get(name) for name in ("ExecutedVersion", "Version")]
            assert set(versions) & {NEW, NEW_SHADOW}, metric


def test_each_version_gets_alarms_of_its_own_so_that_a_red_past_cannot_block_the_fix(
    code: dict[str, SpelledAlarm],
) -> None:
    assert {role: alarm.name for role, alarm in code.items()} == {
        "ErrorRate": f"GetUser-get-user-code-error-rate-{NEW}",
        "Latency": f"GetUser-get-user-code-latency-{NEW}",
        "MismatchRate": f"GetUser-get-user-code-mismatch-rate-{NEW}",
    }
