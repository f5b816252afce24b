"""Who answers a user, what is never let through to one, and what is counted of it."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.candidate_call import Outcome
from shadow_runtime.contract import Stage, Variable, Variant
from shadow_runtime.front_doors import UnsupportedEventError
from shadow_runtime.handlers import MARK
from shadow_runtime.user import header, per_request
from tests.runtime.routes import CANDIDATE, CONTROL, DEADLINE_MS, Context, Route, counted, event_of
from tests.runtime.routes import typed as typed_control

FAILED = [outcome for outcome in Outcome if outcome is not Outcome.ANSWERED]
ON_CANDIDATE = [Stage.canary(percent=100), Stage.LIVE]
VERSION = " Version=$LATEST"


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
def test_up_to_shadow_control_answers_everyone(stage: Stage) -> None:
    route = Route(stage)
    assert route.ask() is CONTROL
    assert route.candidate.asked == []


@pytest.mark.parametrize("stage", [*ON_CANDIDATE, Stage.COMPLETE])
def test_the_candidate_answers_its_users(stage: Stage) -> None:
    assert Route(stage).ask() == CANDIDATE


@pytest.mark.parametrize("outcome", FAILED)
@pytest.mark.parametrize("stage", ON_CANDIDATE)
def test_whatever_befalls_the_candidate_control_answers(stage: Stage, outcome: Outcome) -> None:
    assert Route(stage, outcome=outcome).ask() is CONTROL


UNSEEN: dict[str, Any] = {
    "a fault": {"statusCode": 500, "body": ""},
    "what the front door refuses": {"statusCode": 200, "headers": {"x-a": ["a", "b"]}},
    "no text": {"statusCode": 200, "body": {"id": "ada"}},
    "no status": {"statusCode": None},
}


@pytest.mark.parametrize("payload", UNSEEN.values(), ids=UNSEEN)
def test_an_answer_that_no_user_may_see_is_not_seen(
    payload: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert Route(Stage.LIVE, payload=payload).ask() is CONTROL
    assert counted(capfd)["Faults Variant=candidate"] == 1


def test_a_candidates_good_answer_goes_out_as_it_came() -> None:
    odd = {"statusCode": "200", "headers": {"X-A": True, "X-B": None}, "took": 3}
    assert Route(Stage.LIVE, payload=odd).ask() == odd


def test_at_complete_there_is_no_control_to_fall_back_on() -> None:
    assert Route(Stage.COMPLETE, outcome=Outcome.TIMEOUT).ask()["statusCode"] == 502
    busy = {"statusCode": 503, "headers": {"retry-after": "5"}, "body": "later"}
    assert Route(Stage.COMPLETE, payload=busy).ask() == busy


@given(st.sampled_from([Stage.OFF, Stage.SHADOW, Stage.canary(percent=5), Stage.LIVE]))
def test_no_flag_passes_the_ceiling(ceiling: Stage) -> None:
    held = Route(Stage.COMPLETE, ceiling=ceiling)
    low = Route(ceiling)
    assert held.ask() == low.ask()
    assert held.candidate.asked == low.candidate.asked


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW, *ON_CANDIDATE])
def test_who_has_no_key_is_answered_by_control_and_counted(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    assert Route(stage).ask(user="") is CONTROL
    assert counted(capfd)["Unkeyed"] == 1


def test_the_user_is_whom_the_route_names() -> None:
    by_tenant = Route(Stage.LIVE, declared={"user": header("x-tenant")})
    by_tenant.ask(headers={"x-tenant": "acme"})
    assert [asked[MARK] for asked in by_tenant.candidate.asked] == [{"user": "acme"}]


def test_a_canary_by_request_is_not_sticky() -> None:
    route = Route(Stage.canary(percent=50), declared={"user": per_request})
    bodies = {route.ask(user="", id=str(number))["body"] for number in range(50)}
    assert bodies == {"control", "candidate"}


def test_the_candidate_is_handed_the_whole_event_less_what_is_withheld() -> None:
    event = event_of(headers={"authorization": "Bearer e30", "cookie": "cartId=7", "x-a": "東京"})
    everything = Route(Stage.LIVE)
    everything.ask(event)
    assert everything.candidate.asked == [{**event, MARK: {"user": "ada"}}]
    less = Route(Stage.LIVE, declared={"withhold": ["Authorization", "Cookie"]})
    less.ask(event)
    [asked] = less.candidate.asked
    assert asked["headers"] == {"x-a": "東京"}
    assert "cookies" not in asked


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
def test_control_gets_the_very_event_and_context_and_its_answer_is_the_very_answer(
    stage: Stage,
) -> None:
    seen: list[Any] = []

    def control(event: Any, context: Any) -> Any:
        seen.extend([event, context])
        return CONTROL

    event, context = event_of(), Context()
    assert Route(stage, control).handler(event, context) is CONTROL
    assert seen[0] is event
    assert seen[1] is context
    assert event == event_of()


def test_what_control_does_to_its_event_reaches_no_copy() -> None:
    def control(event: Any, context: Any) -> Any:
        event["requestContext"].clear()
        event["headers"]["x-a"] = "changed"
        event.pop("rawPath")
        return CONTROL

    route = Route(Stage.SHADOW, control)
    route.ask(headers={"x-a": "sent"})
    [copy] = route.tee.sent
    assert copy.event == event_of(headers={"x-a": "sent"})


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW, Stage.LIVE])
@pytest.mark.parametrize("error", [KeyError("s3cret"), SystemExit(3), KeyboardInterrupt()])
def test_what_control_raises_is_raised_as_without_us_and_counted_once(
    stage: Stage, error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    def control(event: Any, context: Any) -> Any:
        raise error

    route = Route(stage, control, outcome=Outcome.FAULT)
    with pytest.raises(type(error)) as raised:
        route.ask()
    assert raised.value is error
    out = counted(capfd)
    assert out["Faults Variant=control"] == 1
    assert not [name for name in out if VERSION in name], "Lambda counts it as an error"


def test_a_typed_control_that_raises_answers_500(capfd: pytest.CaptureFixture[str]) -> None:
    assert Route(Stage.OFF, lambda request: 1 / 0).ask()["statusCode"] == 500  # type: ignore[arg-type]
    assert counted(capfd)[f"Failed{VERSION}"] == 1


def test_a_typed_control_answers_in_the_form_of_its_event() -> None:
    assert json.loads(Route(Stage.OFF, typed_control).ask()["body"]) == {"user": "ada"}


def test_what_comes_through_no_front_door_is_an_error_and_control_is_not_asked() -> None:
    asked: list[Any] = []
    route = Route(Stage.OFF, lambda event, context: asked.append(event))
    with pytest.raises(UnsupportedEventError):
        route.ask({"Records": [{"eventSource": "aws:sqs"}]})
    assert asked == []


def test_a_copy_goes_out_in_shadow_canary_and_live_and_says_who_answered() -> None:
    sent = {stage: Route(stage) for stage in (Stage.SHADOW, Stage.canary(percent=1), Stage.LIVE)}
    for route in sent.values():
        route.ask()
    assert sent[Stage.SHADOW].tee.answers == [(Variant.CONTROL, "control")]
    assert sent[Stage.canary(percent=1)].tee.answers == [(Variant.CONTROL, "control")]
    assert sent[Stage.LIVE].tee.answers == [(Variant.CANDIDATE, "candidate")]


def test_a_copy_says_who_asked_and_what_the_candidate_would_have_had() -> None:
    route = Route(Stage.SHADOW)
    route.ask(headers={"authorization": "s3cret"})
    [copy] = route.tee.sent
    assert (copy.user, copy.id, copy.deadline_ms) == ("ada", "1", DEADLINE_MS)
    assert copy.withheld == (("headers", "authorization"),)
    assert "s3cret" not in str(copy)


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


STAGES = [Stage.OFF, Stage.SHADOW, Stage.canary(percent=100), Stage.LIVE, Stage.COMPLETE]


@pytest.mark.parametrize("stage", STAGES, ids=str)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "put", "PURGE"])
def test_what_may_change_data_is_controls_alone_at_every_stage_and_counted(
    stage: Stage, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    route = Route(stage, candidate_users=("ada",))
    assert route.ask(method=method, headers={"x-shadow-canary": "candidate"}) is CONTROL
    assert route.candidate.asked == route.tee.sent == []
    assert counted(capfd)["Writes"] == 1


def test_a_write_that_control_fails_is_asked_of_nobody_else() -> None:
    route = Route(Stage.LIVE, lambda event, context: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        route.ask(method="PUT")
    assert route.candidate.asked == []


def test_a_write_of_nobody_is_counted_once(capfd: pytest.CaptureFixture[str]) -> None:
    Route(Stage.LIVE).ask(method="PUT", user="")
    found = counted(capfd)
    assert found["Writes"] == 1
    assert "Unkeyed" not in found


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_only_reads_is_copied_and_may_be_the_candidates(
    method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    route = Route(Stage.LIVE)
    assert route.ask(method=method) == CANDIDATE
    assert len(route.tee.sent) == 1
    assert "Writes" not in counted(capfd)


@pytest.mark.parametrize("answer", [{"statusCode": 503}, {"statusCode": 200, "body": {}}])
def test_what_control_answers_wrong_is_copied_too(answer: Any) -> None:
    route = Route(Stage.SHADOW, lambda event, context: answer)
    assert route.ask() is answer
    assert [copy.response.is_fault for copy in route.tee.sent] == [True]


def test_what_control_raises_is_copied_as_a_fault() -> None:
    route = Route(Stage.SHADOW, lambda event, context: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        route.ask()
    assert [copy.response.status for copy in route.tee.sent] == [500]


def test_the_shadows_share_is_drawn_by_request_not_by_user() -> None:
    route = Route(Stage.SHADOW, shadow_percent=20.0)
    for number in range(1_000):
        route.ask(id=str(number))
    assert 150 < len(route.tee.sent) < 250


def test_a_dead_candidate_is_asked_five_times_and_then_left_alone() -> None:
    route = Route(Stage.LIVE, outcome=Outcome.TIMEOUT)
    assert all(route.ask() is CONTROL for _ in range(50))
    assert len(route.candidate.asked) == 5


def test_a_request_that_spares_a_dead_candidate_counts_as_failed_by_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    route = Route(Stage.LIVE, outcome=Outcome.TIMEOUT)
    for _ in range(50):
        route.ask()
    found = counted(capfd)
    assert found["ShortCircuited"] == 45
    assert found["Requests Variant=candidate"] == found["Faults Variant=candidate"] == 50


@pytest.mark.parametrize("outcome", [Outcome.ANSWERED, Outcome.TIMEOUT])
def test_a_start_is_in_the_candidates_requests_and_faults_but_not_in_its_latency(
    outcome: Outcome, capfd: pytest.CaptureFixture[str]
) -> None:
    """A canary begins with starts: by them its 95th percentile would be over any bound."""
    route = Route(Stage.LIVE, outcome=outcome)
    route.ask()
    found = counted(capfd)
    assert found["Requests Variant=candidate"] == 1
    assert found.get("Faults Variant=candidate", 0) == (outcome is Outcome.TIMEOUT)
    assert "Latency Variant=candidate" not in found
    route.ask()
    assert "Latency Variant=candidate" in counted(capfd)
    assert route.candidate.starts == [True, False]


@pytest.mark.parametrize(("age", "is_measured"), [(0.4, False), (61, True)])
def test_the_age_of_the_flag_is_told_and_a_metric_where_it_is_over_a_minute(
    age: float, is_measured: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    route = Route(Stage.OFF)
    route.flag.age = age
    route.ask()
    out = capfd.readouterr().out
    assert {json.loads(line)["flag_age"] for line in out.splitlines()} == {age}
    assert ('"FlagAge"' in out) == is_measured


def test_the_stage_is_written_when_it_changes_and_no_probe_takes_it_away(
    capfd: pytest.CaptureFixture[str],
) -> None:
    route = Route(Stage.SHADOW)
    for _ in range(5):
        route.ask()
    assert counted(capfd)["Stage"] == Stage.SHADOW.rank


def test_the_effective_stage_and_its_share_of_users_are_measured(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Route(Stage.LIVE, ceiling=Stage.canary(percent=5)).ask()
    found = counted(capfd)
    assert (found["Stage"], found["CandidatePercent"]) == (2, 5)


STATUSES = {"well": 200, "badly": 503}


@pytest.mark.parametrize("answers", STATUSES)
@pytest.mark.parametrize("outcome", FAILED)
def test_a_request_is_bad_once_by_version_however_many_failed(
    outcome: Outcome, answers: str, capfd: pytest.CaptureFixture[str]
) -> None:
    control = {"statusCode": STATUSES[answers]}
    Route(Stage.LIVE, lambda event, context: control, outcome=outcome).ask()
    found = counted(capfd)
    assert found["Fallbacks"] == found["Faults Variant=candidate"] == 1
    assert found["Requests Variant=control"] == found["Requests Variant=candidate"] == 1
    assert {name: n for name, n in found.items() if VERSION in name} == {f"Failed{VERSION}": 1}


@pytest.mark.parametrize("answers", STATUSES)
@pytest.mark.parametrize("stage", [Stage.OFF, Stage.COMPLETE])
def test_a_fault_that_a_user_saw_is_counted_by_version(
    stage: Stage, answers: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = {"statusCode": STATUSES[answers]}
    Route(stage, lambda event, context: answer, payload=answer).ask()
    assert counted(capfd).get(f"Failed{VERSION}", 0) == (answers == "badly")


def test_an_answer_that_lambda_cannot_hand_on_is_lambdas_own_error_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Route(Stage.OFF, lambda event, context: {"statusCode": 200, "body": b"bytes"}).ask()
    found = counted(capfd)
    assert found["Faults Variant=control"] == 1
    assert f"Failed{VERSION}" not in found


def test_what_is_known_is_written_before_a_stand_in_runs(
    capfd: pytest.CaptureFixture[str],
) -> None:
    written: list[dict[str, float]] = []

    def control(event: Any, context: Any) -> Any:
        written.append(counted(capfd))
        return CONTROL

    Route(Stage.LIVE, control, outcome=Outcome.TIMEOUT).ask()
    [before] = written
    assert before["Timeouts"] == before["Fallbacks"] == before["Requests Variant=candidate"] == 1
    assert not [name for name in before if VERSION in name]


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW, *ON_CANDIDATE, Stage.COMPLETE])
@pytest.mark.parametrize("outcome", Outcome)
def test_the_hooks_requests_are_in_no_count_and_in_no_copy(
    stage: Stage, outcome: Outcome, capfd: pytest.CaptureFixture[str]
) -> None:
    route = Route(stage, outcome=outcome)
    route.ask({**event_of(), MARK: {"probe": True}})
    assert counted(capfd) == {}
    assert route.tee.sent == []


def test_a_copy_is_recorded_as_long_as_the_flag_asks_for_it() -> None:
    for until, is_recorded in ((0, False), (time.time() - 1, False), (time.time() + 60, True)):
        route = Route(Stage.SHADOW, record_until=until)
        route.ask()
        assert [copy.is_recorded for copy in route.tee.sent] == [is_recorded]


def test_the_candidate_is_told_of_a_drill_by_its_mark_and_no_version_is_blamed_for_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    route = Route(Stage.LIVE, outcome=Outcome.FAULT)
    assert route.ask({**event_of(), MARK: {"drill": "drill-7"}}) is CONTROL
    assert [asked[MARK] for asked in route.candidate.asked] == [{"user": "drill-7", "drill": True}]
    found = counted(capfd)
    assert found["Faults Variant=candidate"] == found["StoodIn"] == 1
    assert not [name for name in found if "CandidateVersion" in name]


def test_a_client_cannot_send_a_probe(capfd: pytest.CaptureFixture[str]) -> None:
    forged = {MARK: "1", "probe": "true", "user": "eve"}
    Route(Stage.OFF).ask(headers=forged, query=f"{MARK}=1", body=json.dumps({MARK: forged}))
    assert counted(capfd)["Requests Variant=control"] == 1


def test_a_version_of_which_nothing_is_recorded_says_that_it_is_there() -> None:
    assert Route(Stage.LIVE).ask({MARK: {"probe": True}}) == {"statusCode": 204}


def test_control_answers_for_want_of_a_flag_and_that_is_counted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    route = Route(Stage.OFF)
    route.flag.is_unread = True
    assert route.ask() is CONTROL
    assert counted(capfd)["Unread"] == 1
    route.flag.is_unread = False
    route.ask()
    assert "Unread" not in counted(capfd)


@pytest.fixture
def seventh(monkeypatch: pytest.MonkeyPatch) -> str:
    """The route calls this version of its candidate."""
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:candidate:7"
    monkeypatch.setenv(Variable.CANDIDATE, arn)
    return "CandidateVersion=7"


def test_what_the_candidate_is_asked_is_counted_by_its_version(
    seventh: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Route(Stage.LIVE).ask()
    found = counted(capfd)
    assert found[f"Requests Variant=candidate {seventh}"] == 1
    assert found["Requests Variant=candidate"] == 1, "and by route, for its alarms"


OF_BOTH: dict[str, tuple[Any, float]] = {
    "control answers": (lambda event, context: CONTROL, 1),
    "control fails too": (lambda event, context: {"statusCode": 500}, 0),
}


@pytest.mark.parametrize(("control", "alone"), OF_BOTH.values(), ids=OF_BOTH)
def test_at_a_fallback_only_what_control_answers_is_the_candidates_own_fault(
    seventh: str, control: Any, alone: float, capfd: pytest.CaptureFixture[str]
) -> None:
    Route(Stage.LIVE, control, outcome=Outcome.FAULT).ask()
    found = counted(capfd)
    assert found.get(f"StoodIn {seventh}", 0) == alone
    assert found[f"Faults Variant=candidate {seventh}"] == 1


def test_what_is_short_circuited_is_counted_by_the_version_that_is_not_asked(
    seventh: str, capfd: pytest.CaptureFixture[str]
) -> None:
    route = Route(Stage.LIVE, outcome=Outcome.FAULT)
    for _ in range(30):
        route.ask()
    found = counted(capfd)
    asked = found[f"Requests Variant=candidate {seventh}"]
    assert asked == found[f"StoodIn {seventh}"] == 30
    assert found["ShortCircuited"] > 0


def test_a_copy_names_the_version_of_the_candidate_that_its_route_calls(seventh: str) -> None:
    route = Route(Stage.SHADOW)
    route.ask()
    [copy] = route.tee.sent
    assert copy.candidate_version == seventh.rpartition("=")[2]


def test_at_complete_there_is_no_other_side_to_be_judged_by(
    seventh: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Route(Stage.COMPLETE, outcome=Outcome.FAULT).ask()
    assert not [key for key in counted(capfd) if seventh in key]
