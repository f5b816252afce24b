"""Counts that add up: whatever befalls a request, it is bad once at most, and nowhere twice.

The formulas are those of the sample's alarms as they are synthesized; CloudWatch's rules evaluate
them over what one request leaves behind, as if a thousand alike had come.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.alarms import Alarm, Metric
from shadow_runtime.contract import Variable
from shadow_runtime.handlers import MARK
from tests.runtime.front_doors.events import SAMPLES, renewed
from tests.runtime.front_doors.measured import Key, counted, kind, named
from tests.runtime.front_doors.others import OTHERS
from tests.runtime.front_doors.route import Aws, Context
from tests.runtime.front_doors.sides import CANDIDATE, CONTROL, GOOD
from tests.runtime.front_doors.stages import (
    EXPOSED,
    ON_CONTROL,
    ON_THE_CANDIDATE,
    STAGES,
    WITH_A_STAND_IN,
)
from tests.runtime.played import HANG_UP, Reply, error

TESTS = Path(__file__).resolve().parents[2]
TEMPLATE = TESTS / "snapshot/__snapshots__/test_snapshots/test_template[GetUser].json"

SAMPLE = SAMPLES["HTTP API: a JWT"]
NOBODYS = SAMPLES["HTTP API: nobody"]

OF_COPIES = ("copies-lost", "shadow-dead")
RATES = {
    alarm.rule.name: alarm
    for alarm in Alarm.all_of(json.loads(TEMPLATE.read_text())).values()
    if alarm.rule is not None and alarm.rule.kind == "rate" and alarm.rule.name not in OF_COPIES
}
"""The sample's alarms on a share of the requests, or of the pairs."""

SIDES: dict[str, Any] = {
    "answers": GOOD,
    "answers otherwise": {"statusCode": 200, "body": "[]"},
    "refuses": {"statusCode": 404, "body": "{}"},
    "fails": {"statusCode": 503, "body": "{}"},
    "raises": KeyError("no such cart"),
    "answers what is no JSON": {"statusCode": 200, "body": b"{}"},
    "answers what no front door takes": {"statusCode": 200, "body": {}},
}
"""What the code of either side does."""

FAULTS: dict[str, Reply | None] = {
    "is throttled": error(429, "TooManyRequestsException"),
    "may not be called": error(403, "AccessDeniedException"),
    "hangs up": HANG_UP,
    "is handed too much": error(413, "RequestTooLargeException"),
    "is lost in Lambda": error(500, "ServiceException"),
    "answers half": Reply(body=b'{"statusCode": 20'),
}
"""What befalls the candidate besides."""


def of_lambda(name: str) -> Key:
    """One of Lambda's own metrics of the calls through the alias that ran on one version."""
    through = ("FunctionName", "Resource", "ExecutedVersion")
    return kind("AWS/Lambda", name, [(dimension, "") for dimension in through])


def percent(alarm: Alarm, counts: Counter[Key]) -> float:
    """What the alarm sees after a thousand requests that each left `counts`."""

    def series(metric: Metric) -> Any:
        found = counts[kind(metric.namespace, metric.name, metric.dimensions)]
        return np.array([1_000.0 * found if found else np.nan])

    by_id = {id_: series(metric) for id_, metric in alarm.metrics.items()}
    return float(np.nan_to_num(alarm.formula.evaluate(by_id)[0]))


class Counting:
    """Asks the route, and counts what that leaves: by Lambda, by the route, by the shadow."""

    def __init__(self, aws: Aws, capfd: pytest.CaptureFixture[str]) -> None:
        self.aws = aws
        self._capfd = capfd

    def ask(self, stage: str, event: Any = SAMPLE.event) -> Any:
        position = STAGES[stage](SAMPLE.key)
        return self.aws.ask(CONTROL, CANDIDATE, renewed(event), at=position, context=Context())

    def counts(self, stage: str, event: Any = SAMPLE.event) -> Counter[Key]:
        self.aws.functions.copies.clear()
        self._capfd.readouterr()
        by_lambda = [of_lambda("Invocations")]
        try:
            json.dumps(self.ask(stage, event))  # as Lambda does, which fails where that fails
        except Exception:
            by_lambda.append(of_lambda("Errors"))
        for copy in self.aws.functions.copies:
            self.aws.compare(copy)
        return counted(self._capfd.readouterr().out) + Counter(by_lambda)

    def rates(self, stage: str, event: Any = SAMPLE.event) -> dict[str, float]:
        """What each alarm sees, in percent; 0 is left out."""
        counts = self.counts(stage, event)
        seen = {name: percent(alarm, counts) for name, alarm in RATES.items()}
        return {name: share for name, share in seen.items() if share}


@pytest.fixture
def counting(aws: Aws, capfd: pytest.CaptureFixture[str]) -> Counting:
    CONTROL.answer = CANDIDATE.answer = GOOD
    return Counting(aws, capfd)


BAD = {"fails", "raises", "answers what is no JSON", "answers what no front door takes", *FAULTS}
BOTH_ERRORS = {"code-error-rate", "candidate-error-rate"}
BOTH_MISMATCHES = {"code-mismatch-rate", "candidate-mismatch-rate"}


def heard(stage: str, candidate: str, control: str) -> set[str]:
    """The alarms that hear of it: who is asked and fails is an error, who differs a mismatch."""
    if stage in ON_THE_CANDIDATE and candidate in BAD:
        return BOTH_ERRORS
    if stage in ON_CONTROL and control in BAD:
        return {"code-error-rate"}
    if stage not in EXPOSED or control in BAD:  # what control fails is no reason to go back to it
        return set()
    code = "answers" if candidate in FAULTS else candidate
    return set() if code == control else BOTH_MISMATCHES


@pytest.mark.parametrize("control", SIDES)
@pytest.mark.parametrize("candidate", [*SIDES, *FAULTS])
@pytest.mark.parametrize("stage", STAGES)
def test_a_request_is_bad_once_or_not_at_all(
    counting: Counting, stage: str, candidate: str, control: str
) -> None:
    CONTROL.answer = SIDES[control]
    CANDIDATE.answer = SIDES.get(candidate, GOOD)
    if candidate in FAULTS:
        counting.aws.functions.always(FAULTS[candidate])
    assert counting.rates(stage) == dict.fromkeys(heard(stage, candidate, control), 100.0)


@pytest.mark.parametrize("control", ["answers", "fails"])
@pytest.mark.parametrize("stage", ON_THE_CANDIDATE)
def test_a_request_whose_candidate_is_late_is_bad_once(
    counting: Counting, monkeypatch: pytest.MonkeyPatch, stage: str, control: str
) -> None:
    monkeypatch.setenv(Variable.CANDIDATE_DEADLINE_MS, "200")
    CONTROL.answer = SIDES[control]
    counting.aws.functions.always(Reply(delay=0.3))
    assert counting.rates(stage) == dict.fromkeys(BOTH_ERRORS, 100.0)
    assert "Timeouts" in named(counting.counts(stage))


@pytest.mark.parametrize("control", SIDES)
@pytest.mark.parametrize("stage", WITH_A_STAND_IN)
def test_a_request_that_the_open_circuit_keeps_from_the_candidate_is_bad_once(
    counting: Counting, stage: str, control: str
) -> None:
    CONTROL.answer = SIDES[control]
    counting.aws.functions.always(FAULTS["is throttled"])
    with counting.aws.circuits_stay():
        for _ in range(5):
            counting.counts(stage)
        asked = len(counting.aws.functions.asked)
        assert counting.rates(stage) == dict.fromkeys(BOTH_ERRORS, 100.0)
        assert len(counting.aws.functions.asked) == asked


@pytest.mark.parametrize("event", OTHERS.values(), ids=OTHERS)
def test_a_refused_event_is_bad_once(counting: Counting, event: Any) -> None:
    assert counting.rates("live", event) == {"code-error-rate": 100.0}


@pytest.mark.parametrize("stage", STAGES)
def test_a_request_of_nobody_is_counted_as_such_and_is_not_bad(
    counting: Counting, stage: str
) -> None:
    assert counting.rates(stage, NOBODYS.event) == {}
    assert "Unkeyed" in named(counting.counts(stage, NOBODYS.event))


@pytest.mark.parametrize("control", ["answers", "fails", "raises"])
def test_a_stand_in_is_counted(counting: Counting, control: str) -> None:
    CONTROL.answer = SIDES[control]
    counting.aws.functions.always(FAULTS["is throttled"])
    assert "Fallbacks" in named(counting.counts("live"))


def test_what_is_known_is_written_before_a_stand_in_runs(
    counting: Counting, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def last_words(_: Any) -> Any:
        seen.append(capfd.readouterr().out)
        return GOOD

    CONTROL.answer = last_words
    counting.aws.functions.always(FAULTS["is throttled"])
    counting.ask("live")
    assert {"Fallbacks", "Faults", "Requests"} <= named(counted("".join(seen)))


@pytest.mark.parametrize("candidate", ["answers", "fails", "is throttled"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_probe_of_the_hook_is_in_no_count(counting: Counting, stage: str, candidate: str) -> None:
    CANDIDATE.answer = SIDES.get(candidate, GOOD)
    if candidate in FAULTS:
        counting.aws.functions.always(FAULTS[candidate])
    probe = {**SAMPLE.event, MARK: {"probe": True}}
    assert named(counting.counts(stage, probe)) == {"Invocations"}
    assert counting.aws.functions.copies == []
