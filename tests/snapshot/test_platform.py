"""What the platform promises of its template."""

import json

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template as Synthesized

from shadow_runtime.contract import Variable
from stacks.platform import Platform
from tests.reading import Template, references, resources, the, variables


def test_nobody_calls_a_route_without_a_token(platform: Template, get_user: Template) -> None:
    authorizer = the(platform, "AWS::ApiGatewayV2::Authorizer")
    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]
    assert the(get_user, "AWS::ApiGatewayV2::Route")["AuthorizationType"] == "JWT"


def test_requests_are_throttled_and_logged(platform: Template) -> None:
    stage = the(platform, "AWS::ApiGatewayV2::Stage")
    throttle = stage["DefaultRouteSettings"]
    assert (throttle["ThrottlingRateLimit"], throttle["ThrottlingBurstLimit"]) == (100, 200)
    assert json.loads(stage["AccessLogSettings"]["Format"])["status"] == "$context.status"


def test_the_two_database_roles_have_a_secret_each(platform: Template) -> None:
    templates = [
        json.loads(r["Properties"]["GenerateSecretString"]["SecretStringTemplate"])
        for r in resources(platform, "AWS::SecretsManager::Secret").values()
    ]
    assert sorted(t["username"] for t in templates) == ["candidate", "shadow"]


@pytest.mark.parametrize(("side", "other"), [("candidate", "shadow"), ("shadow", "candidate")])
def test_each_side_may_read_its_own_database_secret_and_the_parameter_that_names_it(
    platform: Template, get_user: Template, side: str, other: str
) -> None:
    name = side.capitalize()
    policy = the(platform, "AWS::IAM::ManagedPolicy", f"{name}Database")
    may = {each["Action"]: each["Resource"] for each in policy["PolicyDocument"]["Statement"]}
    assert len(may) == 2
    assert may["secretsmanager:GetSecretValue"] == f"<{name}Secret>"
    assert may["ssm:GetParameter"].endswith(f":parameter<Database{name}Parameter>")
    role = the(get_user, "AWS::IAM::Role", f"Service{name}Role")
    [attached] = role["ManagedPolicyArns"]
    assert f"database{side}policy" in attached
    assert f"database{other}" not in attached


def test_no_published_version_holds_what_only_a_deployment_knows(get_user: Template) -> None:
    """A parameter's value changes under it, and the version does not."""
    for role in ("Route", "Candidate", "Shadow"):
        [environment] = [
            resource["Properties"]["Environment"]
            for id_, resource in resources(get_user, "AWS::Lambda::Function").items()
            if id_[:-8] == f"Service{role}"
        ]
        assert not {*references(environment)} & get_user["Parameters"].keys()
    assert variables(get_user, "Candidate")[Variable.DATABASE_PARAMETER] == (
        "/shadow-canary/Platform/database/candidate"
    )


def test_two_platforms_of_one_account_publish_under_names_of_their_own() -> None:
    app = cdk.App()
    names = [
        {
            parameter["Properties"]["Name"]
            for parameter in Synthesized.from_stack(Platform(cdk.Stage(app, of), "Platform"))
            .find_resources("AWS::SSM::Parameter")
            .values()
        }
        for of in ("Staging", "Prod")
    ]
    assert len(names[0]) == len(names[1]) == 6
    assert not names[0] & names[1]
