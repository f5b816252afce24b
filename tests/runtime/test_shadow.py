"""The shadow function: what it compares, what it drops, and what it never writes down."""

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_runtime import shadow
from shadow_runtime.contract import Variable, Variant
from shadow_runtime.http import Response
from tests.runtime.shadowed import CONTROL, copied, lines, metrics, played_route

pytestmark = pytest.mark.usefixtures(played_route.__name__)


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


def test_a_request_is_recorded_where_that_is_asked_for_masked_and_a_few_of_a_form(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for user in (f"user-{number}" for number in range(7)):
        shadow.handler(copied(user, headers={"x-tenant": "acme", "cookie": "a=b"}), None)
    assert "recorded" not in capfd.readouterr().out
    for user in (f"user-{number}" for number in range(7)):
        shadow.handler(copied(user, is_recorded=True, headers={"x-tenant": "acme"}), None)
    out = capfd.readouterr().out
    assert metrics(out)["Compared"] == 7
    written = [line for line in lines(out) if line["message"] == "recorded"]
    assert len(written) == 5
    assert {line["status"] for line in written} == {200}
    request = written[0]["request"]
    assert (request["method"], request["headers"].keys()) == ("GET", {"x-tenant"})
    assert "acme" not in out
    assert "user-0" not in json.dumps(written)


def test_a_request_that_cannot_be_recorded_is_compared_all_the_same(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "masked", lambda *_: 1 / 0)
    shadow.handler(copied("ada", is_recorded=True), None)
    assert metrics(capfd.readouterr().out)["Compared"] == 1


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
    assert counted == {"Compared": 3, "Wrong": 2}


@pytest.mark.parametrize("by", ["Exposed", "Version", "Variant"])
def test_in_shadow_a_difference_is_a_finding_and_feeds_no_alarm(
    by: str, capfd: pytest.CaptureFixture[str]
) -> None:
    shadow.handler(copied("differs"), None)
    out = capfd.readouterr().out
    assert metrics(out)["Mismatched"] == 1
    assert metrics(out, by) == {}


@pytest.mark.parametrize("user", ["ada", "broken"])
def test_what_control_fails_is_no_pair_whatever_the_candidate_does(
    user: str, capfd: pytest.CaptureFixture[str]
) -> None:
    shadow.handler(copied(user, exposed=True, answer=Response.error(500, "broken")), None)
    out = capfd.readouterr().out
    assert metrics(out)["SideFailed"] == 1
    assert {"Compared", "Mismatched", "CandidateErrors"}.isdisjoint(metrics(out))
    assert metrics(out, "Exposed") == {}


def test_wrong_answers_that_users_received_are_counted_by_themselves(
    capfd: pytest.CaptureFixture[str],
) -> None:
    wrong = Response.json({"name": "Augusta"})
    shadow.handler(copied("ada", exposed=True), None)
    shadow.handler(copied("differs", exposed=True, variant=Variant.CANDIDATE, answer=wrong), None)
    served = metrics(capfd.readouterr().out, "Variant")
    assert served == {"Compared": 1, "Mismatched": 1}


def test_a_copy_older_than_a_minute_is_dropped_and_counted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    shadow.handler(copied("ada", age_ms=61_000), None)
    assert metrics(capfd.readouterr().out) == {"Expired": 1, "CopiesDropped": 1, "CopiesLost": 1}


@pytest.mark.parametrize("event", [None, {}, [], "text", {"marker": "shadow-canary/1"}])
def test_what_is_no_copy_is_dropped_and_counted(
    event: object, capfd: pytest.CaptureFixture[str]
) -> None:
    shadow.handler(event, None)
    assert metrics(capfd.readouterr().out) == {"Malformed": 1, "CopiesDropped": 1, "CopiesLost": 1}


def test_a_copy_delivered_twice_counts_once(capfd: pytest.CaptureFixture[str]) -> None:
    copy = copied("ada")
    shadow.handler(copy, None)
    shadow.handler(copy, None)
    found = metrics(capfd.readouterr().out)
    assert (found["Compared"], found["Duplicate"], "CopiesDropped" in found) == (1, 1, False)


def test_a_route_that_cannot_be_imported_is_counted_and_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(Variable.ROUTE_PACKAGE, "no_such_route")
    shadow.handler(copied("ada"), None)
    assert metrics(capfd.readouterr().out)["SideFailed"] == 1


def test_the_log_stays_flat_when_everything_differs(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(100):
        shadow.handler(copied("differs"), None)
    out = capfd.readouterr().out
    assert metrics(out)["Mismatched"] == 100
    assert len(lines(out)) == 5


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
    assert metrics(capfd.readouterr().out)["Compared"] == 1


PLAIN = """
import functools, json
from shadow_runtime.candidate import candidate
from shadow_runtime.compare import Rules
from shadow_runtime.migrating import migrating
from shadow_runtime.user import cookie

def answered(value):
    headers = {"content-type": "application/json"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(value)}

def loudly(handler):
    def wrapper(event, context):
        event["wrapped"] = True
        return handler(event, context)
    return wrapper
"""
OLD_CART = f"""{PLAIN}
@loudly
@migrating(user=cookie("cartId"), repeatable=True)
def handler(event, context):
    event["requestContext"].clear()
    return answered({{"items": [1], "wrapped": event["wrapped"]}})
"""
NEW_CART = f"""{PLAIN}
@loudly
@candidate(rules=Rules(ignore=["$.at"]))
def handler(event, context):
    assert event["wrapped"] and "shadowCanary" not in event
    BODY
"""


def cart(tmp_path: Path, body: str) -> None:
    [folder] = [path for path in tmp_path.iterdir() if path.is_dir()]
    (folder / "control.py").write_text(OLD_CART)
    (folder / "candidate.py").write_text(NEW_CART.replace("BODY", body))


def found_of(
    capfd: pytest.CaptureFixture[str], answer: dict[str, Any], **copy: Any
) -> dict[str, float]:
    """What a copy of the cart's request with its cookie counts as; the user had `answer`."""
    had = Response.json({"items": [1], "wrapped": True, **answer})
    shadow.handler(copied("7", answer=had, exposed=True, **copy), None)
    return metrics(capfd.readouterr().out)


CARRIED = {"headers": {"cookie": "cartId=7", "authorization": "Bearer e30"}}
SAME = 'return answered({"items": [1], "wrapped": True, "at": 3})'
EMPTY = 'return answered({"items": [], "wrapped": True})'
LACKING: dict[str, str] = {
    "an empty cart, as the cookie is not there": f'event.get("cookies"); {EMPTY}',
    "a failure, as the cookie is not there": 'return event["cookies"]',
    "a failure, as the header is not there": 'return event["headers"]["authorization"]',
    "a refusal": 'return {"statusCode": 401}',
    "another refusal": 'return {"statusCode": 403}',
}


def test_handlers_of_lambdas_form_run_with_their_decorators_and_their_rules(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cart(tmp_path, SAME)
    assert found_of(capfd, {"at": 4})["Compared"] == 1
    again = [found_of(capfd, {}) for _ in range(20)]
    assert not any({"Mismatched", "Noise"} & {*found} for found in again)


@pytest.mark.parametrize("body", LACKING.values(), ids=LACKING)
def test_who_could_not_work_without_a_credential_is_neither_compared_nor_wrong(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], body: str
) -> None:
    cart(tmp_path, body)
    found = found_of(capfd, {}, **CARRIED)
    assert (found["Withheld"], found["CopiesDropped"]) == (1, 1)
    assert {"Compared", "Mismatched", "CandidateErrors"}.isdisjoint(found)


@pytest.mark.parametrize("body", LACKING.values(), ids=LACKING)
def test_the_same_is_wrong_where_nothing_was_withheld(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], body: str
) -> None:
    cart(tmp_path, body)
    found = found_of(capfd, {})
    assert found["Compared"] == 1
    assert found.get("Mismatched", 0) + found.get("CandidateErrors", 0) == 1


def test_what_is_wrong_for_another_reason_is_a_mismatch_whatever_was_withheld(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cart(tmp_path, EMPTY)
    assert found_of(capfd, {}, **CARRIED)["Mismatched"] == 1


def test_who_looked_for_a_credential_and_agrees_is_compared(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cart(tmp_path, f'event.get("cookies"); {SAME}')
    found = found_of(capfd, {}, **CARRIED)
    assert (found["Compared"], "Withheld" in found) == (1, False)


def test_at_live_it_is_control_that_may_lack_something(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cart(tmp_path, SAME)
    [folder] = [path for path in tmp_path.iterdir() if path.is_dir()]
    (folder / "control.py").write_text(OLD_CART.replace("event[", 'event["cookies"]; event[', 1))
    found = found_of(capfd, {}, variant=Variant.CANDIDATE, **CARRIED)
    assert (found["Withheld"], "Compared" in found) == (1, False)


@pytest.mark.parametrize(
    "answer",
    [
        '{"statusCode": 200, "headers": {"x-a": ["a", "b"]}, "body": ""}',
        '{"statusCode": 200, "body": {"items": [1]}}',
        '{"statusCode": "fine"}',
        "object()",
    ],
)
def test_what_the_route_would_refuse_from_a_candidate_is_its_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], answer: str
) -> None:
    cart(tmp_path, f"return {answer}")
    assert found_of(capfd, {})["CandidateErrors"] == 1


def test_a_candidate_that_would_have_missed_its_deadline_is_late_and_proves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cart(tmp_path, f"import time; time.sleep(0.02); {SAME}")
    late = found_of(capfd, {}, deadline_ms=10)
    assert (late["Late"], "Compared" in late) == (1, False)
    assert "Late" not in found_of(capfd, {}, deadline_ms=2_000)
    of_control = found_of(capfd, {}, deadline_ms=0, variant=Variant.CANDIDATE)
    assert "Late" not in of_control
