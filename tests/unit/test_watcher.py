"""The watcher's parts that need no AWS: what it keeps, what it watches, and when it gives up."""

import json
import logging
import threading
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.alarms import Metric
from localaws.watcher import LogLines, Measurement, Samples, SupportedAlarms, keep_looking, key_of
from tests.unit.alarms import CANDIDATE, OURS, ROUTE, entry, resource


def latency(statistic: str) -> Metric:
    return Metric(
        namespace=OURS,
        name="Latency",
        dimensions=frozenset(CANDIDATE.items()),
        statistic=statistic,
    )


KEY = key_of(latency("Sum"))


def measured(at: float, *values: float) -> Measurement:
    return Measurement(KEY, "Milliseconds", at, values)


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("Sum", "7 - 10"),
        ("Average", "3.5 - 2.5"),
        ("Minimum", "3 - 1"),
        ("Maximum", "4 - 4"),
        ("SampleCount", "2 - 4"),
        ("p50", "3.5 - 2.5"),
        ("p100", "4 - 4"),
    ],
)
def test_a_period_has_its_beginning_but_not_its_end(statistic: str, expected: str) -> None:
    samples = Samples([KEY], seconds=60)
    samples.add([measured(9.9, 99), measured(10, 3), measured(11.9, 4)], now=12)
    samples.add([measured(14, 1, 2), measured(15.9, 3, 4), measured(16, 99)], now=17)
    found = samples.points(latency(statistic), np.array([10.0, 12.0, 14.0, 16.0]))
    wanted = [np.nan if point == "-" else float(point) for point in expected.split()]
    assert found.tolist() == pytest.approx(wanted, nan_ok=True)


def test_what_is_old_or_watched_by_nobody_is_forgotten() -> None:
    samples = Samples([KEY], seconds=60)
    samples.add(
        [measured(100, 1), Measurement((OURS, "Other", frozenset()), "", 100, (1,))], now=100
    )
    samples.add([measured(161, 2)], now=161)
    assert samples.points(latency("Sum"), np.array([0.0, 200.0])).tolist() == [2]


def assembly(folder: Path, **alarms: dict[str, Any]) -> Path:
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "S.template.json"}}
    (folder / "manifest.json").write_text(
        json.dumps({"artifacts": {"S": stack, "Tree": {"type": "cdk:tree"}}})
    )
    (folder / "S.template.json").write_text(json.dumps({"Resources": alarms}))
    return folder


def test_an_alarm_that_cannot_be_evaluated_here_is_named_with_the_reason(tmp_path: Path) -> None:
    ours = entry("m", OURS, "Faults", ROUTE, "Sum", 60)
    theirs = entry("n", "AWS/SQS", "Letters", ROUTE, "Sum", 60)
    supported = SupportedAlarms.of(
        assembly(
            tmp_path,
            Good=resource("m", ours, AlarmName="good"),
            Letters=resource("m + n", ours, theirs, AlarmName="letters"),
            Code=resource("m", ours, AlarmName={"Fn::Join": ["-", ["code", {"Ref": "V"}]]}),
            Rate=resource("RATE(m)", ours, AlarmName="rate"),
        )
    )
    assert [*supported.alarms] == ["good"]
    assert supported.unsupported[:2] == [
        "no metrics of AWS/SQS for alarms: not evaluated (1)",
        "no CodeDeploy that would heed an alarm on a version: not evaluated (1)",
    ]
    assert "'RATE' at 0" in supported.unsupported[2]


class FakeLogs:
    """One log group: events by their milliseconds, from and to which one can ask, as on AWS."""

    exceptions = boto3.client("logs", region_name="us-east-1").exceptions

    def __init__(self, *events: int) -> None:
        self._events = sorted(events)

    def client(self, _: str) -> "FakeLogs":
        return self

    get_paginator = client

    def paginate(self, **asked: Any) -> Any:
        if "StackName" in asked:
            group = {"LogicalResourceId": "Logs", "ResourceType": "AWS::Logs::LogGroup"}
            return [{"StackResourceSummaries": [group]}]
        start, end = asked["startTime"], asked["endTime"]
        found = [{"message": str(at)} for at in self._events if start <= at <= end]
        return [{"events": found[:3]}, {"events": found[3:]}]


quarters = st.integers(0, 120).map(lambda quarter: quarter * 250)
"""Milliseconds of half a minute: few, so that lines are written just when somebody looks."""


@given(st.lists(quarters, max_size=20), st.lists(quarters, min_size=1, max_size=20).map(sorted))
def test_each_line_is_read_once_whenever_one_looks(events: list[int], looks: list[int]) -> None:
    lines = LogLines(FakeLogs(*events), ["S"], since=-0.001)  # type: ignore[arg-type]
    found = list[int]()
    for at in looks:
        until = lines.until(at / 1_000)
        assert lines.read_until <= until <= lines.read_until + 5
        found += map(int, lines.new(until, having="x"))
        lines.read_until = until
    assert found == sorted(at for at in events if at <= lines.read_until * 1_000)
    assert lines.read_until < max(0, looks[-1] / 1_000 - 0.4), "a line may still be added"


class Looks:
    """Looks of which some fail; the last of them all stops the watcher."""

    def __init__(self, *failing: bool) -> None:
        self._left = [*failing]
        self.stop = threading.Event()

    def look(self, _: float) -> None:
        failing = self._left.pop(0)
        if not self._left:
            self.stop.set()
        if failing:
            raise ConnectionError("the emulator is busy")

    def keep(self) -> None:
        keep_looking(self.look, self.stop, pause=0.001)


def test_a_look_that_fails_is_logged_and_taken_again(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Looks(*[True] * 9, False, *[True] * 9, False).keep()
    assert "look 9 of 10 failed" in caplog.text
    assert "the emulator is busy" in caplog.text


def test_ten_failures_in_a_row_end_the_watcher_loudly() -> None:
    with pytest.raises(ConnectionError):
        Looks(*[True] * 11).keep()
