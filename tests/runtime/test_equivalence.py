"""Recorded requests through both sides: alike or not, and what a developer is told."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.candidate import candidate
from shadow_runtime.compare import EXACT, Rules
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating
from shadow_runtime.recorded import recorded
from shadow_runtime.user import header
from shadowctl.equivalence import FirstSightWarning, assert_equivalent
from tests.strategies import requests

Side = Callable[[Request], Response]
USERS = {"ada": "Ada Lovelace", "grace": "Grace Hopper", "alan": "Alan Turing"}
ASKED = [Request(method="GET", path="/users/me", user=user) for user in USERS]


def old(request: Request) -> Response:
    return Response.json({"name": USERS[request.user]})


def with_name_of(user: str, name: str) -> Side:
    """The old code, but for one user's name."""
    return lambda request: Response.json({"name": name}) if request.user == user else old(request)


def said(control: Any, candidate: Any, asked: Any = ASKED, **options: Any) -> str:
    """What is raised for two sides that are not alike."""
    with pytest.raises(AssertionError) as raised:
        assert_equivalent(control, candidate, asked, **options)
    return str(raised.value)


def test_sides_that_answer_alike_are_equivalent() -> None:
    assert_equivalent(old, old, ASKED)


def test_what_differs_is_said_with_its_values_and_the_request() -> None:
    assert said(old, with_name_of("grace", "Grace  Hopper")).splitlines() == [
        "1 of 3 requests is not answered alike",
        "  1 mismatched (confirmed), first request 2: GET /users/me of 'grace'",
        "    $.name value 'Grace Hopper' ≠ 'Grace  Hopper'",
    ]


def test_what_differs_alike_is_said_once() -> None:
    nobody = Response.json({"name": "Nobody"})

    def new(request: Request) -> Response:
        return Response.json({}, status=404) if request.user == "grace" else nobody

    assert said(old, new, ASKED * 2).splitlines() == [
        "6 of 6 requests are not answered alike",
        "  4 mismatched (confirmed), first request 1: GET /users/me of 'ada'",
        "    $.name value 'Ada Lovelace' ≠ 'Nobody'",
        "  2 mismatched (confirmed), first request 2: GET /users/me of 'grace'",
        "    status status 200 ≠ 404",
        "    $.name missing 'Grace Hopper' ≠ absent",
    ]


def test_long_values_are_cut() -> None:
    words = said(lambda _: Response.json("x" * 5_000), lambda _: Response.json(None))
    assert max(map(len, words.splitlines())) < 250


def test_without_requests_nothing_is_shown(tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").touch()
    assert said(old, old, []) == "0 of 0 requests are not answered alike"
    assert said(old, old, tmp_path / "requests.jsonl")
    assert "no pairs yet" in said(old, old, [], tolerance_percent=50)


def test_what_a_side_raises_is_an_answer_and_the_cause() -> None:
    def broken(request: Request) -> Response:
        raise KeyError(request.user)

    with pytest.raises(AssertionError, match="3 candidate-errored") as raised:
        assert_equivalent(old, broken, ASKED)
    assert isinstance(raised.value.__cause__, KeyError)
    assert raised.value.__cause__.args == ("ada",)


def test_two_sides_that_both_fail_show_nothing() -> None:
    def broken(_: Request) -> Response:
        return Response.error(500, "Internal Server Error")

    assert "3 both-errored" in said(broken, broken)


def test_the_rules_of_the_candidates_handler_hold_unless_others_are_given() -> None:
    @migrating
    def control(request: Request) -> Response:
        return old(request)

    rules = Rules(ignore=["$.name"])

    @candidate(rules=rules)
    def new(request: Request) -> Response:
        return Response.json({"name": request.user})

    assert_equivalent(control, new, ASKED)
    assert_equivalent(old, new.__wrapped__, ASKED, rules=rules)
    assert "3 mismatched" in said(control, new, rules=EXACT)
    assert "3 mismatched" in said(control, new.__wrapped__)


def test_control_is_asked_first_as_for_users() -> None:
    order: list[str] = []

    def side(name: str) -> Side:
        def answer(request: Request) -> Response:
            order.append(name)
            return old(request)

        return answer

    assert_equivalent(side("control"), side("candidate"), ASKED)
    assert order == ["control", "candidate"] * 3


class Written:
    """A name that somebody changes when it has been read so often."""

    def __init__(self, after: int) -> None:
        self.asked, self.after = 0, after

    def __call__(self, _: Request) -> Response:
        self.asked += 1
        return Response.json({"name": "Grace" if self.asked > self.after else "Ada"})


def test_a_write_between_two_answers_is_shown_and_fails_no_build() -> None:
    name = Written(after=3)  # as the candidate is asked for the second user
    with pytest.warns(FirstSightWarning) as shown:
        assert_equivalent(name, name, ASKED)
    assert str(shown[0].message).splitlines() == [
        "1 of 3 requests is answered otherwise at first sight",
        "  1 mismatched (first), first request 2: GET /users/me of 'grace'",
        "    $.name value 'Ada' ≠ 'Grace'",
    ]
    assert name.asked == 8
    assert shown[0].filename == __file__


def test_what_differs_again_fails_a_build_beside_what_did_not_stay() -> None:
    name = Written(after=1)
    words = said(name, lambda r: Response.json({"name": "?"}) if r.user == "alan" else name(r))
    assert words.splitlines() == [
        "1 of 3 requests is not answered alike",
        "  1 mismatched (first), first request 1: GET /users/me of 'ada'",
        "    $.name value 'Ada' ≠ 'Grace'",
        "  1 mismatched (confirmed), first request 3: GET /users/me of 'alan'",
        "    $.name value 'Grace' ≠ '?'",
    ]


def test_what_differs_again_but_elsewhere_is_not_shown_to_be_alike() -> None:
    asked: list[Request] = []

    def new(request: Request) -> Response:
        asked.append(request)
        return Response.json({"name": "Ada Lovelace", "x": 1} if len(asked) > 1 else {"name": ""})

    assert "  1 mismatched (unsettled), first request 1" in said(old, new, ASKED[:1])


def test_control_that_may_not_be_asked_twice_is_not_and_nothing_is_confirmed() -> None:
    asked: list[Request] = []

    @migrating(repeatable=False)
    def control(request: Request) -> Response:
        asked.append(request)
        return old(request)

    assert "  1 mismatched (unsettled), first request 2" in said(control, with_name_of("grace", ""))
    assert len(asked) == 3


def test_what_control_fails_is_nobodys_fault_and_nothing_is_shown_by_it() -> None:
    def flaky(_: Request) -> Response:
        return Response(status=500)

    assert "  3 mismatched (unsettled), first request 1" in said(flaky, old)


def test_who_fails_is_not_asked_again() -> None:
    asked: list[Request] = []

    def broken(request: Request) -> Response:
        asked.append(request)
        raise KeyError

    said(old, broken)
    assert len(asked) == 3


def refusing(request: Request) -> Response:
    return Response.error(404, "Not Found") if request.user == "grace" else old(request)


def test_under_a_tolerance_pairs_prove_what_the_judge_says_they_prove() -> None:
    """Refusals prove little, a first sight is no mismatch, and what control fails is no pair."""
    content, refused = [ASKED[0]] * 3_000, [ASKED[1]] * 3_000
    assert_equivalent(refusing, refusing, content + refused, tolerance_percent=0.5)
    words = said(refusing, refusing, refused, tolerance_percent=0.5)
    assert "0 of 3,000 pairs have content (0 empty, 3,000 refused)" in words
    name = Written(after=5)
    with pytest.warns(FirstSightWarning):
        assert_equivalent(name, name, content, tolerance_percent=0.5)

    def flaky(request: Request) -> Response:
        return old(request) if request.user == "ada" else Response(status=500)

    with warnings.catch_warnings(action="ignore", category=FirstSightWarning):
        words = said(flaky, old, refused, tolerance_percent=50)
    assert "no pairs yet" in words


def test_a_tolerated_difference_needs_the_judges_pass() -> None:
    almost = with_name_of("alan", "A. Turing")
    many = [ASKED[0]] * 2_000 + [ASKED[2]]
    assert_equivalent(old, almost, many, tolerance_percent=1)
    words = said(old, almost, many, tolerance_percent=0.1).splitlines()
    assert words[0] == "1 of 2,001 requests is not answered alike"
    assert words[1].startswith("INCONCLUSIVE: 1 of 2,001 pairs differ; at most 0.33 %")
    assert words[2] == "  1 mismatched (confirmed), first request 2001: GET /users/me of 'alan'"


def test_too_few_requests_are_no_pass_even_when_all_are_alike() -> None:
    assert "INCONCLUSIVE: 0 of 3 pairs differ" in said(old, old, tolerance_percent=1)


@given(st.lists(requests, max_size=3))
def test_a_file_holds_events_as_front_doors_send_them(
    tmp_path_factory: pytest.TempPathFactory, asked: list[Request]
) -> None:
    events = [HTTP_API.event(request) for request in asked]
    file = tmp_path_factory.mktemp("recorded") / "requests.jsonl"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    assert [each.event for each in recorded(file)] == events


def test_or_in_short_members_of_a_request_and_the_status_it_had(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text('{"method": "GET", "path": "/users/me", "user": "ada", "status": 401}')
    [each] = recorded(file)
    assert (each.event, each.status) == (HTTP_API.event(ASKED[0]), 401)
    assert_equivalent(old, old, file)


@pytest.mark.parametrize("line", ["", "[]", "{", '{"method": "GET"}', "GET /users/me"])
def test_fails_on_a_line_that_is_no_request_and_names_it(tmp_path: Path, line: str) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text(f'{{"method": "GET", "path": "/", "user": "ada"}}\n{line}\n')
    for path in (file, str(file)):
        with pytest.raises(ValueError, match=r"requests\.jsonl:2 holds no request "):
            assert_equivalent(old, old, path)


def test_handlers_of_lambdas_form_are_asked_with_an_event_of_their_own_and_their_decorators() -> (
    None
):
    def around(handler: Any) -> Any:
        def wrapper(event: Any, context: Any) -> Any:
            assert context.get_remaining_time_in_millis() > 0
            return handler({**event, "wrapped": True}, context)

        return wrapper

    @around
    @migrating(user=header("x-user"))
    def control(event: Any, context: Any) -> Any:
        event["headers"].clear()
        return {"statusCode": 200, "body": str(event["wrapped"])}

    @around
    @candidate(rules=Rules(headers=[]))
    def new(event: Any, context: Any) -> Any:
        return {"statusCode": "200", "body": str(event["wrapped"] and len(event["headers"]) == 1)}

    event = HTTP_API.event(Request(method="GET", path="/", headers={"x-user": "ada"}))
    assert_equivalent(control, new, [event])
    words = said(control, lambda event, context: {"statusCode": 200, "body": 1}, [event])
    assert words.startswith("1 of 1 requests is not answered alike\n  1 candidate-errored")
    assert "GET / of 'ada'" in words
