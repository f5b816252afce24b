"""Every alarm looks at metrics that somebody writes; one that nobody writes is never red."""

import re

import pytest

from tests.reading import Template
from tests.snapshot.alarms import Measured, alarms
from tests.snapshot.written import shape

LAMBDA_WRITES = [{"FunctionName"}, {"FunctionName", "Resource"}]
LAMBDA_WRITES_BY_VERSION = {"FunctionName", "Resource", "ExecutedVersion"}
HAS_VERSIONS = {"Invocations", "Errors", "Duration", "Throttles"}
"""https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html"""


@pytest.fixture
def measured(get_user: Template) -> list[Measured]:
    return [metric for alarm in alarms(get_user).values() for metric in alarm.metrics]


def test_the_metrics_of_a_route_are_asked_for_as_the_runtime_writes_them(
    measured: list[Measured], written: set[str]
) -> None:
    asked = {shape(m.name, m.dimensions) for m in measured if m.namespace == "ShadowCanary"}
    assert asked
    assert asked - written == set()


def test_the_metrics_of_lambda_are_asked_for_under_dimensions_that_lambda_writes(
    measured: list[Measured],
) -> None:
    of_lambda = [metric for metric in measured if metric.namespace == "AWS/Lambda"]
    assert {metric.name for metric in of_lambda} & HAS_VERSIONS
    for metric in of_lambda:
        by_version = [LAMBDA_WRITES_BY_VERSION] if metric.name in HAS_VERSIONS else []
        assert set(metric.dimensions) in LAMBDA_WRITES + by_version, metric


def test_no_alarm_looks_anywhere_else_but_at_the_dead_letters(measured: list[Measured]) -> None:
    others = [m for m in measured if m.namespace not in {"ShadowCanary", "AWS/Lambda"}]
    assert [(m.namespace, m.name, set(m.dimensions)) for m in others] == [
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName"})
    ]


def test_counts_are_summed_and_latencies_are_95th_percentiles(measured: list[Measured]) -> None:
    statistics = {(metric.name, metric.statistic) for metric in measured}
    assert {name for name, statistic in statistics if statistic == "p95"} == {"Duration", "Latency"}
    assert {name for name, statistic in statistics if statistic == "Maximum"} == {
        "ApproximateNumberOfMessagesVisible",
        "FlagAge",
    }
    assert {statistic for _, statistic in statistics} == {"Sum", "p95", "Maximum"}


def test_a_formula_names_the_metrics_that_it_is_given_and_no_other(get_user: Template) -> None:
    with_formula = [alarm for alarm in alarms(get_user).values() if alarm.using]
    assert len(with_formula) == 9
    for alarm in with_formula:
        assert set(re.findall(r"[a-z]\w*", alarm.formula)) == set(alarm.using)
