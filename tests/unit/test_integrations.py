"""What invokes a route and is no front door is named when the app is synthesized."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs

from shadow_canary import Stage
from shadow_canary.integrations import (
    ANY_METHOD,
    UNSERVED_INTEGRATION,
    WRITES_NOT_HELD,
    ServedIntegrations,
)
from tests.unit.services import service

Connect = Callable[[cdk.Stack, lambda_.Alias], object]


def websocket(stack: cdk.Stack, alias: lambda_.Alias) -> None:
    integration = integrations.WebSocketLambdaIntegration("Talk", alias)
    http.WebSocketApi(stack, "Talks").add_route("$default", integration=integration)


def http_api(stack: cdk.Stack, alias: lambda_.Alias) -> None:
    integration = integrations.HttpLambdaIntegration("Get", alias)
    http.HttpApi(stack, "Api").add_routes(path="/", integration=integration)


def rest_api(stack: cdk.Stack, alias: lambda_.Alias, *, proxy: bool) -> None:
    rest.RestApi(stack, "Api").root.add_method("GET", rest.LambdaIntegration(alias, proxy=proxy))


def topic(stack: cdk.Stack, alias: lambda_.Alias) -> None:
    sns.Topic(stack, "Topic").add_subscription(subscriptions.LambdaSubscription(alias))


def rule(stack: cdk.Stack, alias: lambda_.Alias) -> None:
    every = events.Schedule.rate(cdk.Duration.hours(1))
    events.Rule(stack, "Rule", schedule=every, targets=[targets.LambdaFunction(alias)])


TIMEOUT = cdk.Duration.seconds(10)
TEN = timedelta(seconds=10)

UNSERVED: dict[str, Connect] = {
    "a WebSocket API": websocket,
    "an integration of a REST API that is no proxy": lambda s, a: rest_api(s, a, proxy=False),
    "a queue or a stream": lambda s, a: a.add_event_source(
        sources.SqsEventSource(sqs.Queue(s, "Queue"))
    ),
    "a topic": topic,
    "a rule of EventBridge": rule,
}
SERVED: dict[str, Connect] = {
    "an HTTP API": http_api,
    "a REST API": lambda s, a: rest_api(s, a, proxy=True),
    "a function URL": lambda _, a: a.add_function_url(),
}


@pytest.fixture
def stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(context={"aws:cdk:bundling-stacks": []}), "Stack")


@pytest.fixture
def alias(stack: cdk.Stack) -> lambda_.Alias:
    function = lambda_.Function(
        stack,
        "Route",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("..."),
    )
    return lambda_.Alias(stack, "Alias", alias_name="live", version=function.current_version)


def checked(
    alias: lambda_.Alias,
    *,
    timeout: cdk.Duration = TIMEOUT,
    ceiling: Stage = Stage.OFF,
    writes_need: timedelta | None = None,
) -> list[str]:
    return ServedIntegrations(
        alias, timeout=timeout, ceiling=ceiling, writes_need=writes_need
    ).validate()


def warnings(stack: cdk.Stack, id_: str = UNSERVED_INTEGRATION) -> list[str]:
    found = (entry for node in stack.node.find_all() for entry in node.node.metadata)
    return [str(entry.data) for entry in found if id_ in str(entry.data)]


@pytest.mark.parametrize(("what", "connect"), UNSERVED.items(), ids=UNSERVED)
def test_what_a_route_cannot_serve_is_named(
    stack: cdk.Stack, alias: lambda_.Alias, what: str, connect: Connect
) -> None:
    connect(stack, alias)
    assert checked(alias) == []
    [warning] = warnings(stack)
    assert warning.startswith(f"{what} invokes Stack/Alias, which refuses its events")


@pytest.mark.parametrize("connect", SERVED.values(), ids=SERVED)
def test_front_doors_are_left_alone(
    stack: cdk.Stack, alias: lambda_.Alias, connect: Connect
) -> None:
    connect(stack, alias)
    assert checked(alias) == []
    assert warnings(stack) == []


def test_a_service_looks_at_its_own_alias(stack: cdk.Stack, lambdas: Path) -> None:
    made = service(stack, lambdas, ceiling=Stage.OFF)
    topic(stack, made.alias)
    assert made.node.validate() == []
    [warning] = warnings(stack)
    assert warning.startswith("a topic invokes Stack/Service/Alias")


@pytest.mark.parametrize(
    ("connect", "seconds"),
    [(http_api, 30), (lambda s, a: rest_api(s, a, proxy=True), 29)],
    ids=["an HTTP API", "a REST API"],
)
def test_fails_on_a_timeout_over_the_front_doors(
    stack: cdk.Stack, alias: lambda_.Alias, connect: Connect, seconds: int
) -> None:
    connect(stack, alias)

    def refused(seconds: int) -> list[str]:
        return checked(alias, timeout=cdk.Duration.seconds(seconds))

    assert refused(seconds) == []
    errors = refused(seconds + 1)
    assert errors
    assert f"waits {seconds}000 ms for Stack/Alias, whose timeout is {seconds + 1}000" in errors[0]


def test_a_front_door_may_wait_as_long_as_it_was_told(
    stack: cdk.Stack, alias: lambda_.Alias
) -> None:
    shorter = rest.LambdaIntegration(alias, timeout=cdk.Duration.seconds(5))
    rest.RestApi(stack, "Api").root.add_method("GET", shorter)
    seconds = [checked(alias, timeout=cdk.Duration.seconds(n)) for n in (5, 6)]
    assert [len(errors) for errors in seconds] == [0, 1]


Sends = Callable[[cdk.Stack, lambda_.Alias, str], object]
"""Has an API send requests of a method to the alias."""


def by_http_api(stack: cdk.Stack, alias: lambda_.Alias, method: str) -> None:
    integration = integrations.HttpLambdaIntegration("Orders", alias)
    methods = [http.HttpMethod[method]]
    http.HttpApi(stack, "Api").add_routes(path="/a", methods=methods, integration=integration)


def by_rest_api(stack: cdk.Stack, alias: lambda_.Alias, method: str) -> None:
    rest.RestApi(stack, "Api").root.add_method(method, rest.LambdaIntegration(alias))


def by_openapi(stack: cdk.Stack, alias: lambda_.Alias, method: str) -> dict[str, Any]:
    name = "x-amazon-apigateway-any-method" if method == "ANY" else method.lower()
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": alias.function_arn}
    operation = {"x-amazon-apigateway-integration": integration}
    return {"openapi": "3.0.1", "paths": {"/a": {"summary": "An order", name: operation}}}


def by_openapi_of_http_api(stack: cdk.Stack, alias: lambda_.Alias, method: str) -> None:
    http.CfnApi(stack, "Api", body=by_openapi(stack, alias, method))


def by_openapi_of_rest_api(stack: cdk.Stack, alias: lambda_.Alias, method: str) -> None:
    definition = rest.ApiDefinition.from_inline(by_openapi(stack, alias, method))
    rest.SpecRestApi(stack, "Api", api_definition=definition)


def by_a_quick_http_api(stack: cdk.Stack, alias: lambda_.Alias, method: str) -> None:
    key = "$default" if method == "ANY" else f"{method} /a"
    arn = alias.function_arn
    http.CfnApi(stack, "Api", name="quick", protocol_type="HTTP", target=arn, route_key=key)


SENDS: dict[str, Sends] = {
    "an HTTP API": by_http_api,
    "a REST API": by_rest_api,
    "an HTTP API by OpenAPI": by_openapi_of_http_api,
    "a REST API by OpenAPI": by_openapi_of_rest_api,
    "an HTTP API of one target": by_a_quick_http_api,
}
each_api = pytest.mark.parametrize("sends", SENDS.values(), ids=SENDS)
PAST_SHADOW = (Stage.canary(percent=1), Stage.LIVE, Stage.COMPLETE)


@each_api
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_fails_on_a_ceiling_over_shadow_where_requests_may_change_data(
    stack: cdk.Stack, alias: lambda_.Alias, sends: Sends, method: str
) -> None:
    sends(stack, alias, method)
    assert checked(alias, ceiling=Stage.OFF) == checked(alias, ceiling=Stage.SHADOW) == []
    for ceiling in PAST_SHADOW:
        [error] = checked(alias, ceiling=ceiling)
        assert error.startswith(f"{method} ")
        remedy = "give Stack/Alias the dataset that it writes, dataset=, or Stage.SHADOW"
        assert f"ceiling={ceiling} is over shadow: {remedy}" in error


@each_api
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_only_reads_may_go_as_far_as_one_likes(
    stack: cdk.Stack, alias: lambda_.Alias, sends: Sends, method: str
) -> None:
    sends(stack, alias, method)
    assert [checked(alias, ceiling=ceiling) for ceiling in PAST_SHADOW] == [[], [], []]
    assert warnings(stack, ANY_METHOD) == []


@each_api
def test_where_any_method_comes_a_warning_says_who_answers_those_that_may_change_data(
    stack: cdk.Stack, alias: lambda_.Alias, sends: Sends
) -> None:
    sends(stack, alias, "ANY")
    assert checked(alias, ceiling=Stage.SHADOW) == []
    assert warnings(stack, ANY_METHOD) == []
    assert checked(alias, ceiling=Stage.LIVE) == []
    [warning] = warnings(stack, ANY_METHOD)
    assert "invoke Stack/Alias; control alone answers those that may change data" in warning


@each_api
@pytest.mark.parametrize("method", ["PUT", "ANY"])
def test_with_a_dataset_what_writes_may_go_as_far_as_one_likes(
    stack: cdk.Stack, alias: lambda_.Alias, sends: Sends, method: str
) -> None:
    sends(stack, alias, method)
    for ceiling in PAST_SHADOW:
        assert checked(alias, ceiling=ceiling, writes_need=TEN) == []
    assert warnings(stack, ANY_METHOD) == warnings(stack, WRITES_NOT_HELD) == []


@each_api
@pytest.mark.parametrize("method", ["PUT", "ANY"])
def test_of_a_timeout_in_which_no_write_can_be_held_a_warning_says_how_long_it_must_be(
    stack: cdk.Stack, alias: lambda_.Alias, sends: Sends, method: str
) -> None:
    sends(stack, alias, method)
    assert checked(alias, writes_need=TEN + timedelta(milliseconds=1)) == []
    [warning] = warnings(stack, WRITES_NOT_HELD)
    assert warning.startswith(f"{method} ")
    assert "ends after 10000 ms" in warning
    assert "10001 ms would have to pass; raise timeout=" in warning


def test_a_route_that_only_reads_its_dataset_holds_nothing(
    stack: cdk.Stack, alias: lambda_.Alias
) -> None:
    by_http_api(stack, alias, "GET")
    assert checked(alias, writes_need=2 * TEN) == []
    assert warnings(stack, WRITES_NOT_HELD) == []


def test_a_function_url_names_no_method(stack: cdk.Stack, alias: lambda_.Alias) -> None:
    alias.add_function_url()
    assert checked(alias, ceiling=Stage.LIVE) == []
    assert warnings(stack, ANY_METHOD) == []


def test_what_another_function_answers_is_left_alone(
    stack: cdk.Stack, alias: lambda_.Alias
) -> None:
    by_http_api(stack, alias, "GET")
    other = lambda_.Alias(stack, "Other", alias_name="other", version=alias.version)
    rest.RestApi(stack, "Others").root.add_method("PUT", rest.LambdaIntegration(other))
    assert checked(alias, ceiling=Stage.LIVE) == []


def test_a_service_refuses_by_its_own_ceiling(stack: cdk.Stack, lambdas: Path) -> None:
    by_http_api(stack, service(stack, lambdas, ceiling=Stage.LIVE).alias, "PUT")
    [error] = stack.node.find_child("Service").node.validate()
    assert error.startswith("PUT /a may change data: control alone answers it")
