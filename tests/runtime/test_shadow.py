"""The shadow function: what it compares, what it drops, and what it never writes down."""

import importlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shadow_runtime import shadow
from shadow_runtime.contract import Variable, Variant
from shadow_runtime.http import Request, Response
from shadow_runtime.sampling import Deduplicator, LogSampler
from shadow_runtime.tee import Copy

CONTROL = """
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating

@migrating(repeatable=True)
def handler(request: Request) -> Response:
    return Response.json({"name": "Ada", "asked": request.user})
"""
CANDIDATE = """
from shadow_runtime.candidate import candidate
from shadow_runtime.http import Request, Response

@candidate
def handler(request: Request) -> Response:
    if request.user == "broken":
        raise RuntimeError("secret message of ada@example.com")
    name = "Augusta" if request.user == "differs" else "Ada"
    return Response.json({"name": name, "asked": request.user})
"""
count = iter(range(1_000_000))


@pytest.fixture(autouse=True)
def _a_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = f"played_{next(count)}"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "control.py").write_text(CONTROL)
    (folder / "candidate.py").write_text(CANDIDATE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv(Variable.ROUTE_PACKAGE, package)
    monkeypatch.setattr(shadow, "_masking_key", lambda: b"key")
    monkeypatch.setattr(shadow, "_deduplicator", Deduplicator())
    monkeypatch.setattr(shadow, "_log_sampler", LogSampler())
    importlib.invalidate_caches()
    for cached in (shadow._sides, shadow._usage):
        cached.cache_clear()
    yield
    for cached in (shadow._sides, shadow._usage):
        cached.cache_clear()


def copied(
    user: str,
    *,
    variant: Variant = Variant.CONTROL,
    age_ms: float = 0,
    exposed: bool = False,
    answer: Response | None = None,
) -> dict[str, Any]:
    request = Request(method="GET", path="/users/me", user=user, id=str(next(count)))
    answer = answer or Response.json({"name": "Ada", "asked": user})
    copy = Copy(request, variant, answer, time.time() * 1_000 - age_ms, exposed)
    payload: dict[str, Any] = json.loads(copy.payload())
    return payload


def metrics(captured: str, *by: str) -> dict[str, float]:
    """The sums by route, and by further dimensions."""
    found: dict[str, float] = {}
    for line in captured.splitlines():
        document = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            asked = directive["Dimensions"] == [["Route", *by]]
            for metric in directive["Metrics"] if asked else []:
                found[metric["Name"]] = found.get(metric["Name"], 0) + sum(document[metric["Name"]])
    return found


def lines(captured: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, captured.splitlines()) if "message" in line]


def test_equal_answers_count_as_compared_and_nothing_more(
    capfd: pytest.CaptureFixture[str],
) -> None:
    shadow.handler(copied("ada"), None)
    out = capfd.readouterr().out
    assert metrics(out)["Compared"] == 1
    assert {"Mismatched", "CandidateErrors", "CopiesDropped"}.isdisjoint(metrics(out))
    assert lines(out) == []


def test_a_mismatch_is_counted_and_told_without_a_value(capfd: pytest.CaptureFixture[str]) -> None:
    shadow.handler(copied("differs"), None)
    out = capfd.readouterr().out
    assert metrics(out)["Mismatched"] == 1
    [line] = lines(out)
    [difference] = line["differences"]
    assert (difference["path"], difference["kind"]) == ("$.name", "value")
    assert "Augusta" not in out
    assert "differs" not in json.dumps({**line, "differences": None})


def test_a_candidate_that_raises_is_an_error_and_its_message_stays_inside(
    capfd: pytest.CaptureFixture[str],
) -> None:
    shadow.handler(copied("broken"), None)
    out = capfd.readouterr().out
    assert metrics(out)["CandidateErrors"] == 1
    assert "ada@example.com" not in out


def test_at_live_control_is_the_one_that_runs(capfd: pytest.CaptureFixture[str]) -> None:
    shadow.handler(copied("broken", variant=Variant.CANDIDATE), None)
    assert metrics(capfd.readouterr().out)["Compared"] == 1


@pytest.mark.parametrize("by", ["Exposed", "Version"])
def test_while_users_are_exposed_a_difference_counts_for_the_alarms_too(
    by: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for user in ("ada", "differs", "broken"):
        shadow.handler(copied(user, exposed=True), None)
    counted = metrics(capfd.readouterr().out, by)
    assert counted == {"Compared": 3, "Mismatched": 1, "CandidateErrors": 1}


@pytest.mark.parametrize("by", ["Exposed", "Version", "Variant"])
def test_in_shadow_a_difference_is_a_finding_and_feeds_no_alarm(
    by: str, capfd: pytest.CaptureFixture[str]
) -> None:
    shadow.handler(copied("differs"), None)
    out = capfd.readouterr().out
    assert metrics(out)["Mismatched"] == 1
    assert metrics(out, by) == {}


def test_what_control_fails_is_found_but_no_reason_to_go_back_to_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    shadow.handler(copied("ada", exposed=True, answer=Response.error(500, "broken")), None)
    out = capfd.readouterr().out
    assert metrics(out)["Mismatched"] == 1
    assert metrics(out, "Exposed") == {}


def test_wrong_answers_that_users_received_are_counted_by_themselves(
    capfd: pytest.CaptureFixture[str],
) -> None:
    wrong = Response.json({"name": "Augusta"})
    shadow.handler(copied("ada", exposed=True), None)
    shadow.handler(copied("ada", exposed=True, variant=Variant.CANDIDATE, answer=wrong), None)
    served = metrics(capfd.readouterr().out, "Variant")
    assert served == {"Compared": 1, "Mismatched": 1}


def test_a_copy_older_than_a_minute_is_dropped_and_counted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    shadow.handler(copied("ada", age_ms=61_000), None)
    assert metrics(capfd.readouterr().out) == {"CopiesDropped": 1}


@pytest.mark.parametrize("event", [None, {}, [], "text", {"marker": "shadow-canary/1"}])
def test_what_is_no_copy_is_dropped_and_counted(
    event: object, capfd: pytest.CaptureFixture[str]
) -> None:
    shadow.handler(event, None)
    assert metrics(capfd.readouterr().out) == {"CopiesDropped": 1}


def test_a_copy_delivered_twice_counts_once(capfd: pytest.CaptureFixture[str]) -> None:
    copy = copied("ada")
    shadow.handler(copy, None)
    shadow.handler(copy, None)
    assert metrics(capfd.readouterr().out)["Compared"] == 1


def test_a_route_that_cannot_be_imported_is_counted_and_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(Variable.ROUTE_PACKAGE, "no_such_route")
    shadow.handler(copied("ada"), None)
    assert metrics(capfd.readouterr().out)["CopiesDropped"] == 1


def test_the_log_stays_flat_when_everything_differs(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(100):
        shadow.handler(copied("differs"), None)
    out = capfd.readouterr().out
    assert metrics(out)["Mismatched"] == 100
    assert len(lines(out)) == 5


def test_control_runs_again_for_a_twentieth_of_the_copies(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for _ in range(500):
        shadow.handler(copied("ada"), None)
    found = metrics(capfd.readouterr().out)
    assert 10 < found["NoiseCompared"] < 50
    assert "Noise" not in found


def test_the_noise_of_control_is_counted_by_path(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [folder] = [path for path in tmp_path.iterdir() if path.is_dir()]
    restless = CONTROL.replace('"Ada"', 'f"Ada {id(request)}"')
    (folder / "control.py").write_text(restless)
    for _ in range(200):
        shadow.handler(copied("ada"), None)
    documents = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    by_path = [d["Path"] for d in documents if "Path" in d]
    assert by_path
    assert set(by_path) == {"$.name"}


@pytest.mark.parametrize("age_ms", [-3_600_000, -1])
def test_a_clock_that_is_behind_drops_no_copy(
    age_ms: float, capfd: pytest.CaptureFixture[str]
) -> None:
    shadow.handler(copied("ada", age_ms=age_ms), None)
    found = metrics(capfd.readouterr().out)
    assert (found["Compared"], found["ShadowLag"]) == (1, 0)
