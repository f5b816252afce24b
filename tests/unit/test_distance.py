"""How far an alarm is from red: as CloudWatch would evaluate it, at this moment."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.alarms import Alarm, State
from shadowctl.distance import Distance, definitions, distances
from tests.unit.alarms import CANDIDATE, OURS, entry, resource

NOW = datetime(2030, 1, 9, 3, 0, 40, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rate(*, period: int = 60, **instead: Any) -> dict[str, Any]:
    """As DescribeAlarms has the alarm of a rate over its minimum sample."""
    formula = "100 * faults / IF(requests > 10, requests, 10)"
    counted = [
        entry(name.lower(), OURS, name, CANDIDATE, "Sum", period) for name in ("Faults", "Requests")
    ]
    known = {
        "AlarmActions": ["arn:aws:sns:eu-central-1:111122223333:Pager"],
        "AlarmArn": "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:a",
        "StateValue": "OK",
        "StateUpdatedTimestamp": NOW,
        "Dimensions": [],
    }
    described: dict[str, Any] = resource(formula, *counted, **known, **instead)["Properties"]
    return described


class CloudWatch:
    """Metrics as points by name: when, and which value. Behind the real boto3 client."""

    def __init__(self, alarms: Sequence[Mapping[str, Any]] = (), **points: Any) -> None:
        self.alarms = alarms
        self.points = points
        self.asked: list[dict[str, Any]] = []

    def client(self) -> Any:
        made: Any = boto3.client(
            "cloudwatch",
            region_name="eu-central-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        made.meta.events.register("provide-client-params.cloudwatch", self._keep)
        made.meta.events.register("before-call", self._answer)
        return made

    def _keep(self, params: Any, context: Any, **_: object) -> None:
        context["given"] = params

    def _answer(self, model: Any, context: Any, **_: object) -> tuple[object, Any]:
        parsed = getattr(self, f"_{model.name}")(context["given"])
        return SimpleNamespace(status_code=200), parsed

    def _DescribeAlarms(self, given: Any) -> Any:  # noqa: N802
        found = [alarm for alarm in self.alarms if alarm["AlarmName"] in given["AlarmNames"]]
        return {"MetricAlarms": found, "CompositeAlarms": []}

    def _GetMetricData(self, given: Any) -> Any:  # noqa: N802
        self.asked.append(given)
        start, end = given["StartTime"].timestamp(), given["EndTime"].timestamp()
        results = []
        for query in given["MetricDataQueries"]:
            stat = query["MetricStat"]
            period, sums = stat["Period"], dict[float, float]()
            for at, value in self.points.get(stat["Metric"]["MetricName"], ()):
                if start <= at.timestamp() < end:
                    begun = at.timestamp() // period * period
                    sums[begun] = sums.get(begun, 0) + value
            times = [datetime.fromtimestamp(at, UTC) for at in sums]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": [*sums.values()]})
        return {"MetricDataResults": results}


def minutes(*values: float | None) -> list[tuple[datetime, float]]:
    """Values of the last minutes that are over, the newest last."""
    newest = NOW.replace(second=10) - MINUTE
    places = reversed(range(len(values)))
    return [
        (newest - ago * MINUTE, value)
        for ago, value in zip(places, values, strict=True)
        if value is not None
    ]


def distance(described: dict[str, Any], **points: Any) -> Distance:
    cloudwatch = CloudWatch([described], **points)
    client, name = cloudwatch.client(), described["AlarmName"]
    return distances(client, definitions(client, [name]), now=NOW)[name]


def test_the_worst_datapoint_that_counts_and_how_many_are_over_is_told() -> None:
    found = distance(
        rate(), Requests=minutes(9, 100, 100, 100, 100, 100), Faults=minutes(9, 0, 1, 3, 40, 0)
    )
    assert found == Distance(threshold=2, worst=40, bad=2, needed=3, counted=5, periods=5)
    assert found.share == 20


def test_where_nothing_was_measured_nothing_is_told() -> None:
    found = distance(rate())
    assert (found.worst, found.bad, found.share) == (None, 0, 0)


def test_a_long_period_ends_now_and_not_with_the_hour() -> None:
    described = rate(period=3_600, EvaluationPeriods=1, DatapointsToAlarm=1)
    requests = [(NOW - timedelta(minutes=ago), 10.0) for ago in (1, 30, 59)]
    faults = [(NOW - timedelta(minutes=ago), 3.0) for ago in (30, 59, 61, 200)]
    found = distance(described, Requests=requests, Faults=faults)
    assert (found.worst, found.bad) == (20, 1)


def test_a_percentile_is_asked_for_by_the_period() -> None:
    described = resource("p95 / 10", entry("p95", OURS, "Latency", CANDIDATE, "p95", 300))
    described = described["Properties"]
    cloudwatch = CloudWatch([described], Latency=[(NOW, 70.0)])
    client = cloudwatch.client()
    found = distances(client, definitions(client, [described["AlarmName"]]), now=NOW)
    assert [each.worst for each in found.values()] == [7]
    [asked] = cloudwatch.asked
    assert asked["MetricDataQueries"][0]["MetricStat"]["Period"] == 300
    assert asked["StartTime"].timestamp() % 300 == 0


def test_a_minute_may_be_shorter_as_on_the_embedded_aws() -> None:
    client = CloudWatch(
        Requests=[(NOW - timedelta(seconds=s), 100.0) for s in (2, 5, 8)],
        Faults=[(NOW - timedelta(seconds=5), 50.0)],
    ).client()
    alarms = {"a": Alarm.described(rate())}
    assert distances(client, alarms, now=NOW, minute_s=3)["a"].worst == 50


@pytest.mark.parametrize("operator", ["LessThanThreshold", "LessThanOrEqualToThreshold"])
def test_of_an_alarm_that_looks_for_too_little_the_least_is_the_worst(operator: str) -> None:
    described = rate(ComparisonOperator=operator)
    found = distance(described, Requests=minutes(100, 100, 100), Faults=minutes(3, 1, 9))
    assert (found.worst, found.bad) == (1, 1)


def test_what_is_not_understood_or_not_there_has_no_distance() -> None:
    strange = rate(AlarmName="strange", TreatMissingData="x")
    client = CloudWatch([rate(), strange]).client()
    name = rate()["AlarmName"]
    assert [*definitions(client, [name, "strange", "gone"])] == [name]


@given(st.lists(st.none() | st.floats(0, 100), min_size=7, max_size=7))
def test_as_many_are_over_as_make_it_red_where_cloudwatch_would_say_alarm(
    percents: list[float | None],
) -> None:
    alarm = Alarm.described(rate())
    points = np.array([np.nan if each is None else each for each in percents])
    found = Distance.of(alarm, points)
    assert (found.bad >= found.needed) == (alarm.states(points) == State.ALARM)
    assert found.counted == min(5, sum(each is not None for each in percents))
