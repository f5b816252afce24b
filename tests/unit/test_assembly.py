"""The derived assembly differs from the one for AWS where the embedded AWS cannot follow, only."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis.template import LOCK
from judge import Ramp
from localaws import assembly
from shadow_runtime.contract import Variable

NOW = datetime(2031, 3, 1, 12, tzinfo=UTC)
OLD = "0" * 64
LAYER = "1" * 64


class Derived:
    """A stack of `resources`, derived."""

    def __init__(
        self, folder: Path, resources: dict[str, Any], outputs: dict[str, Any] | None = None
    ) -> None:
        self.source, self.out = folder / "cdk.out", folder / "derived"
        self.source.mkdir()
        self._put("S.template.json", {"Resources": resources, "Outputs": outputs or {}})
        assets = {OLD: asset(OLD, "S.template.json", "file"), LAYER: asset(LAYER, "code", "zip")}
        self._put("S.assets.json", {"files": assets})
        stack = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {
                "templateFile": "S.template.json",
                "assumeRoleArn": "arn:deploy",
                "cloudFormationExecutionRoleArn": "arn:execute",
                "lookupRole": {"arn": "arn:look-up"},
                "stackTemplateAssetObjectUrl": f"s3://assets/{OLD}.json",
            },
        }
        self._put("manifest.json", {"artifacts": {"S": stack, "Tree": {"type": "cdk:tree"}}})
        self.words = assembly.derive(self.source, self.out, now=NOW)

    def _put(self, name: str, value: object) -> None:
        (self.source / name).write_text(json.dumps(value))

    @property
    def template(self) -> Any:
        return json.loads((self.out / "S.template.json").read_text())

    @property
    def resources(self) -> Any:
        return self.template["Resources"]

    @property
    def files(self) -> Any:
        return json.loads((self.out / "S.assets.json").read_text())["files"]

    @property
    def stack(self) -> Any:
        return json.loads((self.out / "manifest.json").read_text())["artifacts"]["S"]["properties"]


def asset(key: str, path: str, packaging: str) -> dict[str, Any]:
    destination = {"objectKey": f"{key}.zip", "assumeRoleArn": "arn:publish"}
    return {
        "source": {"path": path, "packaging": packaging},
        "destinations": {"here": destination},
    }


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Policy",
        "Properties": {"PolicyDocument": {"Statement": [*statements]}},
    }


def test_what_has_no_known_gap_is_left_untouched(tmp_path: Path) -> None:
    resources = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}},
        "Policy": policy({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}),
        "Rate": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {"ScheduleExpression": "rate(1 hour)"},
        },
    }
    derived = Derived(tmp_path, resources, {"Out": {"Value": {"Ref": "Role"}}})
    assert derived.template == {
        "Resources": resources,
        "Outputs": {"Out": {"Value": {"Ref": "Role"}}},
    }
    assert derived.words == []


def test_codedeploy_goes_with_everything_that_refers_to_it(tmp_path: Path) -> None:
    allowed = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
    hook = {
        "Effect": "Allow",
        "Action": "codedeploy:PutLifecycleEventHookExecutionStatus",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:codedeploy:deploymentgroup:${Group}"},
    }
    update = {"CodeDeployLambdaAliasUpdate": {"DeploymentGroupName": {"Ref": "Group"}}}
    derived = Derived(
        tmp_path,
        {
            "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup"},
            "Application": {"Type": "AWS::CodeDeploy::Application"},
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "UpdatePolicy": update,
                "DependsOn": ["Group", "Policy"],
            },
            "Policy": policy(allowed, hook),
        },
        {"Name": {"Value": {"Ref": "Group"}}},
    )
    assert derived.resources == {
        "Alias": {"Type": "AWS::Lambda::Alias", "UpdatePolicy": {}, "DependsOn": ["Policy"]},
        "Policy": policy(allowed),
    }
    assert derived.template["Outputs"] == {}
    assert any("CodeDeploy" in words for words in derived.words)


@pytest.mark.parametrize(
    "measures",
    [
        {"Metrics": [{"Id": "e", "Expression": "a / b"}]},
        {"Namespace": "N", "MetricName": "M", "Dimensions": [], "ExtendedStatistic": "p99"},
    ],
)
def test_an_alarm_keeps_its_name_and_actions_but_watches_nothing(
    tmp_path: Path, measures: dict[str, Any]
) -> None:
    kept = {"AlarmName": "red", "AlarmActions": [{"Ref": "Topic"}], "Threshold": 2}
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {**kept, **measures}}
    properties = Derived(tmp_path, {"Alarm": alarm}).resources["Alarm"]["Properties"]
    assert kept.items() <= properties.items()
    assert properties["Namespace"] != "N"
    assert not {"Metrics", "Dimensions", "ExtendedStatistic"} & properties.keys()


def test_a_composite_alarm_is_one_that_somebody_else_turns(tmp_path: Path) -> None:
    kept = {"AlarmName": "any", "AlarmActions": [{"Ref": "Topic"}]}
    properties = {**kept, "AlarmRule": "ALARM(red)", "ActionsSuppressor": "a deployment"}
    alarm = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": properties}
    derived = Derived(tmp_path, {"Any": alarm}).resources["Any"]
    assert derived["Type"] == "AWS::CloudWatch::Alarm"
    assert kept.items() <= derived["Properties"].items()
    assert "NobodyWritesThis" in derived["Properties"].values()
    assert not {"AlarmRule", "ActionsSuppressor"} & derived["Properties"].keys()


def test_a_clean_up_date_lies_seven_days_ahead(tmp_path: Path) -> None:
    schedule = {
        "ScheduleExpression": "at(2030-01-14T09:00:00)",
        "ScheduleExpressionTimezone": "Europe/Paris",
        "Target": {"Input": "{}"},
    }
    derived = Derived(
        tmp_path, {"CleanUp": {"Type": "AWS::Scheduler::Schedule", "Properties": schedule}}
    )
    assert derived.resources["CleanUp"]["Properties"] == {
        "ScheduleExpression": "at(2031-03-08T12:00:00)",
        "ScheduleExpressionTimezone": "UTC",
        "Target": {"Input": "{}"},
    }


@pytest.mark.parametrize(("minutes", "bake", "here", "bake_here"), [(10, 5, 0, 0), (60, 90, 2, 3)])
def test_minutes_of_a_flag_s_deployment_are_divided_by_thirty(
    tmp_path: Path, minutes: int, bake: int, here: int, bake_here: int
) -> None:
    strategy = {
        "DeploymentDurationInMinutes": minutes,
        "FinalBakeTimeInMinutes": bake,
        "GrowthFactor": 10,
    }
    derived = Derived(
        tmp_path, {"Raise": {"Type": "AWS::AppConfig::DeploymentStrategy", "Properties": strategy}}
    )
    assert derived.resources["Raise"]["Properties"] == {
        "DeploymentDurationInMinutes": here,
        "FinalBakeTimeInMinutes": bake_here,
        "GrowthFactor": 10,
    }


def test_a_ramp_climbs_as_declared_but_in_seconds_and_upon_a_few_hundred_pairs(
    tmp_path: Path,
) -> None:
    ramp = Ramp(percents=(1, 100), dwell=timedelta(days=1), minimum_pairs=7)
    functions = {
        name: {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Environment": {"Variables": {Variable.RAMP.value: text}}},
        }
        for name, text in {"With": str(ramp), "Without": ""}.items()
    }
    derived = Derived(tmp_path, functions)
    hasty = derived.resources["With"]["Properties"]["Environment"]["Variables"][Variable.RAMP]
    assert Ramp.parse(hasty) == replace(ramp, dwell=timedelta(seconds=5), mismatch_percent=3)
    assert derived.resources["Without"] == functions["Without"]
    assert any("a ramp dwells 5 s at a stage" in words for words in derived.words)


def test_only_denials_of_plain_http_are_dropped(tmp_path: Path) -> None:
    plain = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    derived = Derived(tmp_path, {"Some": policy(plain, deny), "Empty": policy(plain)})
    assert derived.resources == {"Some": policy(deny)}


def test_a_secret_is_generated_as_on_aws(tmp_path: Path) -> None:
    own = {"Name": "own", "GenerateSecretString": {"PasswordLength": 8}}
    secret = "AWS::SecretsManager::Secret"
    derived = Derived(
        tmp_path,
        {
            "Default": {"Type": secret, "Properties": {"GenerateSecretString": {}}},
            "Own": {"Type": secret, "Properties": own},
        },
    )
    assert (
        derived.resources["Default"]["Properties"]["GenerateSecretString"]["PasswordLength"] == 32
    )
    assert derived.resources["Default"]["Properties"]["Name"] == "Default-S"
    assert derived.resources["Own"]["Properties"] == own


def test_a_function_with_reserved_concurrency_is_called_at_its_newest_code(tmp_path: Path) -> None:
    def function(**properties: Any) -> dict[str, Any]:
        return {"Type": "AWS::Lambda::Function", "Properties": properties}

    def version(of: str) -> dict[str, Any]:
        return {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": of}}}

    derived = Derived(
        tmp_path,
        {
            "Shadow": function(ReservedConcurrentExecutions=5),
            "ShadowVersion": version("Shadow"),
            "Candidate": function(),
            "CandidateVersion": version("Candidate"),
            "Route": function(Variables=[{"Ref": "ShadowVersion"}, {"Ref": "CandidateVersion"}]),
        },
    )
    variables = derived.resources["Route"]["Properties"]["Variables"]
    newest = {"Fn::Join": ["", [{"Fn::GetAtt": ["Shadow", "Arn"]}, ":$LATEST"]]}
    assert variables == [newest, {"Ref": "CandidateVersion"}]


def test_a_reference_to_a_secret_is_its_arn(tmp_path: Path) -> None:
    derived = Derived(
        tmp_path,
        {
            "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {}},
            "Policy": policy({"Resource": {"Ref": "Secret"}}, {"Resource": {"Ref": "Policy"}}),
        },
    )
    assert derived.resources["Policy"] == policy(
        {"Resource": {"Fn::GetAtt": ["Secret", "Id"]}}, {"Resource": {"Ref": "Policy"}}
    )


def test_a_parameter_is_named_as_on_aws_where_no_name_begins_with_a_slash(tmp_path: Path) -> None:
    parameter = "AWS::SSM::Parameter"
    derived = Derived(
        tmp_path,
        {
            "Unnamed": {"Type": parameter, "Properties": {"Value": "a"}},
            "Own": {"Type": parameter, "Properties": {"Name": "/own", "Value": "b"}},
        },
    )
    assert derived.resources["Unnamed"]["Properties"] == {"Name": "CFN-Unnamed-S", "Value": "a"}
    assert derived.resources["Own"]["Properties"]["Name"] == "/own"


def test_drills_may_fail_the_candidate_of_a_migration_and_no_plain_function(tmp_path: Path) -> None:
    def handled(**properties: Any) -> dict[str, Any]:
        handler = "routes.orders.candidate.handler"
        return {"Type": "AWS::Lambda::Function", "Properties": {"Handler": handler, **properties}}

    migrating, finished = {Variable.ROUTE: "S/orders"}, {"TABLE": "orders"}
    derived = Derived(
        tmp_path,
        {
            "Candidate": handled(Environment={"Variables": migrating}),
            "Finished": handled(Environment={"Variables": finished}),
            "Bare": handled(),
        },
    )
    told = derived.resources["Candidate"]["Properties"]["Environment"]["Variables"]
    assert told == {**migrating, Variable.DRILL: "true"}
    assert derived.resources["Finished"] == handled(Environment={"Variables": finished})
    assert derived.resources["Bare"] == handled()


def test_the_issuer_of_a_user_pool_is_put_together(tmp_path: Path) -> None:
    issuer = {"Fn::GetAtt": ["Pool", "ProviderURL"]}
    derived = Derived(
        tmp_path,
        {"Authorizer": {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": {"Issuer": issuer}}},
    )
    assert derived.resources["Authorizer"]["Properties"]["Issuer"] == {
        "Fn::Join": ["", ["https://", {"Fn::GetAtt": ["Pool", "ProviderName"]}]]
    }


def test_a_layer_holds_wheels_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "built_layer", lambda lock: tmp_path / f"{lock}-abc" / "layer")
    layer = {
        "Type": "AWS::Lambda::LayerVersion",
        "Properties": {"Content": {"S3Bucket": "b", "S3Key": f"{LAYER}.zip"}},
        "Metadata": {LOCK: "runtime.txt"},
    }
    derived = Derived(tmp_path, {"Layer": layer})
    assert derived.resources["Layer"]["Properties"]["Content"]["S3Key"] == "runtime.txt-abc.zip"
    assert LAYER not in derived.files
    host = derived.files["runtime.txt-abc"]
    assert host["source"] == {
        "path": str(tmp_path / "runtime.txt-abc" / "layer"),
        "packaging": "zip",
    }
    assert host["destinations"]["here"]["objectKey"] == "runtime.txt-abc.zip"


def test_no_bootstrap_role_is_assumed(tmp_path: Path) -> None:
    derived = Derived(tmp_path, {})
    assert derived.stack.keys() == {"templateFile", "stackTemplateAssetObjectUrl"}
    assert all(
        "assumeRoleArn" not in destination
        for file in derived.files.values()
        for destination in file["destinations"].values()
    )


def test_a_changed_template_is_uploaded_under_a_new_key(tmp_path: Path) -> None:
    derived = Derived(tmp_path, {})
    url = derived.stack["stackTemplateAssetObjectUrl"]
    key = url.removeprefix("s3://assets/").removesuffix(".json")
    assert key != OLD
    assert derived.files[key]["source"]["path"] == "S.template.json"


def test_other_assets_are_found_where_they_are(tmp_path: Path) -> None:
    derived = Derived(tmp_path, {})
    assert derived.files[LAYER]["source"]["path"] == str(derived.source / "code")
