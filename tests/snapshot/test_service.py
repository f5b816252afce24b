"""What ShadowCanaryService promises of its template, read in the route's stack."""

import json
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from shadow_runtime.contract import Position, Variable, flag_document
from tests.reading import (
    Template,
    edges,
    function,
    granted,
    may,
    resources,
    the,
    variables,
)

FUNCTIONS = [
    "Route",
    "Candidate",
    "Shadow",
    "PreTraffic",
    "Operations",
    "CeilingChangeFunction",
    "FlagVersionsFunction",
    "FlagValidatorFunction",
]


def test_the_flag_is_seeded_with_off_by_the_module_that_reads_it(get_user: Template) -> None:
    hosted = the(get_user, "AWS::AppConfig::HostedConfigurationVersion")
    assert json.loads(hosted["Content"]) == flag_document(Position.OFF)
    assert the(get_user, "AWS::AppConfig::ConfigurationProfile")["Type"] == (
        "AWS.AppConfig.FeatureFlags"
    )


def test_what_seeds_the_flag_keeps_its_identity_so_that_a_deploy_never_moves_it(
    get_user: Template,
) -> None:
    seeded = {
        i
        for kind in ("Application", "Environment", "ConfigurationProfile", "Deployment")
        for i in resources(get_user, f"AWS::AppConfig::{kind}")
    }
    assert seeded == {
        "ServiceFlagApplication527E912F",
        "ServiceFlagApplicationEnvironment8FC73264",
        "ServiceFlagProfileConfigurationProfile4A8E60E0",
        "ServiceFlagProfileDeployment1F8E44DAFEFC8",
    }


def test_lowering_reaches_everybody_at_once_and_raising_takes_minutes(get_user: Template) -> None:
    lower = the(get_user, "AWS::AppConfig::DeploymentStrategy", "ServiceFlagLower")
    raise_ = the(get_user, "AWS::AppConfig::DeploymentStrategy", "ServiceFlagRaise")
    assert (lower["DeploymentDurationInMinutes"], lower["GrowthFactor"]) == (0, 100)
    assert (raise_["DeploymentDurationInMinutes"], raise_["GrowthFactor"]) == (10, 10)


def test_no_appconfig_monitor_can_undo_the_way_back(get_user: Template) -> None:
    assert "Monitors" not in the(get_user, "AWS::AppConfig::Environment")


def test_a_service_has_these_eight_functions(get_user: Template) -> None:
    assert len(resources(get_user, "AWS::Lambda::Function")) == len(FUNCTIONS)


@pytest.mark.parametrize("role", FUNCTIONS)
def test_every_function_runs_python_3_13_on_arm64_traced_with_its_own_role_and_logs(
    get_user: Template, role: str
) -> None:
    made = function(get_user, role)
    assert (made["Runtime"], made["Architectures"]) == ("python3.13", ["arm64"])
    assert made["TracingConfig"] == {"Mode": "Active"}
    assert made["Role"] == f"<Service{role}Role.Arn>"
    assert made["LoggingConfig"] == {"LogGroup": f"<Service{role}Logs>"}
    assert the(get_user, "AWS::Logs::LogGroup", f"Service{role}Logs")["RetentionInDays"] == 30


def test_only_the_candidate_and_the_shadow_carry_a_database_driver(get_user: Template) -> None:
    driver = "<ServiceDatabaseLayer>"
    with_driver = [role for role in FUNCTIONS if driver in function(get_user, role)["Layers"]]
    assert with_driver == ["Candidate", "Shadow"]


def test_a_route_version_calls_its_own_candidate_and_shadow_versions(get_user: Template) -> None:
    known = variables(get_user, "Route")
    assert known[Variable.CANDIDATE] == "<ServiceCandidateCurrentVersion>"
    assert known[Variable.SHADOW] == "<ServiceShadowCurrentVersion>"


def test_the_route_may_invoke_each_version_of_both_functions(
    get_user: Template,
) -> None:
    assert granted(get_user, "Route")["lambda:InvokeFunction"] == {
        "<ServiceCandidate.Arn>:*",
        "<ServiceShadow.Arn>:*",
    }


def test_a_copy_is_never_retried_and_dropped_after_a_minute(get_user: Template) -> None:
    role = "ServiceShadowCurrentVersionEventInvokeConfig"
    settings = the(get_user, "AWS::Lambda::EventInvokeConfig", role)
    assert (settings["MaximumRetryAttempts"], settings["MaximumEventAgeInSeconds"]) == (0, 60)
    assert "DestinationConfig" not in settings
    assert settings["Qualifier"] == "<ServiceShadowCurrentVersion.Version>"
    assert function(get_user, "Shadow")["ReservedConcurrentExecutions"] == 5


def test_users_come_in_through_the_alias_live(get_user: Template) -> None:
    assert the(get_user, "AWS::Lambda::Alias")["Name"] == "live"
    integration = the(get_user, "AWS::ApiGatewayV2::Integration")
    assert integration["IntegrationUri"] == "<ServiceAlias>"


def test_the_ceiling_in_git_reaches_the_route(get_user: Template) -> None:
    assert variables(get_user, "Route")[Variable.CEILING] == "canary(2%)"


@pytest.mark.parametrize("role", FUNCTIONS)
def test_nothing_but_tracing_and_a_look_is_allowed_on_every_resource(
    get_user: Template, role: str
) -> None:
    anywhere = {action for action, on in may(get_user, role).items() if "*" in on}
    looks = {
        "cloudwatch:GetMetricData",
        "cloudwatch:ListAlarmMuteRules",
        "sns:GetSubscriptionAttributes",
    }
    looks = looks if role == "Operations" else set()
    assert anywhere == {"xray:PutTelemetryRecords", "xray:PutTraceSegments", *looks}


@pytest.mark.parametrize("stack", ["Platform", "GetUser"])
def test_no_resource_waits_for_itself_update_policies_included(
    templates: dict[str, Template], stack: str
) -> None:
    list(TopologicalSorter(edges(templates[stack])).static_order())


def test_a_cycle_through_an_update_policy_would_be_noticed(get_user: Template) -> None:
    tied = json.loads(json.dumps(get_user))
    [(alias, _)] = resources(tied, "AWS::Lambda::Alias").items()
    group = next(iter(resources(tied, "AWS::CodeDeploy::DeploymentGroup").values()))
    group["Properties"]["Tied"] = {"Ref": alias}
    with pytest.raises(ValueError, match="cycle"):
        list(TopologicalSorter(edges(tied)).static_order())


def test_no_secret_stands_in_an_environment_variable(templates: dict[str, Template]) -> None:
    assert "resolve:secretsmanager" not in json.dumps(templates)


def test_a_route_holds_to_the_platform_by_parameters_alone(
    templates: dict[str, Template], assembly: Path
) -> None:
    text = json.dumps(templates)
    assert "Fn::ImportValue" not in text
    assert "ExportsOutput" not in text
    manifest = json.loads((assembly / "manifest.json").read_text())
    assert manifest["artifacts"]["GetUser"]["dependencies"] == ["GetUser.assets"]


def test_the_librarys_own_validation_finds_nothing(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    assert report["pluginReports"]
    for plugin in report["pluginReports"]:
        assert (plugin["conclusion"], plugin["violations"]) == ("success", []), plugin
