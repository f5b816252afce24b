"""Who answers a user, and what is never let through to one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.candidate_call import Answer, Outcome
from shadow_runtime.circuit_breaker import CircuitBreaker
from shadow_runtime.contract import Position, Stage, Variant
from shadow_runtime.exchange import Exchange, Machinery
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration
from shadow_runtime.tee import Copy
from shadow_runtime.telemetry import Measurements

CONTROL = Response.json({"from": "control"})
CANDIDATE = Response.json({"from": "candidate"})
REQUEST = Request(method="GET", path="/users/me", user="ada", id="1")
FAILED = [outcome for outcome in Outcome if outcome is not Outcome.ANSWERED]


class Flag:
    """A flag that stands where it is put."""

    age = 0.0

    def __init__(self, position: Position) -> None:
        self.position = position

    def read(self) -> Position:
        return self.position


class Candidate:
    """A candidate that meets every request in one way, and counts them."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.asked = 0

    def ask(self, request: Request, *, remaining_ms: int) -> Answer:
        self.asked += 1
        good = self.outcome is Outcome.ANSWERED
        return Answer(self.outcome, CANDIDATE if good else Response.error(500, "broken"))


class Tee:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.sent: list[Copy] = []

    def send(self, copy: Copy, _: object) -> None:
        self.sent.append(copy)

    @property
    def answers(self) -> list[tuple[Variant, Response]]:
        return [(copy.variant, copy.response) for copy in self.sent]


class Route:
    """The machinery around a control, with every other part in the test's hand."""

    def __init__(
        self,
        stage: Stage,
        *,
        outcome: Outcome = Outcome.ANSWERED,
        ceiling: Stage = Stage.COMPLETE,
        **position: Any,
    ) -> None:
        self.candidate = Candidate(outcome)
        self.tee = Tee()
        self.machinery = Machinery(
            flag=Flag(Position(stage, **position)),  # type: ignore[arg-type]
            ceiling=ceiling,
            candidate=self.candidate,  # type: ignore[arg-type]
            breaker=CircuitBreaker(clock=lambda: 0.0),
            tee=self.tee,  # type: ignore[arg-type]
        )

    def ask(self, request: Request = REQUEST) -> Response:
        measurements = Measurements()
        return Exchange(self.machinery, lambda _: CONTROL, request, 9_000, measurements).respond()


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
def test_up_to_shadow_control_answers_everyone(stage: Stage) -> None:
    route = Route(stage)
    assert route.ask() == CONTROL
    assert route.candidate.asked == 0


@pytest.mark.parametrize("stage", [Stage.canary(percent=100), Stage.LIVE, Stage.COMPLETE])
def test_the_candidate_answers_its_users(stage: Stage) -> None:
    assert Route(stage).ask() == CANDIDATE


@pytest.mark.parametrize("outcome", FAILED)
@pytest.mark.parametrize("stage", [Stage.canary(percent=100), Stage.LIVE])
def test_whatever_befalls_the_candidate_control_answers(stage: Stage, outcome: Outcome) -> None:
    assert Route(stage, outcome=outcome).ask() == CONTROL


def test_at_complete_there_is_no_control_to_fall_back_on() -> None:
    assert Route(Stage.COMPLETE, outcome=Outcome.FAULT).ask().status == 502


@given(st.sampled_from([Stage.OFF, Stage.SHADOW, Stage.canary(percent=5), Stage.LIVE]))
def test_no_flag_passes_the_ceiling(ceiling: Stage) -> None:
    held = Route(Stage.COMPLETE, ceiling=ceiling)
    low = Route(ceiling)
    assert held.ask() == low.ask()
    assert held.candidate.asked == low.candidate.asked


def test_a_copy_goes_out_in_shadow_canary_and_live_and_says_who_answered() -> None:
    sent = {stage: Route(stage) for stage in (Stage.SHADOW, Stage.canary(percent=1), Stage.LIVE)}
    for route in sent.values():
        route.ask()
    assert sent[Stage.SHADOW].tee.answers == [(Variant.CONTROL, CONTROL)]
    assert sent[Stage.canary(percent=1)].tee.answers == [(Variant.CONTROL, CONTROL)]
    assert sent[Stage.LIVE].tee.answers == [(Variant.CANDIDATE, CANDIDATE)]


def test_a_copy_says_whether_the_candidate_may_answer_users_at_that_stage() -> None:
    for stage, exposed in ((Stage.SHADOW, False), (Stage.canary(percent=1), True)):
        route = Route(stage)
        route.ask()
        assert [copy.exposed for copy in route.tee.sent] == [exposed]
    held = Route(Stage.LIVE, ceiling=Stage.SHADOW)
    held.ask()
    assert [copy.exposed for copy in held.tee.sent] == [False]


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.COMPLETE])
def test_no_copy_goes_out_at_off_and_at_complete(stage: Stage) -> None:
    route = Route(stage)
    route.ask()
    assert route.tee.sent == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_may_change_something_is_not_copied(method: str) -> None:
    route = Route(Stage.SHADOW)
    route.ask(Request(method=method, path="/users/me", user="ada", id="1"))
    assert route.tee.sent == []


def test_what_control_answers_wrong_is_copied_too() -> None:
    route = Route(Stage.SHADOW)

    def broken(_: Request) -> Response:
        raise ZeroDivisionError

    response = Exchange(route.machinery, broken, REQUEST, 9_000, Measurements()).respond()
    assert response.status == 500
    assert route.tee.answers == [(Variant.CONTROL, response)]


def test_the_shadows_share_is_drawn_by_request_not_by_user() -> None:
    route = Route(Stage.SHADOW, shadow_percent=20.0)
    for number in range(1_000):
        route.ask(Request(method="GET", path="/", user="ada", id=str(number)))
    assert 150 < len(route.tee.sent) < 250


def test_a_dead_candidate_is_asked_five_times_and_then_left_alone() -> None:
    route = Route(Stage.LIVE, outcome=Outcome.TIMEOUT)
    assert {route.ask().body for _ in range(50)} == {CONTROL.body}
    assert route.candidate.asked == 5


def test_without_a_user_the_answer_is_401_before_any_data_is_read() -> None:
    read = []
    migration = Migration(
        lambda request: read.append(request) or CONTROL,  # type: ignore[func-returns-value]
        Route(Stage.OFF).machinery,
        repeatable=False,
    )
    event = {"requestContext": {"http": {"method": "GET"}, "requestId": "1"}, "rawPath": "/"}

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 9_000

    assert migration(event, Context())["statusCode"] == 401
    assert read == []


def test_what_a_user_saw_as_a_fault_is_counted_by_version(
    capfd: pytest.CaptureFixture[str],
) -> None:
    migration = Migration(
        lambda _: Response.error(503, "down"), Route(Stage.OFF).machinery, repeatable=False
    )
    claims = {"jwt": {"claims": {"sub": "ada"}}}
    event = {
        "requestContext": {"http": {"method": "GET"}, "requestId": "1", "authorizer": claims},
        "rawPath": "/",
    }

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 9_000

    assert migration(event, Context())["statusCode"] == 503
    documents = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [d["Faults"] for d in documents if "Version" in d] == [[1.0]]


def test_the_stage_that_acts_and_its_share_of_users_are_measured(
    capfd: pytest.CaptureFixture[str],
) -> None:
    measurements = Measurements()
    route = Route(Stage.LIVE, ceiling=Stage.canary(percent=5))
    Exchange(route.machinery, lambda _: CONTROL, REQUEST, 9_000, measurements).respond()
    measurements.flush()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    [gauges] = [line for line in lines if "Stage" in line]
    assert (gauges["Stage"], gauges["CandidatePercent"]) == ([2.0], [5.0])


def test_an_answer_that_control_gave_for_the_candidate_counts_against_the_routes_version(
    capfd: pytest.CaptureFixture[str],
) -> None:
    measurements = Measurements()
    route = Route(Stage.LIVE, outcome=Outcome.FAULT)
    Exchange(route.machinery, lambda _: CONTROL, REQUEST, 9_000, measurements).respond()
    measurements.flush()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    fell = [line["_aws"]["CloudWatchMetrics"] for line in lines if "Fallbacks" in line]
    assert [named["Dimensions"] for [named] in fell] == [[["Route"]], [["Route", "Version"]]]
