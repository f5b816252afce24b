"""Whatever a client writes into a request, we raise nothing, answer no 5xx and log none of it."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_runtime import shadow
from shadow_runtime.candidate_call import Outcome
from shadow_runtime.contract import Stage
from shadow_runtime.copies import Copy
from shadow_runtime.database import can_hold
from shadow_runtime.http import Request, Response
from shadow_runtime.user import User, authorizer, claim, cookie, header, iam_user, per_request
from tests.hostile import TEXTS, TWINS
from tests.runtime.routes import Route, counted
from tests.runtime.shadowed import played_route
from tests.strategies import any_text

PLANTED = "planted-51c0ffee"
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
STAGES = [Stage.OFF, Stage.SHADOW, Stage.canary(percent=50), Stage.LIVE, Stage.COMPLETE]
USERS: list[User] = [
    claim("sub"),
    header("x-shadow-canary"),
    cookie("a"),
    authorizer("userId"),
    iam_user(),
    per_request,
]

_texts = st.sampled_from([*TEXTS.values(), *TWINS.values()]) | any_text
_values = _texts | st.sampled_from(["candidate", "control", ROOT, "a=b; c=d", "=;=;;", ",,"])
_names = _texts | st.sampled_from(
    ["Cookie", "cookie", "authorization", "x-shadow-canary", "X-Shadow-Canary", "shadowCanary"]
)
_single = st.dictionaries(_names, _values, max_size=4)
_multi = st.dictionaries(_names, st.lists(_values, max_size=3), max_size=4)
_methods = st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "get", "BREW", ""])
_bodies: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({"body": None, "isBase64Encoded": False}),
    _texts.map(lambda body: {"body": body, "isBase64Encoded": False}),
    st.binary(max_size=30).map(
        lambda body: {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    ),
)
_claims = st.dictionaries(st.sampled_from(["sub", "email", "shadowCanary"]), _texts, max_size=3)
_scalars = st.none() | _texts | st.integers() | st.booleans() | st.floats(allow_nan=False)
_context = st.dictionaries(st.sampled_from(["userId", "token"]) | _texts, _scalars, max_size=3)
_authorizers = st.one_of(
    st.none(),
    st.just({}),
    _context,
    _claims.map(lambda claims: {"claims": claims}),
    _claims.map(lambda claims: {"jwt": {"claims": claims, "scopes": None}}),
    _context.map(lambda context: {"lambda": context}),
    st.just({"lambda": None}),
    _texts.map(lambda arn: {"iam": {"userArn": arn}}),
)


def _http_api(method: str, path: str, authorizer: Any, rest: Any, body: Any) -> dict[str, Any]:
    context = {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}, "requestId": "1"}
    if authorizer is not None:
        context["authorizer"] = authorizer
    return {"version": "2.0", "rawPath": path, "requestContext": context, **rest, **body}


def _rest_api(method: str, path: str, authorizer: Any, rest: Any, body: Any) -> dict[str, Any]:
    identity = {"sourceIp": "192.0.2.1", "userArn": None}
    context = {"requestId": "1", "identity": identity, "authorizer": authorizer}
    return {"httpMethod": method, "path": path, "requestContext": context, **rest, **body}


def _load_balancer(method: str, path: str, rest: Any, body: Any) -> dict[str, Any]:
    context = {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:…"}}
    return {"httpMethod": method, "path": path, "requestContext": context, **rest, **body}


def _optional(**members: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


events = st.one_of(
    st.builds(
        _http_api,
        _methods,
        _texts,
        _authorizers,
        _optional(
            rawQueryString=_texts,
            headers=_single,
            cookies=st.lists(_values, max_size=3),
            queryStringParameters=_single,
            pathParameters=_single,
            routeKey=_texts,
        ),
        _bodies,
    ),
    st.builds(
        _rest_api,
        _methods,
        _texts,
        _authorizers,
        _optional(
            version=st.just("1.0"),
            headers=st.none() | _single,
            multiValueHeaders=st.none() | _multi,
            queryStringParameters=st.none() | _single,
            multiValueQueryStringParameters=st.none() | _multi,
            pathParameters=st.none() | _single,
        ),
        _bodies,
    ),
    st.builds(
        _load_balancer,
        _methods,
        _texts,
        _optional(headers=_single, queryStringParameters=_single)
        | _optional(multiValueHeaders=_multi, multiValueQueryStringParameters=_multi),
        _bodies,
    ),
)
"""As the front doors write them, JSON and all, about requests of anybody's."""


def told(request: Request) -> Response:
    """All that a handler can see."""
    seen = [request.user, request.path, request.query, request.parameters, request.cookies]
    return Response.json([*seen, dict(request.headers), dict(request.claims), str(request.body)])


@given(events, st.sampled_from(STAGES), st.sampled_from(USERS), st.sampled_from(Outcome))
@settings(max_examples=300)
def test_no_event_of_a_front_door_makes_us_raise_or_fail(
    event: dict[str, Any], stage: Stage, user: User, outcome: Outcome
) -> None:
    route = Route(stage, told, outcome=outcome, declared={"user": user})
    payload = route.ask(json.loads(json.dumps(event)))
    is_bare = stage == Stage.COMPLETE and outcome is not Outcome.ANSWERED  # no control to stand in
    assert int(payload["statusCode"]) == 200 or (is_bare and route.candidate.asked)
    for copy in route.tee.sent:
        assert Copy.from_payload(json.loads(copy.payload())).user == copy.user


@pytest.mark.usefixtures(played_route.__name__)
@given(event=events, stage=st.sampled_from(STAGES), user=st.sampled_from(USERS))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_copy_of_any_request_has_one_end(
    capfd: pytest.CaptureFixture[str],
    event: dict[str, Any],
    stage: Stage,
    user: User,
) -> None:
    route = Route(stage, told, declared={"user": user})
    route.ask(json.loads(json.dumps(event)))
    for copy in route.tee.sent:
        capfd.readouterr()
        shadow._deduplicator._seen.clear()
        shadow.handler(json.loads(copy.payload()), None)
        ends = counted(capfd)
        assert ends.get("Compared", 0) + ends.get("CopiesDropped", 0) == 1


def planted_in(door: str) -> dict[str, Any]:
    """An event that has it wherever a client may write."""
    rest: dict[str, Any] = {
        "headers": {"x-name": PLANTED, PLANTED: "1", "cookie": f"{PLANTED}={PLANTED}"},
        "pathParameters": {"id": PLANTED},
        "queryStringParameters": {PLANTED: PLANTED, "access_token": PLANTED},
    }
    body, path = {"body": PLANTED, "isBase64Encoded": False}, f"/users/{PLANTED}"
    context = {"jwt": {"claims": {"sub": PLANTED, PLANTED: PLANTED}, "scopes": None}}
    match door:
        case "HTTP API":
            return _http_api("GET", path, context, rest | {"rawQueryString": PLANTED}, body)
        case "REST API":
            return _rest_api("GET", path, context["jwt"], rest, body)
    return _load_balancer("GET", path, rest, body)


def careless(request: Request) -> Response:
    raise ValueError(request.user, request.path, request.body, request.headers)


@pytest.mark.parametrize("door", ["HTTP API", "REST API", "load balancer"])
@pytest.mark.parametrize("stage", STAGES, ids=str)
@pytest.mark.parametrize("control", [told, careless])
def test_nothing_that_a_client_wrote_is_in_the_log(
    capfd: pytest.CaptureFixture[str], door: str, stage: Stage, control: Any
) -> None:
    outcome = Outcome.FAULT if control is careless else Outcome.ANSWERED
    declared = {"user": header("x-name")}
    Route(stage, control, outcome=outcome, declared=declared).ask(planted_in(door))
    written = capfd.readouterr()
    assert '"Requests"' in written.out
    assert PLANTED not in written.out + written.err


@given(any_text)
def test_what_postgresql_can_hold_is_text_without_nul_that_has_utf_8(text: str) -> None:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        encoded = b"\0"
    assert can_hold(text) is (b"\0" not in encoded)
