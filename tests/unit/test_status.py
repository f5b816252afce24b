"""What `status` says: one route whole, many in a table, the same to people and to machines."""

import io
import json
import os
import pty
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dataset.register import Backfill, Phase
from judge import Counts, Decision, Outcome, Scores, Tolerances, judge
from operations.counts import Found
from operations.dataset_function import DatasetStatus, Verified
from operations.flag import Deployed, Deployment
from operations.transitions import Change, Who, Writer
from shadow_runtime.contract import Position, Stage, flag_document
from shadowctl.distance import Distance
from shadowctl.status.command import View
from shadowctl.status.next_steps import next_steps
from shadowctl.status.screen import lines, overview, overview_lines, screen
from shadowctl.status.seen import Guard, Status, Unseen
from shadowctl.verb import ExitCode

NOW = datetime(2030, 1, 9, 3, tzinfo=UTC)
ADA = Who(Writer.PERSON, "arn:aws:sts::111122223333:assumed-role/Operator/ada")
NONE = Counts()
GOOD = Counts(compared=(Scores(6_000, share=1),))
BAD = Counts(compared=(Scores(6_000, worse=60, share=1),))
OPEN = Counts(compared=(Scores(1_000, share=1),), empty=10, refused=20)
NOISY = Counts(compared=(Scores(6_000, share=1),), hidden=5_000)
AT_2 = Stage.canary(percent=2)


def guard(name: str = "candidate-error-rate", **given: Any) -> Guard:
    far = Distance(threshold=2, worst=0.5, bad=0, needed=3, counted=5, periods=5)
    known = {"state": "OK", "distance": far, "faults": []}
    return Guard(name=f"GetUser-get-user-{name}", **{**known, **given})


RED = guard(
    state="ALARM",
    distance=Distance(threshold=2, worst=46.7, bad=3, needed=3, counted=5, periods=5),
)
MUTED = guard(faults=["the actions of … are disabled: `aws cloudwatch enable-alarm-actions`"])


def change(number: int, before: Stage, after: Stage, who: Who = ADA, why: str = "") -> Deployment:
    at = NOW - timedelta(hours=30 - number)
    kept = Change(who, why, before, after)
    return Deployment(number, "COMPLETE", 100, at, at + timedelta(minutes=10), kept, kept.after)


SEEDED = NOW - timedelta(days=2)
HISTORY = [
    Deployment(1, "COMPLETE", 100, SEEDED, SEEDED, None, Stage.OFF),
    change(2, Stage.OFF, Stage.SHADOW, why="first comparison"),
    change(3, Stage.SHADOW, AT_2, why="parity as we want it, " + "and more words " * 9),
]


def status(
    stage: Stage = AT_2,
    counts: Counts = OPEN,
    guards: Sequence[Guard] = (guard(), guard("candidate-latency-ratio", distance=None)),
    state: str = "COMPLETE",
    **given: Any,
) -> Status:
    hourly = {NOW - timedelta(hours=number): 50.0 for number in range(1, 21)}
    found = Found(counts, NOW - timedelta(hours=20), hourly) if counts is not NONE else None
    document = flag_document(Position(stage))
    known: dict[str, Any] = {
        "now": NOW,
        "asked": "GetUser",
        "is_embedded": False,
        "name": "GetUser/get-user",
        "deployed": Deployed(document, True, 3, 3, 3, state),
        "ceiling": AT_2,
        "guards": guards,
        "notices": [],
        "version": "12",
        "beside": [],
        "found": found,
        "judgement": judge(counts, Tolerances()),
        "history": [*HISTORY[:-1], replace(HISTORY[-1], state=state, percent=40)],
        "clean_up": NOW + timedelta(days=5, hours=6),
        "decision": None,
        "is_open": False,
    }
    return Status(**{**known, **given})


def drawn(
    *found: Status, width: int = 80, is_colored: bool = False, is_watched: bool = False
) -> str:
    written = io.StringIO()
    console = Console(
        file=written,
        width=width,
        force_terminal=True,
        color_system="standard" if is_colored else None,
    )
    one = screen(found[0], is_watched=is_watched)
    console.print(one if len(found) == 1 else overview(found))
    return written.getvalue()


def test_one_route_is_told_whole() -> None:
    said = drawn(status())
    for text in (
        "GetUser/get-user  canary(2%)",
        "the candidate answers 2 % of the users, control all others",
        "deployment 3 COMPLETE since",
        "green  error-rate    ███▌           0.5, limit 2; 0 of 3 over",
        "green  latency-ratio                its distance cannot be told",
        "INCONCLUSIVE of version 12 since Tue 8 Jan 07:00",
        "1,000 pairs: 970 with content, 10 empty, 20 refused",
        "in 5.2 days, Mon 14 Jan 2030 09:00 UTC",
        "shadow to canary(2%) by person ada: parity as we want it",
        "by a console or the template",
        "shadowctl status GetUser --watch",
    ):
        assert text in said, said


def test_a_change_names_an_alarm_without_what_all_of_them_begin_with() -> None:
    why = "GetUser-get-user-candidate-error-rate in ALARM since 2030-01-09T02:59:00.000+0000"
    back = change(4, AT_2, Stage.OFF, Who(Writer.ROLLBACK, "5f3c"), why)
    said = drawn(status(Stage.OFF, history=[back]))
    assert "canary(2%) to off by rollback: candidate-error-rate" in said


def test_pairs_that_are_still_needed_are_told_with_when_they_will_be_there() -> None:
    found = status()
    assert found.needed == 2_533
    assert found.decided_at == NOW + timedelta(hours=2_533 / 50)
    assert "about 2,600 more pairs, at 50 an hour by Fri 11 Jan 05:39" in " ".join(lines(found))
    assert "and none come at off" in " ".join(lines(status(Stage.OFF)))
    noisy = status(counts=NOISY)
    assert (noisy.needed, noisy.decided_at) == (None, None)
    assert "no number of pairs decides" in " ".join(lines(noisy))


HOLD = Decision(
    Outcome.HOLD,
    None,
    "not before 2030-01-09 09:00 UTC; 60 of 100 pairs compared at this stage; INCONCLUSIVE: 0 of "
    "1,000 pairs differ; about 2,600 more pairs at these rates decide",
)

ALL = {
    "off": status(Stage.OFF, NONE),
    "shadow": status(Stage.SHADOW),
    "canary": status(),
    "over the ceiling": status(Stage.LIVE),
    "live": status(Stage.LIVE, GOOD, ceiling=Stage.LIVE),
    "complete": status(Stage.COMPLETE, GOOD, ceiling=Stage.COMPLETE),
    "failing": status(counts=BAD, guards=[RED, guard("candidate-mismatch-rate"), MUTED]),
    "noisy": status(counts=NOISY),
    "under way": status(state="DEPLOYING"),
    "past its clean-up": status(clean_up=NOW - timedelta(days=2)),
    "never cleaned up": status(clean_up=None),
    "two versions": status(beside=["11"]),
    "no guards": status(guards=[]),
    "on a ramp": status(decision=HOLD),
    "a broken split": status(notices=["the candidate has 5 % of the requests since …"]),
}


@pytest.mark.parametrize("found", ALL.values(), ids=ALL)
def test_a_screen_of_80_columns_holds_each_line_and_one_of_24_lines_what_matters(
    found: Status,
) -> None:
    told = drawn(found).splitlines()
    assert max(map(len, told)) <= 80
    [next_line] = [number for number, line in enumerate(told) if line.startswith("next")] or [0]
    assert next_line < 23, told


@pytest.mark.parametrize("found", ALL.values(), ids=ALL)
def test_a_pipe_gets_the_same_words_and_nothing_that_is_only_drawn(found: Status) -> None:
    plain = "\n".join(lines(found))
    assert not re.search("[\x1b█▏▎▍▌▋▊▉…]", plain.replace("…", "", plain.count("since …") + 9))
    words = {word for line in drawn(found, width=400).splitlines() for word in line.split()}
    assert {word for word in words if not re.search("[█▏▎▍▌▋▊▉…]", word)} <= {*plain.split()}


@pytest.mark.parametrize("found", ALL.values(), ids=ALL)
def test_a_machine_is_told_all_of_it(found: Status) -> None:
    told = json.loads(json.dumps(found.document()))
    assert told["stage"] == str(found.stage)
    assert told["answers"] == found.stage.answers
    assert [each["can_act"] for each in told["guards"]] == [not g.faults for g in found.guards]
    assert told["verdict"]["needed"] == found.needed
    assert len(told["history"]) == 3


def test_colors_only_repeat_what_words_say() -> None:
    plain = drawn(ALL["failing"])
    colored = re.sub(r"\x1b\[[0-9;]*m", "", drawn(ALL["failing"], is_colored=True))
    assert plain == colored
    assert "RED" in plain
    assert "FAIL" in plain


def test_a_ramp_says_what_it_would_do_and_why() -> None:
    assert "ramp      hold: not before 2030-01-09 09:00 UTC" in drawn(ALL["on a ramp"])
    assert ALL["on a ramp"].document()["ramp"]["outcome"] == "hold"
    assert ALL["canary"].document()["ramp"] is None


SYNCED = DatasetStatus(
    name="Users/users",
    phase=Phase.SYNCED,
    backfill=Backfill("z", 500, is_done=True),
    verified=Verified(NOW.timestamp() - 7_200, 500, 0, (), is_fresh=True),
)


def test_where_its_data_is_stands_in_one_line_and_is_told_to_machines() -> None:
    found = status(dataset=SYNCED)
    [line] = [line for line in lines(found) if line.startswith("data ")]
    assert line == (
        "data      Users/users at synced, control is the authority; 0 keys unreconciled; verified: "
        "both sides equal, 500 keys, 2 hours ago"
    )
    assert found.document()["dataset"]["phase"] == "synced"
    assert status().document()["dataset"] is None
    assert not [line for line in lines(status()) if line.startswith("data ")]


def test_a_dataset_that_does_not_answer_hides_nothing_else() -> None:
    found = status(dataset=Unseen("Users/users", "Task timed out"))
    [line] = [line for line in lines(found) if line.startswith("data ")]
    assert line.endswith("the dataset Users/users does not answer (Task timed out)")
    assert found.document()["dataset"] == {"dataset": "Users/users", "error": "Task timed out"}


@pytest.mark.parametrize(
    ("stage", "dataset", "step"),
    [
        (Stage.SHADOW, replace(SYNCED, phase=Phase.DUAL, verified=None), "verify"),
        (Stage.SHADOW, DatasetStatus(name="Users/users", phase=Phase.OFF), "backfill"),
        (Stage.SHADOW, Unseen("Users/users", "throttled"), "status"),
        (Stage.LIVE, SYNCED, "switch"),
    ],
    ids=["dual", "off", "unseen", "live"],
)
def test_a_route_that_is_proven_waits_for_its_dataset(
    stage: Stage, dataset: DatasetStatus | Unseen, step: str
) -> None:
    found = status(stage, GOOD, ceiling=Stage.COMPLETE, dataset=dataset)
    assert next_steps(found) == [f"shadowctl dataset Users:users {step}"]
    ready = replace(SYNCED, phase=Phase.COMPLETE)
    assert next_steps(replace(found, dataset=ready)) == ["shadowctl promote GetUser"]


def test_a_guard_that_could_not_act_is_no_green_one() -> None:
    said = drawn(ALL["failing"])
    assert "NONE   error-rate" in said
    assert "cannot act: the actions of" in said


STRANGE = Deployed(flag_document(Position(Stage.COMPLETE)), False, 3, 3, 3, "COMPLETE")
UNREADABLE = replace(status(), deployed=STRANGE)


def test_a_flag_that_cannot_be_read_is_told_as_such_and_leads_to_off() -> None:
    said = drawn(UNREADABLE)
    assert "what is deployed cannot be read; in doubt control answers" in said
    assert max(map(len, said.splitlines())) <= 80
    assert next_steps(UNREADABLE) == ["shadowctl off GetUser"]
    assert UNREADABLE.code == ExitCode.FAIL
    assert UNREADABLE.document()["position"] is None


def test_a_route_that_cannot_be_looked_at_hides_none_of_the_others() -> None:
    gone = Unseen("Orders/get-order", "Access denied: ask for that permission")
    view = View(lambda: [status(counts=GOOD), gone], is_one=False)
    told = view.once()
    assert told.code == ExitCode.ERROR
    assert [*told.shown][-1] == "Orders/get-order\tAccess denied: ask for that permission"
    assert told.document is not None
    assert told.document["routes"][1] == {"route": gone.name, "error": gone.why}
    written = io.StringIO()
    Console(file=written, width=80).print(overview([status(), gone]))
    assert "Orders/get-order: Access denied" in written.getvalue()
    worse = View(lambda: [status(counts=BAD), gone], is_one=False).once()
    assert worse.code == ExitCode.FAIL


def test_many_routes_are_a_line_each() -> None:
    other = replace(status(Stage.OFF, NONE, guards=[RED]), name="Orders/get-order", asked="Orders")
    said = drawn(status(), other)
    assert max(map(len, said.splitlines())) <= 80
    told = [*overview_lines([status(), other])]
    assert [line.split("\t") for line in told] == [
        ["route", "stage", "guards", "verdict", "to go", "clean-up"],
        ["GetUser/get-user", "canary(2%)", "green 25 %", "INCONCLUSIVE", "2,600", "5.2 days"],
        ["Orders/get-order", "off", f"RED {RED.name}", "INCONCLUSIVE", "3,600", "5.2 days"],
    ]


CODES = {
    "PASS": (status(counts=GOOD), ExitCode.DONE),
    "INCONCLUSIVE": (status(), ExitCode.INCONCLUSIVE),
    "FAIL": (status(counts=BAD), ExitCode.FAIL),
    "PASS under a red guard": (status(counts=GOOD, guards=[RED]), ExitCode.FAIL),
    "PASS under a guard that cannot act": (status(counts=GOOD, guards=[MUTED]), ExitCode.FAIL),
}


@pytest.mark.parametrize(("found", "code"), CODES.values(), ids=CODES)
def test_the_exit_code_is_the_verdict_unless_a_guard_is_red_or_none(
    found: Status, code: ExitCode
) -> None:
    assert View(lambda: [found], is_one=True).once().code == code


@given(st.lists(st.sampled_from([*CODES.values()]), min_size=1))
def test_of_several_routes_the_worst_decides_the_exit_code(
    found: list[tuple[Status, ExitCode]],
) -> None:
    several = View(lambda: [each for each, _ in found], is_one=False).once()
    assert several.code == max(code for _, code in found)
    assert len(several.document["routes"]) == len(found)  # type: ignore[index]


NEXT = {
    "off": (status(Stage.OFF, NONE), "shadowctl stage GetUser shadow"),
    "under way": (ALL["under way"], "shadowctl status GetUser --watch"),
    "not proven": (status(), "shadowctl status GetUser --watch"),
    "noisy": (ALL["noisy"], "shadowctl diffs GetUser"),
    "proven": (status(Stage.SHADOW, GOOD), "shadowctl promote GetUser"),
    "proven, of whom nothing says how many": (
        status(Stage.SHADOW, GOOD, is_open=True),
        "shadowctl promote GetUser --percent 1",
    ),
    "failing users": (status(counts=BAD), "shadowctl off GetUser"),
    "failing unseen": (status(Stage.SHADOW, BAD), "shadowctl diffs GetUser"),
    "red": (status(counts=GOOD, guards=[RED]), "shadowctl off GetUser"),
    "unguarded": (status(counts=GOOD, guards=[MUTED]), "shadowctl off GetUser"),
    "complete": (ALL["complete"], "shadowctl finish GetUser"),
}


@pytest.mark.parametrize(("found", "step"), NEXT.values(), ids=NEXT)
def test_the_next_command_is_what_an_operator_would_type(found: Status, step: str) -> None:
    assert next_steps(found)[0] == step


def test_on_the_embedded_aws_the_next_command_is_there_too() -> None:
    assert next_steps(status(is_embedded=True)) == ["shadowctl status GetUser --watch --local"]


def test_who_watches_already_is_not_told_to_watch() -> None:
    assert "nothing to type" in drawn(status(), is_watched=True)
    assert "shadowctl off GetUser" in drawn(ALL["failing"], is_watched=True)
    assert "shadowctl stage GetUser shadow" in drawn(ALL["off"], is_watched=True)


def test_at_the_ceiling_and_proven_there_is_nothing_to_type() -> None:
    assert next_steps(status(counts=GOOD)) == []


class Looks:
    """Looks one after the other; Ctrl-C after the last one."""

    def __init__(self, *found: Status | Exception) -> None:
        self._found = [*found]

    def __call__(self) -> list[Status]:
        if not self._found:
            raise KeyboardInterrupt
        found = self._found.pop(0)
        if isinstance(found, Exception):
            raise found
        return [found]


def test_in_a_pipe_what_changes_is_told_and_a_look_that_fails_ends_nothing() -> None:
    gone = EndpointConnectionError(endpoint_url="https://there")
    looks = Looks(status(), status(), gone, status(counts=GOOD))
    told = [*View(looks, is_one=True).watched(every_s=0)]
    assert [line for line in told if "not looked at" in str(line)] == [
        next(str(line) for line in told if "Could not connect" in str(line))
    ]
    assert sum("the candidate answers 2 %" in str(line) for line in told) == 2
    assert any("PASS of version 12" in str(line) for line in told)


def everything(terminal: int) -> str:
    """What was written to a terminal whose other end is closed."""
    read = b""
    with suppress(OSError):
        while part := os.read(terminal, 4_096):
            read += part
    return read.decode()


def test_on_a_terminal_the_screen_stays_where_it_is_and_tells_of_a_look_that_failed() -> None:
    parent, child = pty.openpty()
    gone = EndpointConnectionError(endpoint_url="https://there")
    looks = Looks(status(), gone, status(counts=GOOD))
    with os.fdopen(child, "w") as terminal, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", terminal)
        patch.setenv("COLUMNS", "80")
        patch.setenv("TERM", "xterm")
        patch.setattr(time, "sleep", lambda _: None)
        assert [*View(looks, is_one=True).watched(every_s=1)] == []
    said = everything(parent)
    assert said.count("GetUser/get-user") > 2
    assert "UTC: Could not connect" in said
    assert "\x1b[1A" in said  # drawn over what was there
