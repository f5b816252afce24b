"""The decorator that puts the machinery between control and its users."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, overload

import boto3
from botocore.config import Config

from shadow_runtime.answering import Side
from shadow_runtime.candidate_call import CandidateCall
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import MetricName, Stage
from shadow_runtime.exchange import Exchange, Machinery
from shadow_runtime.flag import FlagReader
from shadow_runtime.http import Request, Response
from shadow_runtime.settings import settings
from shadow_runtime.tee import Tee
from shadow_runtime.telemetry import Measurements


class LambdaContext(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


class Migration:
    """A Lambda handler around the old code; `answer` is that code itself.

    `repeatable` says that control may run a second time on a copy, to tell its own noise from
    mismatches.

    Example:
        >>> @migrating
        ... def handler(request: Request) -> Response:
        ...     return Response.json({"id": request.user})
        >>> handler.answer(Request(method="GET", path="/", user="ada")).status
        200
    """

    def __init__(self, answer: Side, machinery: Machinery | None, *, repeatable: bool) -> None:
        self.answer = answer
        self.repeatable = repeatable
        self._machinery = machinery

    def __call__(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answers the HTTP API's `event`, and counts what happened.

        Raises:
            RuntimeError: this function was not made by ShadowCanaryService.
        """
        if self._machinery is None:
            raise RuntimeError("this handler runs in a function that ShadowCanaryService makes")
        request = Request.from_event(event)
        if not request.user:  # before any data is read
            return Response.error(401, "Unauthorized").payload()
        measurements = Measurements(request_id=request.id, trace=request.trace)
        remaining_ms = context.get_remaining_time_in_millis()
        exchange = Exchange(self._machinery, self.answer, request, remaining_ms, measurements)
        response = exchange.respond()
        if response.is_fault:
            measurements.add(MetricName.FAULTS, version=settings().version)
        measurements.flush()
        return response.payload()


@overload
def migrating(answer: Side) -> Migration: ...
@overload
def migrating(*, repeatable: bool) -> Callable[[Side], Migration]: ...
def migrating(
    answer: Side | None = None, *, repeatable: bool = False
) -> Migration | Callable[[Side], Migration]:
    """Makes the old code of a route the handler of the route function.

    As `@migrating`, or as `@migrating(repeatable=True)` where running control twice does no harm.
    """
    machinery = _machinery() if settings().flag_profile else None
    if answer is not None:
        return Migration(answer, machinery, repeatable=False)
    return lambda answer: Migration(answer, machinery, repeatable=repeatable)


def _machinery() -> Machinery:
    flag = boto3.client(
        "appconfigdata",
        config=Config(connect_timeout=0.2, read_timeout=0.5, retries={"total_max_attempts": 1}),
    )
    return Machinery(
        flag=FlagReader(
            flag,
            application=settings().flag_application,
            environment=settings().flag_environment,
            profile=settings().flag_profile,
        ),
        ceiling=Stage.parse(settings().ceiling),
        candidate=CandidateCall(
            settings().candidate,
            deadline_ms=int(settings().candidate_deadline_ms),
        ),
        breaker=CircuitBreaker(),
        tee=Tee(settings().shadow),
    )
