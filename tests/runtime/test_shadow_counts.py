"""Every copy ends in exactly one count, and a mismatch that moves users was seen twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shadow_runtime import shadow
from shadow_runtime.compare import Comparison, Verdict
from shadow_runtime.contract import Variable, Variant
from shadow_runtime.http import Response
from shadow_runtime.sampling import Deduplicator
from shadow_runtime.shadow import SecondSights, Sight
from tests.runtime.shadowed import copied, lines, metrics, played_route

pytestmark = pytest.mark.usefixtures(played_route.__name__)

ENDS = {
    *("Compared", "Late", "Malformed", "Withheld", "SideFailed", "Undecided", "Expired"),
    "Duplicate",
}
PLAIN = """
import asyncio, os, time
from shadow_runtime.candidate import candidate
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating
"""
CONTROL = f"""{PLAIN}
@migrating(repeatable=REPEATABLE)
def handler(request: Request) -> Response:
    BODY
"""
CANDIDATE = f"""{PLAIN}
@candidate
def handler(request: Request) -> Response:
    BODY
"""
ADA = Response.json({"name": "Ada"})
SAYS_ADA = 'return Response.json({"name": "Ada"})'
SAYS_AUGUSTA = 'return Response.json({"name": "Augusta"})'


def route(
    folder: Path, *, control: str = SAYS_ADA, candidate: str = SAYS_ADA, repeatable: bool = True
) -> None:
    old = CONTROL.replace("REPEATABLE", str(repeatable)).replace("BODY", control)
    (folder / "control.py").write_text(old)
    (folder / "candidate.py").write_text(CANDIDATE.replace("BODY", candidate))


class Context:
    """An invocation with so little time left that a side which sleeps has 0.1 s."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + shadow.RESERVED_MS / 1_000 + 0.1

    def get_remaining_time_in_millis(self) -> int:
        return int(1_000 * (self._ends - time.monotonic()))


BY_USER = """
    match request.user:
        case "sleeps": time.sleep(30)
        case "swallows":
            try: time.sleep(30)
            except BaseException: pass
        case "exits": raise SystemExit
        case "raises": raise RuntimeError
        case "cancels": raise asyncio.CancelledError
        case "differs": return Response.json({"name": "Augusta"})
        case "refuses": return Response(status=403)
        case "no response": return 7
    return Response.json({"name": "Ada"})
"""


def of(user: str, **copy: Any) -> Callable[[], Any]:
    return lambda: copied(user, **{"answer": ADA, **copy})


FAILURES: dict[str, tuple[Callable[[], Any], str]] = {
    "agrees": (of("ada"), "Compared"),
    "differs": (of("differs"), "Compared"),
    "candidate raises": (of("raises"), "Compared"),
    "candidate exits": (of("exits"), "Compared"),
    "candidate answers no response": (of("no response"), "Compared"),
    "candidate refuses": (of("refuses"), "Compared"),
    "candidate is slow": (of("ada", deadline_ms=-1), "Late"),
    "candidate hangs": (of("sleeps"), "Late"),
    "candidate hangs and will not be woken": (of("swallows", deadline_ms=50), "Late"),
    "candidate raises what is no error": (of("cancels"), "SideFailed"),
    "control failed": (of("ada", answer=Response(status=503)), "SideFailed"),
    "both failed": (of("raises", answer=Response(status=500)), "SideFailed"),
    "needs what was withheld": (of("refuses", headers={"cookie": "id=7"}), "Withheld"),
    "too old": (of("ada", age_ms=61_000), "Expired"),
    "no copy": (lambda: {"marker": "shadow-canary/4"}, "Malformed"),
    "nothing": (lambda: None, "Malformed"),
    "the event of a queue": (lambda: {**of("ada")(), "event": {"Records": []}}, "Malformed"),
    "withheld what is no path": (lambda: {**of("ada")(), "withheld": [7]}, "Malformed"),
    "an answer that is none": (
        lambda: {**of("ada")(), "response": {"statusCode": 200, "headers": 7}},
        "Malformed",
    ),
}


@pytest.mark.parametrize(("make", "end"), FAILURES.values(), ids=FAILURES)
def test_a_copy_ends_in_one_count(
    make: Callable[[], Any],
    end: str,
    played_route: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    route(played_route, candidate=BY_USER)
    shadow.handler(make(), Context())
    found = metrics(capfd.readouterr().out)
    assert {name: found[name] for name in ENDS & found.keys()} == {end: 1}
    assert found.get("CopiesDropped", 0) == (end != "Compared")


AT_LIVE = {
    "agrees": (SAYS_ADA, "Compared"),
    "differs": (SAYS_AUGUSTA, "Compared"),
    "raises": ("raise RuntimeError", "SideFailed"),
    "is no code": ("return no_name", "SideFailed"),
    "hangs": ("time.sleep(30)", "Late"),
}


@pytest.mark.parametrize(("control", "end"), AT_LIVE.values(), ids=AT_LIVE)
def test_at_live_control_decides_how_a_copy_ends(
    control: str, end: str, played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    route(played_route, control=control)
    shadow.handler(copied("ada", answer=ADA, variant=Variant.CANDIDATE), Context())
    found = metrics(capfd.readouterr().out)
    assert {name: found[name] for name in ENDS & found.keys()} == {end: 1}


@given(st.lists(st.sampled_from([*FAILURES]), min_size=1, max_size=8))
@hypothesis_settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_counts_of_a_stream_add_up_to_what_was_sent(
    played_route: Path, capfd: pytest.CaptureFixture[str], stream: list[str]
) -> None:
    route(played_route, candidate=BY_USER)
    with patch.object(shadow, "_deduplicator", Deduplicator()):
        for each in stream:
            payload = FAILURES[each][0]()
            shadow.handler(payload, Context())
    found = metrics(capfd.readouterr().out)
    assert sum(found.get(end, 0) for end in ENDS) == len(stream)
    assert found.get("Compared", 0) + found.get("CopiesDropped", 0) == len(stream)


def test_a_comparison_that_could_not_decide_is_no_difference(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shadow, "compare", lambda *_: Comparison(Verdict.UNDECIDED))
    shadow.handler(copied("ada"), None)
    found = metrics(capfd.readouterr().out)
    assert (found["Undecided"], found["CopiesDropped"], "Compared" in found) == (1, 1, False)


KILLED = {
    "exits at once": "os._exit(1)",
    "is killed": "os.kill(os.getpid(), 9)",
    "ends in C": "import ctypes; ctypes.string_at(0)",
}


def in_a_process(folder: Path) -> subprocess.Popen[str]:
    """The shadow function in a process of its own, which has half a second for a copy of Ada's."""
    code = (
        "import json, sys; from shadow_runtime import shadow; shadow.TIMEOUT_MS = 1_500\n"
        "shadow.handler(json.loads(sys.argv[1]), None)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(copied("ada", answer=ADA))],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            Variable.ROUTE_PACKAGE: folder.name,
            "PYTHONPATH": os.pathsep.join([str(folder.parent), *sys.path]),
        },
    )


@pytest.mark.parametrize("body", KILLED.values(), ids=KILLED)
def test_a_copy_whose_process_ends_was_begun_and_is_in_no_count_but_lambdas(
    played_route: Path, body: str
) -> None:
    route(played_route, candidate=body)
    with in_a_process(played_route) as process:
        out, _ = process.communicate(timeout=20)
    assert process.returncode != 0  # which Lambda counts, as it drops the event
    assert '"copy begun"' in out
    assert metrics(out).keys() == set()


def test_a_process_that_was_frozen_tells_the_end_of_its_copy_when_it_goes_on(
    played_route: Path,
) -> None:
    route(played_route, candidate="time.sleep(30)")
    with in_a_process(played_route) as process:
        assert process.stdout
        begun = process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        process.send_signal(signal.SIGCONT)
        out = begun + process.stdout.read()
    assert metrics(out).keys() == {"Late", "CopiesDropped", "CopiesLost"}


DEAF = """
    class Slow:
        def __del__(self): time.sleep(30)
    Slow()
    time.sleep(30)
"""


def test_a_side_whose_finalizer_swallows_that_its_time_is_up_is_told_again(
    played_route: Path,
) -> None:
    route(played_route, candidate=DEAF)
    started = time.monotonic()
    with in_a_process(played_route) as process:
        out, _ = process.communicate(timeout=20)
    assert metrics(out).keys() == {"Late", "CopiesDropped", "CopiesLost"}
    assert time.monotonic() - started < 20


ENDLESS = """
from shadow_runtime.candidate import candidate
from shadow_runtime.compare import Rules
from shadow_runtime.http import Response

@candidate(rules=Rules(shape={"$.name": "(a+)+"}))
def handler(request):
    return Response.json({"name": "a" * 60 + "?"})
"""


def test_a_comparison_that_outlasts_the_invocation_is_undecided(
    played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (played_route / "candidate.py").write_text(ENDLESS)
    shadow.handler(copied("ada", answer=Response.json({"name": "a" * 60 + "!"})), Context())
    found = metrics(capfd.readouterr().out)
    assert {name: found[name] for name in ENDS & found.keys()} == {"Undecided": 1}


ONE_BEHIND = """
    import pathlib
    written = pathlib.Path(__file__).with_name("written")
    return Response.json({"name": written.read_text() if written.exists() else "Grace"})
"""


def test_a_write_between_two_answers_is_a_first_sight(
    played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    route(played_route, control=ONE_BEHIND, candidate=ONE_BEHIND)
    shadow.handler(copied("ada", answer=ADA, exposed=True), None)  # who is called Grace since
    out = capfd.readouterr().out
    found = metrics(out)
    assert (found["Compared"], found["FirstSight"]) == (1, 1)
    assert {"Mismatched", "Unsettled"}.isdisjoint(found)
    assert "Wrong" not in metrics(out, "Exposed")
    [line] = lines(out)
    assert (line["message"], line["sight"]) == ("mismatch", "first")


def test_what_differs_again_in_the_same_place_is_confirmed_and_moves_users(
    played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    route(played_route, candidate=SAYS_AUGUSTA)
    shadow.handler(copied("ada", answer=ADA, exposed=True), None)
    out = capfd.readouterr().out
    assert "FirstSight" not in metrics(out)
    assert metrics(out, "Exposed")["Wrong"] == metrics(out, "Version")["Wrong"] == 1
    [line] = lines(out)
    assert line["sight"] == "confirmed"


ELSEWHERE = """
    handler.asked = getattr(handler, "asked", 0) + 1
    return Response.json({"name": "Ada", "a": 1} if handler.asked > 1 else {"name": "Augusta"})
"""


@pytest.mark.parametrize(
    "behaviour",
    [
        {"candidate": ELSEWHERE},
        {"candidate": SAYS_AUGUSTA, "repeatable": False},
        {"candidate": SAYS_AUGUSTA, "control": "return Response(status=500)"},
        {"candidate": SAYS_AUGUSTA, "control": "time.sleep(30)"},
        {"candidate": SAYS_AUGUSTA, "control": "raise SystemExit"},
    ],
    ids=["differs elsewhere", "not repeatable", "control fails", "control hangs", "control exits"],
)
def test_what_no_second_sight_can_tell_stays_a_first_sight_that_is_not_settled(
    played_route: Path, capfd: pytest.CaptureFixture[str], behaviour: dict[str, Any]
) -> None:
    route(played_route, **behaviour)
    shadow.handler(copied("ada", answer=ADA), Context())
    found = metrics(capfd.readouterr().out)
    assert (found["Compared"], found["FirstSight"], found["Unsettled"]) == (1, 1, 1)
    assert "Mismatched" not in found


def test_control_that_may_not_be_asked_twice_is_not(
    played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    route(played_route, control="os._exit(1)", candidate=SAYS_AUGUSTA, repeatable=False)
    for _ in range(100):
        shadow.handler(copied("ada", answer=ADA), None)
    assert metrics(capfd.readouterr().out)["Unsettled"] == 100


def test_a_dead_candidate_is_asked_once_a_copy(
    played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    route(played_route, candidate="raise RuntimeError", repeatable=False)
    for _ in range(50):
        shadow.handler(copied("ada", answer=ADA), None)
    found = metrics(capfd.readouterr().out)
    assert (found["CandidateErrors"], "FirstSight" in found) == (50, False)


def test_a_flood_of_differences_is_confirmed_by_a_few_second_sights(
    played_route: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "_second_sights", SecondSights(clock=lambda: 0.0))
    log = played_route / "asked"
    route(
        played_route,
        candidate=f"with open({str(log)!r}, 'a') as log: log.write('.')\n    {SAYS_AUGUSTA}",
    )
    for _ in range(200):
        shadow.handler(copied("ada", answer=ADA), None)
    assert metrics(capfd.readouterr().out)["Mismatched"] == 200
    assert len(log.read_text()) == 200 + SecondSights.AT_ONCE


def test_a_second_sight_comes_back_every_two_seconds() -> None:
    times = [second for second in range(100) for _ in range(5)]
    clock = iter([0, *times])
    seconds = SecondSights(clock=lambda: next(clock))
    looked = [Mock(return_value=Sight.FIRST) for _ in times]
    for look in looked:
        seconds.sight("c0ffee", look)
    asked = sum(look.called for look in looked)
    assert asked == pytest.approx(SecondSights.AT_ONCE + 100 / SecondSights.EACH_S, abs=1)


def test_what_control_wrote_meanwhile_is_no_noise_of_its_own(
    played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    route(played_route, control=ONE_BEHIND, candidate=ONE_BEHIND)
    for _ in range(50):
        shadow.handler(copied("ada", answer=ADA), None)  # who is called Grace since
    found = metrics(capfd.readouterr().out)
    assert found["FirstSight"] == 50
    assert "Noise" not in found


LOGGED = """
    with open(__file__ + ".asked", "a") as log:
        log.write(".")
    """


def asked(folder: Path, side: str = "control") -> int:
    return len((folder / f"{side}.py.asked").read_text())


def test_control_is_asked_again_for_the_first_copies_then_for_a_part_and_for_every_mismatch(
    played_route: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shadow_runtime.sampling.ALWAYS_ASKED_AGAIN", 50)
    route(played_route, control=LOGGED + SAYS_ADA, candidate=BY_USER)
    for _ in range(50):
        shadow.handler(copied("ada", answer=ADA), None)
    assert asked(played_route) == 50
    for _ in range(200):
        shadow.handler(copied("ada", answer=ADA), None)
    some = asked(played_route) - 50
    assert 5 < some < 50
    for _ in range(5):
        shadow.handler(copied("differs", answer=ADA), None)
    assert asked(played_route) - 50 - some >= 5 * 2
    out = capfd.readouterr().out
    by = ("CandidateVersion", "AskedAgain")
    assert metrics(out, *by, AskedAgain="1") == {"Compared": 50}
    assert metrics(out, *by, AskedAgain="0.1") == {"Compared": 205, "Mismatched": 5}
    assert metrics(out)["Compared"] == 255, "and by route, for alarms and people"


def test_where_control_may_not_be_asked_again_its_noise_is_known_of_no_pair(
    played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    route(played_route, control=LOGGED + SAYS_ADA, candidate=SAYS_AUGUSTA, repeatable=False)
    shadow.handler(copied("ada", answer=ADA), None)
    assert not (played_route / "control.py.asked").exists()
    found = metrics(capfd.readouterr().out, "CandidateVersion", "AskedAgain", AskedAgain="0")
    assert found == {"Compared": 1, "FirstSight": 1, "Unsettled": 1}


RESTLESS = 'return Response.json({"name": "Ada", "at": time.perf_counter_ns()})'
ADA_AT_0 = Response.json({"name": "Ada", "at": 0})
ALONE: dict[str, tuple[str, str | None]] = {
    "the candidate answers as control did once": (
        'return Response.json({"name": "Ada", "at": 0})',
        None,
    ),
    "both are restless": (RESTLESS, "BothDiffer"),
    "the candidate is wrong elsewhere": (
        'return Response.json({"name": "Augusta", "at": 77})',
        "Mismatched",
    ),
    "the candidate fails": ("raise RuntimeError", "CandidateErrors"),
}


@pytest.mark.parametrize(("candidate", "counted"), ALONE.values(), ids=ALONE)
def test_over_the_noise_of_control_only_what_differs_elsewhere_is_a_mismatch(
    played_route: Path,
    capfd: pytest.CaptureFixture[str],
    candidate: str,
    counted: str | None,
) -> None:
    route(played_route, control=RESTLESS, candidate=candidate)
    shadow.handler(copied("ada", answer=ADA_AT_0, exposed=True), None)
    found = metrics(capfd.readouterr().out)
    verdicts = {"Mismatched", "CandidateErrors", "BothDiffer", "FirstSight", "Noise"}
    assert {name: found[name] for name in verdicts & found.keys()} == (
        {counted: 1} if counted else {}
    )


ONCE_IN_FOUR = """
    import random
    handler.random = getattr(handler, "random", random.Random(SEED))
    if handler.random.random() < 0.25: FAILS
    return Response.json({"name": "Ada"})
    """
AT_RANDOM = {
    "fail": "raise RuntimeError",
    "answer something else": 'return Response.json({"name": "Augusta"})',
}


@pytest.mark.parametrize("fails", AT_RANDOM.values(), ids=AT_RANDOM)
def test_two_sides_that_are_alike_are_alone_as_often(
    played_route: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fails: str,
) -> None:
    monkeypatch.setattr(shadow, "SECOND_SIGHT_S", 0)
    monkeypatch.setattr(SecondSights, "EACH_S", 0)
    monkeypatch.setattr(SecondSights, "AT_ONCE", 2)
    noisy = ONCE_IN_FOUR.replace("FAILS", fails)
    route(
        played_route,
        control=noisy.replace("SEED", "1"),
        candidate=noisy.replace("SEED", "2"),
    )
    for _ in range(2_000):
        shadow.handler(copied("ada", answer=ADA), None)
    found = metrics(capfd.readouterr().out)
    alone = found.get("Mismatched", 0) + found.get("CandidateErrors", 0)
    assert found["Noise"] > 30
    assert abs(alone - found["Noise"]) < 4 * (alone + found["Noise"]) ** 0.5


TOO_DEEP = """
    handler.asked = getattr(handler, "asked", 0) + 1
    return Response(status=200, body="[" * (5_000 + handler.asked))
    """


def test_what_nobody_can_compare_is_no_noise(
    played_route: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    route(played_route, control=TOO_DEEP)
    for _ in range(20):
        shadow.handler(copied("ada", answer=ADA), None)
    found = metrics(capfd.readouterr().out)
    assert found["Compared"] == 20
    assert "Noise" not in found


@pytest.mark.parametrize(
    ("control", "counted"),
    [(SAYS_ADA, {"Compared": 1}), ("return Response(status=500)", {"ControlErrors": 1})],
    ids=["control answers too", "control alone fails"],
)
def test_of_what_a_user_had_of_the_candidate_it_is_known_whether_control_fails(
    played_route: Path,
    capfd: pytest.CaptureFixture[str],
    control: str,
    counted: dict[str, int],
) -> None:
    route(played_route, control=control)
    shadow.handler(copied("ada", answer=ADA, exposed=True, variant=Variant.CANDIDATE), None)
    assert metrics(capfd.readouterr().out, "Variant", "CandidateVersion") == counted


CLASSES: dict[str, tuple[Response, str | None]] = {
    "content": (ADA, None),
    "a page": (Response(status=200, body="<p>[]</p>"), None),
    "bytes": (Response(status=200, body=b"\xff"), None),
    "null": (Response.json(None), "Empty"),
    "no elements": (Response(status=200, body=" [ ]\n"), "Empty"),
    "no members": (Response.json({}), "Empty"),
    "no body": (Response(status=200), "Empty"),
    "204": (Response(status=204), "Empty"),
    "404": (Response.error(404, "Not Found"), "Refused"),
    "401": (Response(status=401), "Refused"),
}


@pytest.mark.parametrize(("answer", "pair_class"), CLASSES.values(), ids=CLASSES)
def test_pairs_are_counted_by_what_they_can_prove(
    answer: Response, pair_class: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    shadow.handler(copied("ada", answer=answer, variant=Variant.CANDIDATE), None)
    shadow.handler(copied("ada", answer=answer), None)
    found = metrics(capfd.readouterr().out)
    assert found["Compared"] == 2  # at live it is control's own answer that counts: content
    assert {name for name in ("Empty", "Refused") if name in found} == (
        {pair_class} if pair_class else set()
    )
    assert pair_class is None or found[pair_class] == 1
