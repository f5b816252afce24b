"""What the platform promises of its template."""

import json

from tests.reading import Template, resources, the


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


def test_each_function_reads_its_own_database_secret(get_user: Template) -> None:
    policies = resources(get_user, "AWS::IAM::Policy")
    candidate = json.dumps([r for i, r in policies.items() if "CandidateRole" in i])
    shadow = json.dumps([r for i, r in policies.items() if "ShadowRole" in i])
    assert "databasecandidate" in candidate
    assert "databaseshadow" not in candidate
    assert "databaseshadow" in shadow
    assert "databasecandidate" not in shadow
