"""Other people's decorators go under `@migrating`, and over it: a client sees no change."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.middleware_factory import lambda_handler_decorator
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2, event_source
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventV2Model

from tests.runtime.front_doors.answers import Received, received
from tests.runtime.front_doors.events import SAMPLES
from tests.runtime.front_doors.route import Aws, Context
from tests.runtime.front_doors.stages import STAGES, WITH_A_STAND_IN
from tests.runtime.played import error

Decorator = Callable[[Any], Any]

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
"""The candidate of these tests flushes the metrics of the same process."""

SAMPLE = SAMPLES["HTTP API: cookies"]

logger = Logger(service="shop")
metrics = Metrics(namespace="Shop", service="shop")


def handler(event: Any, context: Any) -> Any:
    metrics.add_metric("Asked", MetricUnit.Count, 1)
    return {"statusCode": 200, "cookies": ["seen=1"], "body": event["rawPath"]}


def handler_of_a_model(event: Any, context: Any) -> Any:
    metrics.add_metric("Asked", MetricUnit.Count, 1)
    return {"statusCode": 200, "cookies": ["seen=1"], "body": event.rawPath}


def adding(inner: Any) -> Any:
    """A decorator that puts something of its own into the event, and a header into the answer."""

    @functools.wraps(inner)
    def wrapper(event: Any, context: Any) -> Any:
        answer = inner({**event, "tenant": "engines"}, context)
        return {**answer, "headers": {"x-tenant": "engines"}}

    return wrapper


@lambda_handler_decorator
def middleware(inner: Any, event: Any, context: Any) -> Any:
    return inner(event, context)


OVER: dict[str, Decorator] = {
    "inject_lambda_context": logger.inject_lambda_context(log_event=True),
    "log_metrics": metrics.log_metrics,
    "event_source": event_source(data_class=APIGatewayProxyEventV2),
    "a middleware": middleware,
    "one of the team's own": adding,
}
UNDER: dict[str, tuple[Decorator, Any]] = {
    **{name: (decorator, handler) for name, decorator in OVER.items()},
    "event_parser": (event_parser(model=APIGatewayProxyEventV2Model), handler_of_a_model),
}


@pytest.mark.parametrize("decorator", OVER.values(), ids=OVER)
def test_a_decorator_goes_over_it(aws: Aws, decorator: Decorator) -> None:
    alone = received(SAMPLE.door, decorator(handler)(SAMPLE.event, Context()))
    for stage in STAGES:
        assert ask(aws, handler, stage, over=decorator) == alone, stage
    aws.functions.always(error(429, "TooManyRequestsException"))
    for stage in WITH_A_STAND_IN:
        assert ask(aws, handler, stage, over=decorator) == alone, stage


@pytest.mark.parametrize(("decorator", "inner"), UNDER.values(), ids=UNDER)
def test_a_decorator_goes_under_it(aws: Aws, decorator: Decorator, inner: Any) -> None:
    decorated = decorator(inner)
    alone = received(SAMPLE.door, decorated(SAMPLE.event, Context()))
    for stage in STAGES:
        assert ask(aws, decorated, stage) == alone, stage
    aws.functions.always(error(429, "TooManyRequestsException"))
    for stage in WITH_A_STAND_IN:
        assert ask(aws, decorated, stage) == alone, stage


@pytest.mark.parametrize("decorator", OVER.values(), ids=OVER)
def test_a_copy_of_what_was_decorated_is_sent(aws: Aws, decorator: Decorator) -> None:
    ask(aws, handler, "shadow", over=decorator)
    assert len(aws.functions.copies) == 1


def ask(aws: Aws, side: Any, stage: str, **options: Any) -> Received:
    """What a client receives of a route of which both sides are decorated alike."""
    position = STAGES[stage](SAMPLE.key)
    answer = aws.ask(side, side, SAMPLE.event, at=position, context=Context(), **options)
    return received(SAMPLE.door, answer)
