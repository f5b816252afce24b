"""Log lines become metrics as CloudWatch reads them."""

import json
import logging
import math
from collections import Counter
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.watcher import Key, parse_emf
from shadow_runtime.contract import MetricName
from shadow_runtime.telemetry import Measurements

AT = 1_925_712_000_500


def document(**instead: Any) -> str:
    directive = {
        "Namespace": "N",
        "Dimensions": [["Route"], ["Route", "Variant"]],
        "Metrics": [{"Name": "Requests", "Unit": "Count"}, {"Name": "Latency"}],
    }
    root = {
        "_aws": {"Timestamp": AT, "CloudWatchMetrics": [directive]},
        "Route": "get-user",
        "Variant": "control",
        "Requests": 1,
        "Latency": [12, 14.5],
        **instead,
    }
    return json.dumps({key: value for key, value in root.items() if value is not None})


def test_each_metric_is_measured_under_each_set_of_dimensions() -> None:
    route, variant = ("Route", "get-user"), ("Variant", "control")
    found = {one.key: (one.unit, one.at, one.values) for one in parse_emf(document())}
    assert found == {
        ("N", "Requests", frozenset({route})): ("Count", AT / 1_000, (1,)),
        ("N", "Latency", frozenset({route})): ("None", AT / 1_000, (12, 14.5)),
        ("N", "Requests", frozenset({route, variant})): ("Count", AT / 1_000, (1,)),
        ("N", "Latency", frozenset({route, variant})): ("None", AT / 1_000, (12, 14.5)),
    }


def test_what_the_runtime_writes_is_read(capfd: pytest.CaptureFixture[str]) -> None:
    measurements = Measurements(request_id="r")
    measurements.add(MetricName.LATENCY, 12.5, variant="control")
    measurements.add(MetricName.LATENCY, 14, variant="control")
    measurements.add(MetricName.COMPARED, exposed=True)
    measurements.flush()
    lines = capfd.readouterr().out.splitlines()
    found = {one.key: one.values for line in lines for one in parse_emf(line)}
    route = ("Route", "undeployed")
    assert found == {
        ("ShadowCanary", "Latency", frozenset({route, ("Variant", "control")})): (12.5, 14),
        ("ShadowCanary", "Compared", frozenset({route, ("Exposed", "true")})): (1,),
    }


names = st.sampled_from([MetricName.COMPARED, MetricName.MISMATCHED, MetricName.LATENCY])
dimensions = st.fixed_dictionaries(
    {},
    optional={
        "variant": st.sampled_from(["control", "candidate"]),
        "version": st.just("3"),
        "exposed": st.just(True),
        "candidate_version": st.sampled_from(["7", "8"]),
        "asked_again": st.sampled_from([1.0, 0.1]),
    },
)
DIMENSIONS = {
    "variant": "Variant",
    "version": "Version",
    "exposed": "Exposed",
    "candidate_version": "CandidateVersion",
    "asked_again": "AskedAgain",
}


@given(st.lists(st.tuples(names, st.sampled_from([1, 2]), dimensions), min_size=1, max_size=12))
def test_whatever_is_counted_together_is_read_by_each_of_its_dimensions(
    counted: list[tuple[MetricName, int, dict[str, Any]]],
) -> None:
    """Also what is counted by the candidate's version: with it, and without."""
    expected: Counter[Key] = Counter()
    written: list[str] = []
    measurements = Measurements(request_id="r")
    for name, value, by in counted:
        measurements.add(name, value, **by)
        all_of_it = {
            "Route": "undeployed",
            **{
                DIMENSIONS[k]: "true" if v is True else f"{v:g}" if k == "asked_again" else v
                for k, v in by.items()
            },
        }
        coarse = {k: v for k, v in all_of_it.items() if k not in ("CandidateVersion", "AskedAgain")}
        for each in {frozenset(all_of_it.items()), frozenset(coarse.items())}:
            expected["ShadowCanary", name, each] += value
    with patch("shadow_runtime.telemetry._write", written.append):
        measurements.flush()
    found: Counter[Key] = Counter()
    for line in "\n".join(written).splitlines():
        for one in parse_emf(line):
            found[one.key] += int(sum(one.values))
    assert found == expected


@pytest.mark.parametrize(
    "line",
    ["", "START RequestId: 6f0a Version: 3", '{"message": "mismatch"}', "{CloudWatchMetrics"],
)
def test_other_lines_measure_nothing(line: str) -> None:
    assert parse_emf(line) == []


@pytest.mark.parametrize(
    "broken",
    [
        document(Requests=None),
        document(Variant=None),
        document(Requests="many"),
        document(Requests=math.nan),
        document(Latency=[1, None]),
        document(_aws={"CloudWatchMetrics": []}),
        document(_aws=["CloudWatchMetrics"]),
    ],
)
def test_a_document_that_breaks_the_format_is_dropped_and_named(
    broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert parse_emf(broken) == []
    assert broken[:100] in caplog.text
