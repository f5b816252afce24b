"""What a route does with its dataset: who writes, who is told what, and what is never lost."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from dataset.register import Fence, Phase, Register
from dataset.steps import Intent, Mark
from dataset_runtime.operation import operation_of
from shadow_runtime.candidate_call import Outcome
from shadow_runtime.contract import Stage, Variant
from shadow_runtime.http import Request, Response
from shadow_runtime.settings import settings
from tests.runtime.routes import counted
from tests.runtime.written import ADA, USERS, Written, to_new

FAILED = [outcome for outcome in Outcome if outcome is not Outcome.ANSWERED]
STAGES = [Stage.OFF, Stage.SHADOW, Stage.canary(percent=1), Stage.LIVE, Stage.COMPLETE]


def at(phase: Phase, stage: Stage = Stage.OFF, **position: Any) -> Written:
    return Written(stage, Register(phase=phase, epoch=1), **position)


def said(response: Response) -> Any:
    return json.loads(response.body)


# Who writes


@pytest.mark.parametrize("stage", STAGES)
def test_at_off_a_write_is_controls_alone_at_every_stage(stage: Stage) -> None:
    route = at(Phase.OFF, stage)
    assert said(route.put()) == {"name": "Augusta"}
    assert (route.versions, route.queue.sent, route.candidate.asked) == ([2, 0], [], [])


@pytest.mark.parametrize("phase", [Phase.DUAL, Phase.SYNCED])
@pytest.mark.parametrize("stage", STAGES)
def test_while_control_is_the_authority_it_writes_first_and_both_hold_it(
    phase: Phase, stage: Stage
) -> None:
    route = at(phase, stage)
    assert route.put().status == 200
    assert (route.versions, route.control.applied) == ([2, 2], 1)
    assert route.candidate.store.applied == 0, "the follower is given the state, not the operation"
    [intent] = route.queue.sent
    assert isinstance(intent, Intent)
    assert intent.key == "ada"


@pytest.mark.parametrize("stage", STAGES)
def test_after_the_switch_the_candidate_writes_and_tells_everybody(stage: Stage) -> None:
    route = at(Phase.SWITCHED, stage)
    assert said(route.put()) == {"new_name": "Augusta"}
    assert (route.versions, route.candidate.store.applied, route.control.applied) == ([2, 2], 1, 0)
    assert route.control.records["ada"].rows == {"name": "Augusta"}


def test_at_complete_the_candidate_is_alone() -> None:
    route = at(Phase.COMPLETE, Stage.COMPLETE)
    route.candidate.store.records["ada"] = replace(ADA, rows=to_new(ADA.rows or {}))
    assert said(route.put()) == {"new_name": "Augusta"}
    assert (route.versions, route.queue.sent) == ([1, 2], [])


# Who is told what


def test_who_is_on_the_candidate_is_told_by_its_code() -> None:
    assert said(at(Phase.SYNCED, Stage.LIVE).put()) == {"new_name": "Augusta"}
    assert said(at(Phase.SYNCED, Stage.SHADOW).put()) == {"name": "Augusta"}
    assert said(at(Phase.DUAL, Stage.LIVE).put()) == {"name": "Augusta"}, "it may lack anything"


@pytest.mark.parametrize(
    ("phase", "stage", "is_told"),
    [
        (Phase.SYNCED, Stage.LIVE, True),
        (Phase.SYNCED, Stage.SHADOW, False),
        (Phase.DUAL, Stage.LIVE, False),
    ],
    ids=["on the candidate", "on control", "at dual"],
)
def test_the_candidates_code_runs_for_those_whom_it_tells_and_applies_nothing(
    phase: Phase, stage: Stage, is_told: bool
) -> None:
    route = at(phase, stage)
    route.put()
    [asked] = route.candidate.asked
    assert [copy["version"] for copy in asked["dataset"]["copies"]] == [2]
    operation = asked["dataset"]["operation"]
    assert (operation and operation["until"]) == (0 if is_told else None)
    assert route.candidate.started == [is_told], "nobody else waits for it to start"


def test_at_off_control_is_asked_for_nothing_but_the_write() -> None:
    route = at(Phase.OFF)
    route.control.failing = True  # to load
    assert route.put().status == 200
    assert at(Phase.SYNCED).put().status == 200


@pytest.mark.parametrize("outcome", FAILED)
def test_where_the_candidate_has_no_answer_controls_stands_and_the_key_is_marked(
    outcome: Outcome, capfd: pytest.CaptureFixture[str]
) -> None:
    route = at(Phase.SYNCED, Stage.LIVE)
    route.candidate.outcome = outcome
    assert said(route.put()) == {"name": "Augusta"}
    assert route.table.marks["ada"] == Mark("ada", Variant.CANDIDATE, 2)
    out = counted(capfd)
    assert (out["Fallbacks"], out["StoodIn"], out["Faults Variant=candidate"]) == (1, 1, 1)


@pytest.mark.parametrize("status", [404, 409, 500, 503])
def test_a_refusal_of_the_candidates_is_none_of_what_took_effect(status: int) -> None:
    route = at(Phase.SYNCED, Stage.LIVE)
    route.candidate.payload = {"statusCode": status, "body": "{}"}
    assert said(route.put()) == {"name": "Augusta"}
    assert route.versions == [2, 2]


def test_a_candidate_that_lacks_the_state_is_not_heard() -> None:
    route = at(Phase.SYNCED, Stage.LIVE)
    route.candidate.store.failing = True
    route.candidate.payload = {"statusCode": 200, "body": '{"new_name": "of before"}'}
    assert said(route.put()) == {"name": "Augusta"}
    assert route.table.marks["ada"].version == 2


def test_who_is_not_told_by_the_candidate_does_not_count_for_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    route = at(Phase.SYNCED, Stage.SHADOW)
    route.candidate.outcome = Outcome.TIMEOUT
    assert route.put().status == 200
    assert not {"Fallbacks", "Timeouts"} & {*(out := counted(capfd))}
    assert not [name for name in out if "candidate" in name]


REFUSED = {
    "no JSON": ("{", 400),
    "wrong types": ('{"name": 7}', 422),
}


@pytest.mark.parametrize(("body", "status"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("phase", [Phase.OFF, Phase.SYNCED, Phase.SWITCHED])
def test_what_the_authority_refuses_has_changed_nothing(
    phase: Phase, body: str, status: int
) -> None:
    route = at(phase, Stage.LIVE)
    assert route.put(body=body).status == status
    assert route.control.records["ada"] == ADA


@pytest.mark.parametrize("phase", [Phase.OFF, Phase.SYNCED, Phase.SWITCHED])
def test_a_key_that_the_dataset_does_not_know_is_not_found(phase: Phase) -> None:
    assert at(phase, Stage.LIVE).put(user="eve").status == 404


@pytest.mark.parametrize("phase", [Phase.OFF, Phase.SYNCED, Phase.SWITCHED])
def test_the_same_key_again_is_answered_and_not_obeyed(phase: Phase) -> None:
    route = at(phase, Stage.LIVE)
    again: dict[str, Any] = {"headers": {"idempotency-key": "7"}}
    first = route.put(**again)
    assert route.put(**again, id="another request") == first
    assert route.control.applied + route.candidate.store.applied == 1


@pytest.mark.parametrize("phase", [Phase.OFF, Phase.SYNCED, Phase.SWITCHED])
@pytest.mark.parametrize(
    "other",
    [{"name": "Other"}, {"path": "/users/me/x"}, {"query": "a=b"}],
    ids=["body", "path", "query"],
)
def test_the_same_key_for_something_else_is_a_conflict(phase: Phase, other: Any) -> None:
    route = at(phase, Stage.LIVE)
    again: dict[str, Any] = {"headers": {"idempotency-key": "7"}}
    route.put(**again)
    assert route.put(**{**again, **other}).status == 422
    assert route.control.applied + route.candidate.store.applied == 1


@pytest.mark.parametrize("phase", [*Phase])
def test_an_idempotency_key_that_is_too_long_is_refused(phase: Phase) -> None:
    route = at(phase, Stage.LIVE)
    assert route.put(headers={"idempotency-key": "k" * 255}).status != 400
    assert route.put(headers={"idempotency-key": "k" * 256}).status == 400


def test_an_operation_is_its_users_own() -> None:
    asked = Request(method="PUT", path="/teams/7", user="ada", headers={"idempotency-key": "7"})
    mine, others = operation_of(asked), operation_of(replace(asked, user="bob"))
    assert (mine.id, mine.digest) != (others.id, others.digest)
    assert mine == operation_of(replace(asked, id="another request"))


# What fails


def test_without_the_register_nothing_is_written_and_the_client_comes_again(
    capfd: pytest.CaptureFixture[str],
) -> None:
    route = at(Phase.OFF)
    route.table.register = None
    refused = route.put()
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert (route.versions, route.queue.sent) == ([1, 0], [])
    assert counted(capfd)["Failed Version=$LATEST"] == 1


def test_without_the_queue_who_is_exposed_is_refused_and_who_is_not_leaves_a_mark(
    capfd: pytest.CaptureFixture[str],
) -> None:
    exposed, other = at(Phase.SYNCED, Stage.LIVE), at(Phase.SYNCED, Stage.SHADOW)
    exposed.queue.takes = other.queue.takes = False
    assert (exposed.put().status, exposed.versions) == (503, [1, 1])
    assert (other.put().status, other.versions) == (200, [2, 2])
    assert other.table.marks["ada"].unsent_at
    assert counted(capfd)[f"Unreconciled Dataset={USERS}"] == 1
    other.table.takes_marks = False
    assert (other.put().status, other.versions) == (503, [2, 2])


def test_what_neither_side_can_be_told_of_is_not_acknowledged() -> None:
    route = at(Phase.SYNCED)
    route.candidate.outcome, route.table.takes_marks = Outcome.TIMEOUT, False
    assert (route.put().status, route.versions) == (504, [2, 1])


@pytest.mark.parametrize("outcome", FAILED)
def test_an_authority_that_does_not_answer_is_not_stood_in_for(outcome: Outcome) -> None:
    route = at(Phase.SWITCHED, Stage.LIVE)
    route.candidate.outcome = outcome
    assert (route.put().status, route.versions) == (504, [1, 1])


@pytest.mark.parametrize(
    "reply",
    [{}, [], "no", {"copied": [], "records": [7], "payload": {"statusCode": 200}}],
    ids=repr,
)
def test_an_authority_that_answers_something_else_is_not_understood(reply: Any) -> None:
    route = at(Phase.SWITCHED, Stage.LIVE)
    route.candidate.reply = reply or {"other": 1}
    assert route.put().status == 504


def test_what_the_authority_fails_is_handed_out_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    busy = {"statusCode": 503, "headers": {"retry-after": "9"}, "body": "{}"}
    for phase in (Phase.SYNCED, Phase.SWITCHED):
        route = at(phase, Stage.LIVE)
        route.candidate.payload = busy
        route.handler._control = lambda event, context, user: busy
        assert route.put().headers["retry-after"] == "9"
        assert counted(capfd)["Failed Version=$LATEST"] == 1


def test_what_control_raises_is_raised() -> None:
    route = at(Phase.SYNCED)

    def control(event: Any, context: Any, user: str) -> Any:
        raise KeyboardInterrupt

    route.handler._control = control
    with pytest.raises(KeyboardInterrupt):
        route.put()


@pytest.mark.parametrize("phase", [Phase.OFF, Phase.SYNCED, Phase.SWITCHED])
def test_who_names_no_key_changes_nothing(phase: Phase) -> None:
    """The author's function fails, or says that nothing is changed: and yet the code would."""
    for keys in (lambda request: (), lambda request: request.nothing):
        route = at(phase, Stage.LIVE)
        route.keys = keys
        assert route.put().status == 503
        assert route.put(body="{").status == 400, "what the handler refuses, it refuses"
        assert route.control.applied + route.candidate.store.applied == 0


@pytest.mark.parametrize("stage", [Stage.SHADOW, Stage.LIVE])
def test_what_changes_nothing_is_answered_by_the_authority_and_held_against_nobody(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    route = at(Phase.SYNCED, stage)
    route.keys = lambda request: ()
    route.handler._control = lambda event, context, user: {"statusCode": 200, "body": "{}"}
    assert route.put().status == 200
    assert (route.queue.sent, route.candidate.asked) == ([], [])
    assert not {"Fallbacks", "Failed Version=$LATEST", "StoodIn"} & {*counted(capfd)}


def test_a_store_that_fails_tells_the_log_its_kind_alone(capfd: pytest.CaptureFixture[str]) -> None:
    route = at(Phase.SWITCHED, Stage.LIVE)
    route.control.failing = True
    assert route.put().status == 200
    assert route.table.marks["ada"] == Mark("ada", Variant.CONTROL, 2)
    out = capfd.readouterr().out
    assert "OSError" in out
    assert "s3cret" not in out


# While the authority moves


def fenced(route: Written) -> None:
    assert route.table.register is not None
    route.table.register = route.table.register.fenced(Phase.SWITCHED, now=time.time())


def test_a_write_is_held_and_then_goes_to_the_new_authority() -> None:
    route = at(Phase.SYNCED)
    fenced(route)
    waits = iter(range(99))

    def switch() -> None:
        if next(waits) == 3:
            assert route.table.register is not None
            route.table.register = route.table.register.moved(Phase.SWITCHED, now=time.time())

    route.slept = switch
    assert said(route.put()) == {"new_name": "Augusta"}
    assert (route.control.applied, route.versions) == (0, [2, 2])


def test_a_write_is_held_no_longer_than_the_invocation_can_spare() -> None:
    route = at(Phase.SYNCED)
    fenced(route)
    begun = time.monotonic()
    refused = route.put(left_s=6.5)  # less 3 of the effect, 2 of the candidate, and 1
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert 0.3 < time.monotonic() - begun < 2


def test_a_forgotten_fence_holds_nobody() -> None:
    route = at(Phase.SYNCED)
    assert route.table.register is not None
    old = Fence(Phase.SWITCHED, time.time() - 60)
    route.table.register = replace(route.table.register, fence=old)
    assert route.put().status == 200
    assert route.table.register.fence is None


# What nobody's data is changed by


@pytest.mark.parametrize("mark", [{"probe": True}, {"drill": "drill-1"}], ids=["probe", "drill"])
@pytest.mark.parametrize("phase", [*Phase])
def test_the_hook_and_drills_write_nothing(phase: Phase, mark: Any) -> None:
    route = at(phase, Stage.LIVE)
    assert route.put(mark=mark).status == 204
    assert (route.control.applied, route.candidate.asked, route.queue.sent) == (0, [], [])


# Reads


def dirty(stale: Variant) -> Mark:
    return Mark("ada", stale, 2)


@pytest.mark.parametrize("phase", [Phase.SYNCED, Phase.SWITCHED])
def test_who_is_on_the_candidate_reads_there(phase: Phase) -> None:
    route = at(phase, Stage.LIVE)
    assert said(route.get()) == {"new_name": "Ada"}
    assert route.table.looks == [("ada",)]


CASES: dict[str, tuple[Phase, Stage, Mark | None, str]] = {
    "off": (Phase.OFF, Stage.LIVE, None, "name"),
    "dual": (Phase.DUAL, Stage.LIVE, None, "name"),
    "synced, the candidate is behind": (
        Phase.SYNCED,
        Stage.LIVE,
        dirty(Variant.CANDIDATE),
        "name",
    ),
    "switched, control is behind": (
        Phase.SWITCHED,
        Stage.OFF,
        dirty(Variant.CONTROL),
        "new_name",
    ),
    "switched, a late mark": (Phase.SWITCHED, Stage.LIVE, dirty(Variant.CANDIDATE), "new_name"),
    "complete, whatever the flag": (Phase.COMPLETE, Stage.OFF, None, "new_name"),
}


@pytest.mark.parametrize(("phase", "stage", "mark", "column"), CASES.values(), ids=CASES)
def test_a_side_that_may_be_behind_is_not_heard(
    phase: Phase,
    stage: Stage,
    mark: Mark | None,
    column: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    route = at(phase, stage)
    route.candidate.store.records["ada"] = replace(ADA, rows=to_new(ADA.rows or {}))
    if mark is not None:
        route.table.marks["ada"] = mark
    assert said(route.get()) == {column: "Ada"}
    unheard = counted(capfd).get(f"DirtyReads Dataset={USERS}", 0)
    assert unheard == (0 if "late mark" in str(mark) or column == asked(stage) else 1)


def asked(stage: Stage) -> str:
    return "new_name" if stage >= Stage.LIVE else "name"


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW, Stage.LIVE])
@pytest.mark.parametrize("phase", [Phase.OFF, Phase.SYNCED, Phase.SWITCHED])
def test_where_the_register_cannot_be_read_control_answers(phase: Phase, stage: Stage) -> None:
    route = at(phase, stage)
    route.table.register = None
    assert said(route.get()) == {"name": "Ada"}


def test_at_complete_the_candidate_answers_where_the_register_cannot_be_read() -> None:
    route = at(Phase.SWITCHED, Stage.COMPLETE)
    route.table.register = None
    assert said(route.get()) == {"new_name": "Ada"}


@pytest.mark.parametrize("outcome", FAILED)
@pytest.mark.parametrize("phase", [Phase.SYNCED, Phase.SWITCHED])
def test_control_stands_in_for_a_candidate_without_an_answer(
    phase: Phase, outcome: Outcome, capfd: pytest.CaptureFixture[str]
) -> None:
    route = at(phase, Stage.LIVE)
    route.candidate.outcome = outcome
    assert said(route.get()) == {"name": "Ada"}
    out = counted(capfd)
    assert (out["Fallbacks"], out["StoodIn"]) == (1, 1)
    assert f"DirtyReads Dataset={USERS}" not in out


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.LIVE, Stage.COMPLETE])
def test_nobody_reads_less_than_they_wrote_because_the_authority_fails(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    route = at(Phase.SWITCHED, stage)
    route.table.marks["ada"] = dirty(Variant.CONTROL)
    route.candidate.outcome = Outcome.TIMEOUT
    assert route.get().status == 502
    assert counted(capfd)["Failed Version=$LATEST"] == 1


def test_a_read_whose_keys_are_unknown_is_answered() -> None:
    route = at(Phase.SYNCED, Stage.LIVE)
    route.keys = lambda request: request.nothing  # type: ignore[attr-defined]
    assert route.get().status == 200


# What is compared


def test_a_write_is_rehearsed_from_what_control_had_to_what_it_has() -> None:
    for stage in (Stage.SHADOW, Stage.LIVE):
        route = at(Phase.SYNCED, stage)
        route.put()
        [copy] = route.tee.sent
        assert copy.variant is Variant.CONTROL
        assert json.loads(copy.response.body) == {"name": "Augusta"}
        assert copy.write is not None
        [before], [after] = copy.write["before"], copy.write["after"]
        assert copy.write["operation"]["keys"] == ["ada"]
        assert (before["version"], before["rows"]) == (1, {"name": "Ada"})
        assert (after["version"], after["rows"]) == (2, {"name": "Augusta"})


def test_what_control_refuses_is_rehearsed_too() -> None:
    route = at(Phase.SYNCED, Stage.SHADOW)
    route.put(body="{")
    [copy] = route.tee.sent
    assert copy.write is not None
    assert (copy.write["before"], copy.response.status) == (copy.write["after"], 400)


@pytest.mark.parametrize("phase", [Phase.OFF, Phase.SWITCHED, Phase.COMPLETE])
def test_where_control_is_not_copied_from_nothing_is_rehearsed(phase: Phase) -> None:
    route = at(phase, Stage.LIVE)
    route.put()
    assert route.tee.sent == []


def test_what_control_fails_is_not_rehearsed() -> None:
    route = at(Phase.SYNCED, Stage.SHADOW)
    route.handler._control = lambda event, context, user: {"statusCode": 500}
    assert route.put().status == 500
    assert route.tee.sent == []


def test_what_was_done_before_or_is_not_known_is_not_rehearsed() -> None:
    route = at(Phase.SYNCED, Stage.SHADOW)
    again: dict[str, Any] = {"headers": {"idempotency-key": "7"}}
    route.put(**again)
    route.put(**again)
    route.candidate.outcome, route.table.takes_marks = Outcome.TIMEOUT, False
    route.put(name="Another")
    assert len(route.tee.sent) == 1


def test_a_key_of_which_a_side_is_behind_is_not_compared() -> None:
    route = at(Phase.SYNCED, Stage.SHADOW)
    route.table.marks["ada"] = dirty(Variant.CANDIDATE)
    route.get()
    assert route.tee.sent == []
    route.table.marks["ada"] = replace(dirty(Variant.CANDIDATE), until=time.time() - 1)
    route.get()
    assert len(route.tee.sent) == 1


def test_the_routes_of_a_dataset_have_a_user_on_one_side(monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[list[bool]] = []
    for name in ("get-user", "update-user"):
        monkeypatch.setenv("SHADOW_CANARY_ROUTE", name)
        monkeypatch.setenv("SHADOW_CANARY_DATASET", USERS)
        settings.cache_clear()
        route = at(Phase.SYNCED, Stage.canary(percent=50))
        users = [f"user-{number}" for number in range(40)]
        for user in users:
            route.control.records[user] = ADA
            route.candidate.store.records[user] = replace(ADA, rows={"new_name": "Ada"})
        sides.append([said(route.get(user=user)) == {"new_name": "Ada"} for user in users])
    assert sides[0] == sides[1]
    assert 5 < sum(sides[0]) < 35
