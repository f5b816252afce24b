"""For the tests of a route: both sides keep what its consumers rely on, and the rules see to it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shadow_runtime.candidate import Candidate
from shadow_runtime.compare import EXACT, Rules
from shadow_runtime.contract import Variant
from shadow_runtime.handlers import Handler, find, hearing
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.user import User, claim, key_of
from shadowctl.pacts.events import http_api
from shadowctl.pacts.excused import excused
from shadowctl.pacts.files import Interaction, PactError, interactions
from shadowctl.pacts.provider import Overdue, Provider, RouteKey, within
from shadowctl.pacts.verifier import verify
from shadowctl.sides import asking

State = Callable[..., Any]
"""Makes a state, with the state's parameters by name.

It may return a context manager, which is left after the interaction; and, itself or from there, a
mapping: what the pact takes from the state.
"""

Event = Callable[[Request], dict[str, Any]]
"""Makes an event, as the route's front door sends it, of a request."""


def assert_pacts_kept(
    control: Handler,
    candidate: Handler,
    pacts: str | Path,
    *,
    answers: str | Sequence[str],
    states: Mapping[str, State] | None = None,
    event: Event = http_api,
    rules: Rules | None = None,
    timeout_s: float = 10,
) -> None:
    """Asserts that both sides keep every pact, and that no rule excuses what one requires.

    Pact's verifier asks a server on 127.0.0.1, which makes events of its requests for the handlers.
    States and handlers run in the thread of the test, and are ended when their time is up, as long
    as that is the main thread.

    Args:
        control: the old code, as a function of either form or as the handler in `control.py`.
        candidate: the new code, as a function of either form or as the handler in `candidate.py`.
        pacts: a pact file of version 1 to 4, or a folder of them.
        answers: the route keys, such as `GET /orders/{id}`.
        states: what makes each state of the pacts, by its name - they need none.
        event: makes an event of a request - an HTTP API's, see `shadowctl.pacts.events`.
        rules: which differences are none - those of the candidate's handler.
        timeout_s: how long a state, or a handler, may take.

    Raises:
        AssertionError: a side breaks a pact, or a rule excuses what one requires; in words.
        PactError: a file is no pact, or asks what the route does not answer; nobody makes a state,
            or it failed.

    Example:
        >>> assert_pacts_kept(
        ...     control.handler, candidate.handler, "lambdas/routes/get_order/pacts",
        ...     answers="GET /orders/{id}", states={"an order": lambda id: orders.add(id)},
        ... )  # doctest: +SKIP
    """
    __tracebackhide__ = True
    keys = [RouteKey.of(key) for key in ([answers] if isinstance(answers, str) else answers)]
    asked = interactions(Path(pacts))
    made = states or {}
    for each in asked:
        _check(each, keys, made)
    decorated, migration = find(Candidate, candidate), find(Migration, control)
    compared = rules or (decorated.rules if decorated else EXACT)
    user = migration.user if migration else claim("sub")
    objections = list[str]()
    with hearing() as raised, Provider(keys) as provider:
        for side, handler in ((Variant.CONTROL, control), (Variant.CANDIDATE, candidate)):
            played = _Side(handler, user, event, timeout_s)
            for each in asked:
                broken = _verified(each, played, provider, made, timeout_s)
                objections += _told(f"{side} breaks {each}", broken)
    for each in asked:
        found = excused(each, compared, timeout_s=timeout_s)
        objections += _told(f"the rules excuse what {each} requires", [*found])
    if objections:
        raise AssertionError("\n".join(objections)) from (raised[0] if raised else None)


def _told(what: str, lines: list[str]) -> list[str]:
    return [what, *(f"    {line}" for line in lines)] if lines else []


def _check(asked: Interaction, keys: list[RouteKey], states: Mapping[str, State]) -> None:
    """Nothing is asked of anybody that cannot be had; raises PactError."""
    if all(key.parameters(asked.method, asked.path) is None for key in keys):
        raise PactError(
            f"{asked} asks {asked.method} {asked.path}, and the route answers "
            f"{', '.join(key.text for key in keys)}: it belongs to another route, or give its key "
            "in answers="
        )
    for name, parameters in asked.states:
        if name not in states:
            raise PactError(
                f"{asked} needs the state {name!r}, which nobody makes; give states={{{name!r}: …}}"
                f", a function of {', '.join(parameters) or 'nothing'}"
            )
        try:
            inspect.signature(states[name]).bind(**parameters)
        except TypeError as error:
            raise PactError(
                f"{asked} needs the state {name!r} with the parameters {dict(parameters)}, and "
                f"what makes it does not take them: {error}"
            ) from error


class _Side:
    """Answers requests with a handler; `overdue` after one that did not answer in time."""

    def __init__(self, handler: Handler, user: User, event: Event, timeout_s: float) -> None:
        self._ask = asking(handler)
        self._user = user
        self._event = event
        self._timeout_s = timeout_s
        self.overdue = False

    def __call__(self, request: Request) -> Response:
        event = self._event(request)
        try:
            with within(self._timeout_s):
                return self._ask(event, key_of(self._user, event))
        except Overdue:
            self.overdue = True
            return Response.error(504, "Gateway Timeout")


def _verified(
    asked: Interaction,
    side: _Side,
    provider: Provider,
    states: Mapping[str, State],
    timeout_s: float,
) -> list[str]:
    """What the side breaks of an interaction, in its states."""
    side.overdue = False
    with ExitStack() as left:
        provider.given = {
            name: _made(asked, name, states[name], parameters, left, timeout_s)
            for name, parameters in asked.states
        }
        broken = provider.serve(
            side,
            lambda: verify(
                asked.document, provider.url, provider.states_url, timeout_s=2 * timeout_s
            ),
        )
    late = [f"no answer within {timeout_s:g} s"] if side.overdue else []
    return [*late, *(line for lines in broken.values() for line in lines)]


def _made(
    asked: Interaction,
    name: str,
    make: State,
    parameters: Mapping[str, Any],
    left: ExitStack,
    timeout_s: float,
) -> Mapping[str, Any]:
    """What a state gives, once it is there."""
    try:
        with within(timeout_s):
            given = make(**parameters)
            if hasattr(given, "__enter__"):
                given = left.enter_context(given)
    except Overdue as error:
        raise PactError(
            f"the state {name!r} of {asked} was not there within {timeout_s:g} s; see what it "
            "waits for, or give timeout_s="
        ) from error
    except Exception as error:
        raise PactError(
            f"the state {name!r} of {asked} could not be made: {type(error).__name__}: {error}"
        ) from error
    return given if isinstance(given, Mapping) else {}
