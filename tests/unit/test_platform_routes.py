"""One service may answer several routes of the API, and several services may stand in one stack."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from stacks.platform import Platform


def test_routes_of_one_function_and_of_one_stack_do_not_collide() -> None:
    app = cdk.App()
    platform = Platform(app, "Platform")
    stack = cdk.Stack(app, "Orders")
    runtime, code = lambda_.Runtime.PYTHON_3_13, lambda_.Code.from_inline("...")
    one, other = (
        lambda_.Function(stack, id_, runtime=runtime, handler="index.handler", code=code)
        for id_ in ("One", "Other")
    )
    platform.add_route("GET /orders", one)
    platform.add_route("HEAD /orders", one)
    platform.add_route("GET /orders/{id}", other)
    made = Template.from_stack(stack).to_json()["Resources"].values()
    routes = [r["Properties"] for r in made if r["Type"] == "AWS::ApiGatewayV2::Route"]
    assert {r["RouteKey"] for r in routes} == {"GET /orders", "HEAD /orders", "GET /orders/{id}"}
    assert {r["AuthorizationType"] for r in routes} == {"JWT"}
    allowed = [r["Properties"] for r in made if r["Type"] == "AWS::Lambda::Permission"]
    assert len(allowed) == 3


def test_a_secret_that_is_there_is_read_by_its_name_and_what_aws_adds_to_it() -> None:
    platform = Platform(cdk.App(), "Platform", candidate_secret="moved")
    made = Template.from_stack(platform).to_json()["Resources"]
    [policy] = [each for id_, each in made.items() if id_.startswith("CandidateDatabase")]
    [read] = [
        each["Resource"]
        for each in policy["Properties"]["PolicyDocument"]["Statement"]
        if each["Action"] == "secretsmanager:GetSecretValue"
    ]
    assert read["Fn::Join"][1][-1].endswith(":secret:moved-??????")
