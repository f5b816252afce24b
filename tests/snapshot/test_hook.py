"""What the pre-traffic hook is told and may do, read in the route's stack."""

import subprocess
import sys
from pathlib import Path

from shadow_runtime.contract import Variable
from tests.reading import Template, function, may, resources, spelled, the, variables

GROUP = "<ServiceCodeCanaryDeploymentGroup>"
APPLICATION = "<ServiceCodeCanaryDeploymentGroupApplication>"


def test_codedeploy_calls_the_hook_before_it_shifts_the_alias(get_user: Template) -> None:
    [alias] = resources(get_user, "AWS::Lambda::Alias").values()
    shift = spelled(alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"])
    assert shift["BeforeAllowTrafficHook"] == "<ServicePreTraffic>"


def test_the_hook_is_told_the_version_that_the_alias_goes_to(get_user: Template) -> None:
    newest = "ServiceRouteCurrentVersion"
    assert the(get_user, "AWS::Lambda::Alias")["FunctionVersion"] == f"<{newest}.Version>"
    assert variables(get_user, "PreTraffic")[Variable.VERSION] == f"<{newest}>"


def test_three_calls_of_a_hook_that_dies_end_within_codedeploys_hour(get_user: Template) -> None:
    waits = 60 + 120  # Lambda's, between the three
    assert 3 * function(get_user, "PreTraffic")["Timeout"] + waits < 3_600


def test_the_hook_may_ask_the_route_in_every_version_and_a_new_candidate_and_nothing_else(
    get_user: Template,
) -> None:
    asked = may(get_user, "PreTraffic")["lambda:InvokeFunction"]
    assert asked == {"<ServiceRoute.Arn>:*", "<ServiceCandidate.Arn>"}


def test_cloudformation_asks_the_hook_once_when_a_route_is_new(get_user: Template) -> None:
    first = the(get_user, "Custom::ShadowCanaryFirstDeployment")
    assert first["ServiceToken"] == "<ServicePreTraffic.Arn>"
    # Neither changes with a version: an update is CodeDeploy's, and is not asked twice.
    assert (first["Route"], first["Candidate"]) == ("<ServiceAlias>", "<ServiceCandidate.Arn>")
    waits = 60 + 120
    assert int(first["ServiceTimeout"]) <= 3_600
    assert 3 * function(get_user, "PreTraffic")["Timeout"] <= int(first["ServiceTimeout"]) + waits


def test_the_hook_reads_and_reports_deployments_of_its_own_group_alone(get_user: Template) -> None:
    codedeploy = "arn:<AWS::Partition>:codedeploy:<AWS::Region>:<AWS::AccountId>"
    group = f"{codedeploy}:deploymentgroup:{APPLICATION}/{GROUP}"
    granted = may(get_user, "PreTraffic")
    assert {action: on for action, on in granted.items() if action.startswith("codedeploy")} == {
        "codedeploy:GetDeployment": {group},
        "codedeploy:GetApplicationRevision": {f"{codedeploy}:application:{APPLICATION}"},
        "codedeploy:PutLifecycleEventHookExecutionStatus": {group},
    }


def test_the_hook_carries_the_recorded_requests_and_none_of_the_routes_code(
    assembly: Path, get_user: Template
) -> None:
    key = function(get_user, "PreTraffic")["Code"]["S3Key"]
    asset = assembly / f"asset.{key.removesuffix('.zip')}"
    assert [path.name for path in asset.glob("routes/*/*")] == ["requests.jsonl"]
    assert (asset / "pretraffic" / "handler.py").is_file()
    ran = "import custom_resource, pretraffic.check, pretraffic.first, pretraffic.handler"
    subprocess.run([sys.executable, "-c", ran], cwd=asset, check=True)  # what it needs is there
