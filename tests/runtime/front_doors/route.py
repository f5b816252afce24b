"""A migrated handler with its candidate, between services played on this machine."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import shadow_runtime.migrating as decorator
from shadow_runtime import shadow, tee
from shadow_runtime.candidate import candidate
from shadow_runtime.contract import Position, Variable
from shadow_runtime.migrating import migrating
from shadow_runtime.respond import RouteRuntime
from shadow_runtime.settings import settings
from shadow_runtime.tee import Tee
from tests.runtime.front_doors.doors import ACCOUNT
from tests.runtime.played import Received, Reply, Service, error, serving
from tests.runtime.played_appconfig import AppConfig

Handler = Callable[[Any, Any], Any]

SETTINGS = {
    Variable.ROUTE: "get-cart",
    Variable.CEILING: "complete",
    Variable.FLAG_APPLICATION: "a1b2c3d",
    Variable.FLAG_ENVIRONMENT: "e1f2g3h",
    Variable.FLAG_PROFILE: "p1q2r3s",
    Variable.CANDIDATE: "candidate",
    Variable.CANDIDATE_DEADLINE_MS: "2000",
    Variable.SHADOW: "shadow",
}

SHADOW = {
    Variable.ROUTE_PACKAGE: "tests.runtime.front_doors.cart",
    Variable.MASKING_KEY: "masking-key",
    Variable.FLAG_PROFILE: "",
}
"""What differs in the shadow's function."""


@dataclass(frozen=True)
class Context:
    """Lambda's context object, as far as handlers read it."""

    aws_request_id: str = "6f0a6f3e-6a2c-4a52-8d35-7a1d3c1f5d5e"
    function_name: str = "get-cart"
    function_version: str = "8"
    invoked_function_arn: str = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:get-cart:live"
    memory_limit_in_mb: str = "256"

    def get_remaining_time_in_millis(self) -> int:
        return 9_000


class Functions:
    """Lambda: runs the candidate's handler, and keeps the copies that the shadow would receive.

    `instead`, if there is one, says what it does in place of running the candidate.
    """

    def __init__(self, service: Service) -> None:
        self.url = service.url
        self.candidate: Handler = lambda event, context: None
        self.forget()
        service.script = self._invoke

    def forget(self) -> None:
        self.instead: Callable[[], Reply | None] | None = None
        self.takes_copies = True
        self.asked: list[Any] = []
        self.copies: list[Any] = []

    def always(self, reply: Reply | None) -> None:
        """Lets each call of the candidate end alike."""
        self.instead = lambda: reply

    def _invoke(self, received: Received) -> Reply | None:
        is_copy = received.headers.get("x-amz-invocation-type") == "Event"
        function = Variable.SHADOW if is_copy else Variable.CANDIDATE
        assert received.path == f"/2015-03-31/functions/{SETTINGS[function]}/invocations"
        (self.copies if is_copy else self.asked).append(received.json)
        if is_copy:
            return Reply(202) if self.takes_copies else error(429, "TooManyRequestsException")
        return self._run(received.json) if self.instead is None else self.instead()

    def _run(self, event: Any) -> Reply:
        try:
            with asyncio.Runner() as runner:
                runner.get_loop()  # as the main thread of a Lambda has one, which adapters use
                return Reply(body=json.dumps(self.candidate(event, Context())).encode())
        except Exception as raised:
            said = {"errorType": type(raised).__name__, "errorMessage": str(raised)}
            return Reply(200, json.dumps(said).encode(), {"x-amz-function-error": "Unhandled"})


@dataclass
class Aws:
    """What a route talks to, and the runtimes that were made so far.

    All routes whose flag stands alike share one, so that a few connections serve all tests.
    """

    functions: Functions
    flag: AppConfig
    environment: dict[str, str]
    _runtimes: dict[object, RouteRuntime] = field(default_factory=dict)
    _circuits_stay: bool = False

    def ask(
        self,
        control: Any,
        new: Any,
        event: Any,
        *,
        at: Position,
        context: Any,
        over: Callable[[Any], Handler] = lambda handler: handler,
        **options: Any,
    ) -> Any:
        """What the migrated `control` answers while the flag stands `at` a position.

        `over` is another decorator, which goes over ours.
        """
        self.flag.serve(at)
        self.functions.candidate = over(candidate(new))
        runtime = self._runtime(at)
        if not self._circuits_stay:
            assert isinstance(runtime.tee, Tee)
            for circuit_breaker in (runtime.circuit_breaker, runtime.tee._circuit_breaker):
                circuit_breaker.record(ok=True)
        with patch.object(decorator, "_runtime", lambda: runtime):
            migrated = over(migrating(**options)(control))
        with patch.object(tee, "PATIENCE", 10.0):  # a busy machine loses no copy
            return migrated(event, context)

    def _runtime(self, at: Position) -> RouteRuntime:
        key = (at, settings())
        if key not in self._runtimes:
            made = decorator._runtime()
            assert made is not None
            self._runtimes[key] = made
        return self._runtimes[key]

    @contextmanager
    def circuits_stay(self) -> Iterator[None]:
        """Lets what befell earlier requests keep later ones from the candidate."""
        self._circuits_stay = True
        yield
        self._circuits_stay = False

    def compare(self, copy: Any) -> None:
        """Hands a copy to the shadow, whose function has no flag."""
        with patch.dict(os.environ, SHADOW):
            settings.cache_clear()
            shadow.handler(copy, Context())
        settings.cache_clear()


@contextmanager
def playing() -> Iterator[Aws]:
    with serving() as of_lambda, serving() as of_appconfig, serving() as of_secrets:
        of_secrets.always(Reply(body=b'{"SecretString": "key"}'))
        endpoints = {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": of_secrets.url,
            "AWS_ENDPOINT_URL_LAMBDA": of_lambda.url,
            "AWS_ENDPOINT_URL_APPCONFIGDATA": of_appconfig.url,
        }
        environment = {**{name.value: text for name, text in SETTINGS.items()}, **endpoints}
        yield Aws(Functions(of_lambda), AppConfig(of_appconfig), environment)
