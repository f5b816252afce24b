"""Alarms of the shape that is synthesized, over what CloudWatch would hold of a rollout."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from analysis.alarms import Alarm, Metric, State, ranges, sums
from tests.unit.alarms import CANDIDATE, CONTROL, OURS, entry, error_rate, resource

NOTHING = "- - - - - - -"

Held = Mapping[tuple[str, str, str], str]
"""What CloudWatch holds: for a namespace, a metric and its dimensions, a point a minute."""


def code_canary(version: str) -> Alarm:
    """Lambda's own errors and ours, of one version behind the alias."""
    executed = {"FunctionName": "f", "Resource": "f:live", "ExecutedVersion": version}
    ours = {"Route": "get-user", "Version": version}
    bad = "errors + failed"
    return Alarm.of(
        resource(
            f"IF(invocations >= 0 AND {bad} >= 2, "
            f"100 * ({bad}) / IF(invocations > 10, invocations, 10), 0)",
            entry("invocations", "AWS/Lambda", "Invocations", executed, "Sum", 60),
            entry("errors", "AWS/Lambda", "Errors", executed, "Sum", 60),
            entry("failed", OURS, "Failed", ours, "Sum", 60),
        )
    )


def latency_ratio() -> Alarm:
    return Alarm.of(
        resource(
            "IF(candidates >= 50 AND controls >= 50, candidate / IF(control > 50, control, 50), 0)",
            entry("candidates", OURS, "Requests", CANDIDATE, "Sum", 60),
            entry("controls", OURS, "Requests", CONTROL, "Sum", 60),
            entry("candidate", OURS, "Latency", CANDIDATE, "p95", 60),
            entry("control", OURS, "Latency", CONTROL, "p95", 60),
        )
    )


def state(alarm: Alarm, held: Held) -> str:
    """After the last of the minutes."""

    def points(metric: Metric) -> np.ndarray:
        dimensions = " ".join(sorted(value for _, value in metric.dimensions))
        text = held.get((metric.namespace, metric.name, dimensions), NOTHING)
        minutes = np.array([math.nan if p == "-" else float(p) for p in text.split()])
        steps = alarm.period // 60
        return sums(minutes, steps) if metric.statistic == "Sum" else minutes

    result = alarm.formula.evaluate({i: points(metric) for i, metric in alarm.metrics.items()})
    looked_at = ranges(result, alarm.period // 60, alarm.evaluation_range)
    return State(int(alarm.states(looked_at)[-1])).name


REQUESTS = (OURS, "Requests", "candidate get-user")
FAULTS = (OURS, "Faults", "candidate get-user")


@pytest.mark.parametrize(
    ("why", "requests", "faults", "expected"),
    [
        ("nobody is on the candidate", NOTHING, NOTHING, "OK"),
        ("all is well", "50 50 50 50 50 50 50", NOTHING, "OK"),
        ("one request, and it failed", "- - - - - - 1", "- - - - - - 1", "OK"),
        ("one bad request a minute", "10 10 10 10 10 10 10", "1 1 1 1 1 1 1", "OK"),
        ("two bad requests a minute", "10 10 10 10 10 10 10", "2 2 2 2 2 2 2", "ALARM"),
        ("few requests, all of which fail", "- - - - 3 3 3", "- - - - 3 3 3", "ALARM"),
        ("every request fails", "10 10 10 10 10 10 10", "10 10 10 10 10 10 10", "ALARM"),
        ("it began three minutes ago", "20 20 20 20 20 20 20", "- - - - 9 9 9", "ALARM"),
        ("it began two minutes ago", "20 20 20 20 20 20 20", "- - - - - 9 9", "OK"),
        ("three of five, with good minutes", "20 20 20 20 20 20 20", "- - 9 - 9 - 9", "ALARM"),
        ("it ended two minutes ago", "20 20 20 20 20 20 20", "9 9 9 9 9 - -", "ALARM"),
        ("it ended three minutes ago", "20 20 20 20 20 20 20", "9 9 9 9 - - -", "OK"),
        ("as much as is allowed", "100 100 100 100 100 100 100", "2 2 2 2 2 2 2", "OK"),
        ("a minute without a request", "20 20 20 - 20 20 20", "- - 9 - 9 - 9", "ALARM"),
        ("failures of which no request tells", NOTHING, "9 9 9 9 9 9 9", "OK"),
    ],
)
def test_users_leave_a_candidate_that_fails_and_no_other(
    why: str, requests: str, faults: str, expected: str
) -> None:
    assert state(error_rate(), {REQUESTS: requests, FAULTS: faults}) == expected, why


def test_a_one_percent_canary_that_fails_every_request_is_seen_where_the_whole_is_not() -> None:
    whole = Alarm.of(
        resource(
            "100 * errors / invocations",
            entry("errors", "AWS/Lambda", "Errors", {"FunctionName": "f"}, "Sum", 60),
            entry("invocations", "AWS/Lambda", "Invocations", {"FunctionName": "f"}, "Sum", 60),
        )
    )
    ten, thousand = " ".join(["10"] * 7), " ".join(["1000"] * 7)
    held = {
        ("AWS/Lambda", "Invocations", "f"): thousand,
        ("AWS/Lambda", "Errors", "f"): ten,
        REQUESTS: ten,
        FAULTS: ten,
    }
    assert state(whole, held) == "OK"
    assert state(error_rate(), held) == "ALARM"


def test_a_long_period_sums_up_what_no_minute_could_tell() -> None:
    held = {REQUESTS: "3 - 4 - 3 - -", FAULTS: "- - 2 - - - -"}
    once = {"EvaluationPeriods": 1, "DatapointsToAlarm": 1}
    assert state(error_rate(**once), held) == "OK"
    assert state(error_rate(period=420, **once), held) == "ALARM"


def of_version(name: str, version: str) -> tuple[str, str, str]:
    if name in ("Invocations", "Errors"):
        return "AWS/Lambda", name, f"{version} f f:live"
    return OURS, name, f"{version} get-user"


@pytest.mark.parametrize(
    ("bad", "version", "expected"),
    [
        ("Failed", "8", "ALARM"),  # handled: answers of status 500 are no errors of Lambda's
        ("Errors", "8", "ALARM"),  # dead on import: not one metric of ours
        ("Failed", "7", "OK"),
        ("Errors", "7", "OK"),
    ],
)
def test_the_new_version_alone_stops_its_shift(bad: str, version: str, expected: str) -> None:
    ten = " ".join(["10"] * 7)
    invocations = {of_version("Invocations", "7"): ten, of_version("Invocations", "8"): ten}
    assert state(code_canary("8"), {**invocations, of_version(bad, version): ten}) == expected


def test_bad_things_of_several_kinds_add_up() -> None:
    one = {of_version(bad, "8"): " ".join(["1"] * 7) for bad in ("Failed", "Errors")}
    many = {of_version("Invocations", "8"): " ".join(["10"] * 7)}
    assert state(code_canary("8"), {**many, **one}) == "ALARM"


@pytest.mark.parametrize(
    ("control", "candidate", "requests", "expected"),
    [
        ("100", "210", "50", "ALARM"),
        ("100", "190", "50", "OK"),
        ("10", "90", "50", "OK"),
        ("10", "110", "50", "ALARM"),
        ("100", "900", "49", "OK"),
        ("-", "900", "50", "OK"),
        ("100", "-", "50", "OK"),
    ],
)
def test_latency_is_compared_with_control_above_a_floor(
    control: str, candidate: str, requests: str, expected: str
) -> None:
    held = {
        (OURS, "Latency", "control get-user"): control,
        (OURS, "Latency", "candidate get-user"): candidate,
        (OURS, "Requests", "control get-user"): requests,
        (OURS, "Requests", "candidate get-user"): requests,
    }
    assert state(latency_ratio(), {key: " ".join([p] * 7) for key, p in held.items()}) == expected
