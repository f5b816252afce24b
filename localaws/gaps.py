"""What a template asks for that the embedded AWS does not have, and what it gets instead.

The constructs never know that they run locally: this is the one place that does. Whatever is not
named here is deployed as it stands.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3

from localaws.speed import MINUTE, SPEED
from localaws.template import Template, keep_statements, mentions, of, rewrite, statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One difference: `close` changes a template in place and counts what it changed."""

    missing: str
    instead: str
    close: Callable[[Template, datetime], int]


def _no_codedeploy(template: Template, _: datetime) -> int:
    return _without(template, "AWS::CodeDeploy::")


def _no_saved_queries(template: Template, _: datetime) -> int:
    return _without(template, "AWS::Logs::QueryDefinition")


def _without(template: Template, kind: str) -> int:
    """Takes out the resources of a kind, and what refers to them."""
    removed = {i for i, _ in of(template, kind)}
    resources = template["Resources"]
    for logical_id in removed:
        del resources[logical_id]
    for resource in resources.values():
        resource.get("UpdatePolicy", {}).pop("CodeDeployLambdaAliasUpdate", None)
        keep_statements(resource, lambda statement: not mentions(statement, removed))
        if "DependsOn" in resource:
            named = resource["DependsOn"]
            named = [named] if isinstance(named, str) else named
            resource["DependsOn"] = [i for i in named if i not in removed]
    outputs = template.get("Outputs", {})
    for name in [n for n, output in outputs.items() if mentions(output, removed)]:
        del outputs[name]
    return len(removed)


def _still_alarms(template: Template, _: datetime) -> int:
    alarms = [alarm["Properties"] for _, alarm in of(template, "AWS::CloudWatch::Alarm")]
    for alarm in alarms:
        for name in ("Metrics", "Dimensions", "ExtendedStatistic", "Unit"):
            alarm.pop(name, None)
        alarm |= {
            "Namespace": "ShadowCanary/Embedded",
            "MetricName": "NobodyWritesThis",
            "Statistic": "Sum",
            "Period": 60,
        }
    return len(alarms)


def _shorter_minutes(template: Template, _: datetime) -> int:
    found = [s["Properties"] for _, s in of(template, "AWS::AppConfig::DeploymentStrategy")]
    for strategy in found:
        for minutes in ("DeploymentDurationInMinutes", "FinalBakeTimeInMinutes"):
            strategy[minutes] = strategy.get(minutes, 0) // SPEED
    return len(found)


def _in_a_week(template: Template, now: datetime) -> int:
    schedules = [s["Properties"] for _, s in of(template, "AWS::Scheduler::Schedule")]
    once = [s for s in schedules if s["ScheduleExpression"].startswith("at(")]
    for schedule in once:
        schedule |= {
            "ScheduleExpression": f"at({now + timedelta(days=7):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
        }
    return len(once)


def _plain_http(template: Template, _: datetime) -> int:
    resources = template["Resources"]
    dropped = sum(keep_statements(r, lambda s: not _denies_http(s)) for r in resources.values())
    for logical_id in [i for i, r in resources.items() if statements(r) == []]:
        del resources[logical_id]
    return dropped


def _generated_secrets(template: Template, _: datetime) -> int:
    secrets = [s["Properties"] for _, s in of(template, "AWS::SecretsManager::Secret")]
    by_default = [s for s in secrets if s.get("GenerateSecretString") == {}]
    for secret in by_default:
        secret["GenerateSecretString"] = {"PasswordLength": 32}
    return len(by_default)


def _reserved_by_function(template: Template, _: datetime) -> int:
    functions = dict(of(template, "AWS::Lambda::Function"))
    reserved = {
        i for i, f in functions.items() if "ReservedConcurrentExecutions" in f["Properties"]
    }
    versions = {
        i: v["Properties"]["FunctionName"]["Ref"] for i, v in of(template, "AWS::Lambda::Version")
    }

    def unqualified(value: Any) -> Any:
        match value:
            case {"Ref": version} if versions.get(version) in reserved:
                return {"Fn::GetAtt": [versions[version], "Arn"]}
        return value

    return sum(rewrite(function, unqualified) for function in functions.values())


def _issuer_by_name(template: Template, _: datetime) -> int:
    def issuer(value: Any) -> Any:
        match value:
            case {"Fn::GetAtt": [pool, "ProviderURL"]}:
                return {"Fn::Join": ["", ["https://", {"Fn::GetAtt": [pool, "ProviderName"]}]]}
        return value

    return rewrite(template, issuer)


def _secrets_by_arn(template: Template, _: datetime) -> int:
    secrets = {i for i, _ in of(template, "AWS::SecretsManager::Secret")}

    def arn(value: Any) -> Any:
        match value:
            case {"Ref": secret} if secret in secrets:
                return {"Fn::GetAtt": [secret, "Id"]}
        return value

    return rewrite(template, arn)


def _secrets_named_as_on_aws(template: Template, _: datetime) -> int:
    secrets = [(i, s["Properties"]) for i, s in of(template, "AWS::SecretsManager::Secret")]
    unnamed = [(i, s) for i, s in secrets if "Name" not in s]
    for logical_id, secret in unnamed:
        secret["Name"] = f"{logical_id}-embedded"
    return len(unnamed)


def _denies_http(statement: dict[str, Any]) -> bool:
    wanted = {"Bool": {"aws:SecureTransport": "false"}}
    return statement.get("Effect") == "Deny" and statement.get("Condition") == wanted


GAPS = (
    Gap(
        missing="no CodeDeploy",
        instead="a new version of the code takes all invocations at once",
        close=_no_codedeploy,
    ),
    Gap(
        missing="no saved queries of Logs Insights",
        instead="they are left out",
        close=_no_saved_queries,
    ),
    Gap(
        missing="no alarm on a formula, and dimensions ignored",
        instead=f"a watcher evaluates the template's formulas; a minute lasts {MINUTE:g} s",
        close=_still_alarms,
    ),
    Gap(
        missing="no faster clock for AppConfig's deployments",
        instead=f"their minutes are divided by {SPEED}, and rounded down",
        close=_shorter_minutes,
    ),
    Gap(
        missing="a date in the past fires at once",
        instead="one-shot schedules fire in seven days from now",
        close=_in_a_week,
    ),
    Gap(
        missing="no TLS",
        instead="policies that refuse plain http are left out",
        close=_plain_http,
    ),
    Gap(
        missing="nothing generated for a secret by default",
        instead="AWS's default, 32 characters, is asked for",
        close=_generated_secrets,
    ),
    Gap(
        missing="no reserved concurrency of a version",
        instead="functions that have some are called by name, at their newest code",
        close=_reserved_by_function,
    ),
    Gap(
        missing="generated names of secrets have another form",
        instead="secrets are named in the form that AWS uses",
        close=_secrets_named_as_on_aws,
    ),
    Gap(
        missing="a reference to a secret gives its name",
        instead="its ARN is asked for",
        close=_secrets_by_arn,
    ),
    Gap(
        missing="no issuer URL of a user pool",
        instead="it is put together from the pool's name",
        close=_issuer_by_name,
    ),
)

RESERVATIONS = "no reserved concurrency by CloudFormation: it is set by Lambda's own API"


def reserve_concurrency(aws: boto3.Session) -> int:
    """Closes the one gap that a template cannot; counts the functions."""
    cloudformation, functions = aws.client("cloudformation"), aws.client("lambda")
    count = 0
    for stack in cloudformation.describe_stacks()["Stacks"]:
        name = stack["StackName"]
        template: Any = cloudformation.get_template(StackName=name)["TemplateBody"]
        if isinstance(template, str):  # the CLI's own stack is in YAML, and has no functions
            continue
        physical = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in cloudformation.describe_stack_resources(StackName=name)[
                "StackResources"
            ]
        }
        for logical_id, resource in of(template, "AWS::Lambda::Function"):
            reserved = resource["Properties"].get("ReservedConcurrentExecutions")
            if reserved is not None:
                functions.put_function_concurrency(
                    FunctionName=physical[logical_id], ReservedConcurrentExecutions=reserved
                )
                count += 1
    return count
