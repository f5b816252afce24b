"""What invokes a route and is no front door is named when the app is synthesized."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

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

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic
from shadow_canary.integrations import UNSERVED_INTEGRATION, ServedIntegrations

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


def warnings(stack: cdk.Stack) -> list[str]:
    found = (entry for node in stack.node.find_all() for entry in node.node.metadata)
    return [str(entry.data) for entry in found if UNSERVED_INTEGRATION in str(entry.data)]


@pytest.mark.parametrize(("what", "connect"), UNSERVED.items(), ids=UNSERVED)
def test_what_a_route_cannot_serve_is_named(
    stack: cdk.Stack, alias: lambda_.Alias, what: str, connect: Connect
) -> None:
    connect(stack, alias)
    assert ServedIntegrations(alias, timeout=TIMEOUT).validate() == []
    [warning] = warnings(stack)
    assert warning.startswith(f"{what} invokes Stack/Alias, which refuses its events")


@pytest.mark.parametrize("connect", SERVED.values(), ids=SERVED)
def test_front_doors_are_left_alone(
    stack: cdk.Stack, alias: lambda_.Alias, connect: Connect
) -> None:
    connect(stack, alias)
    assert ServedIntegrations(alias, timeout=TIMEOUT).validate() == []
    assert warnings(stack) == []


def test_a_service_looks_at_its_own_alias(stack: cdk.Stack, lambdas: Path) -> None:
    service = ShadowCanaryService(
        stack,
        "Service",
        route="get-user",
        code=RouteCode(lambdas / "routes/orders", root=lambdas),
        launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
        ceiling=Stage.OFF,
        expected_traffic=Traffic.per_day(1_000_000, users=50_000),
    )
    topic(stack, service.alias)
    assert service.node.validate() == []
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
        return ServedIntegrations(alias, timeout=cdk.Duration.seconds(seconds)).validate()

    assert refused(seconds) == []
    errors = refused(seconds + 1)
    assert errors
    assert f"waits {seconds}000 ms for Stack/Alias, whose timeout is {seconds + 1}000" in errors[0]


def test_a_front_door_may_wait_as_long_as_it_was_told(
    stack: cdk.Stack, alias: lambda_.Alias
) -> None:
    shorter = rest.LambdaIntegration(alias, timeout=cdk.Duration.seconds(5))
    rest.RestApi(stack, "Api").root.add_method("GET", shorter)
    seconds = [
        ServedIntegrations(alias, timeout=cdk.Duration.seconds(n)).validate() for n in (5, 6)
    ]
    assert [len(errors) for errors in seconds] == [0, 1]
