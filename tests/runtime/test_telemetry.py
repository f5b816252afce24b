"""What is counted, logged and traced reaches those who read it: whatever else runs in the process,
and whatever the values are."""

import json
import math
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.watcher import parse_emf
from shadow_runtime.contract import NAMESPACE, MetricName
from shadow_runtime.telemetry import Gauges, Logger, Measurements

LAMBDAS = Path(__file__).parents[2] / "lambdas"

PROGRAM = """
from shadow_runtime.contract import MetricName
from shadow_runtime.telemetry import Measurements, logger, traced
measurements = Measurements(request_id="1")
measurements.add(MetricName.FAULTS, variant="control")
measurements.add(MetricName.LATENCY, 12.5, variant="control")
measurements.add(MetricName.MISMATCHED, exposed=True)
measurements.flush()
logger.info("mismatch", fingerprint="c0ffee")
logger.warning("flag not read")
logger.error("raised")
"""

VARIABLES = {
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_LOG_LEVEL": "FATAL",
    "AWS_XRAY_SDK_ENABLED": "false",
    "LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_DEBUG": "true",
    "POWERTOOLS_DEV": "true",
    "POWERTOOLS_LOGGER_LOG_EVENT": "true",
    "POWERTOOLS_LOGGER_SAMPLE_RATE": "1",
    "POWERTOOLS_LOG_DEDUPLICATION_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_METRICS_FUNCTION_NAME": "theirs",
    "POWERTOOLS_METRICS_NAMESPACE": "Theirs",
    "POWERTOOLS_SERVICE_NAME": "theirs",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "PYTHONUNBUFFERED": "",
}

PROCESS = {
    "an environment full of settings": "",
    "a root logger at CRITICAL, and logging disabled": """
import logging
logging.basicConfig(level=logging.CRITICAL, force=True)
logging.disable(logging.CRITICAL)
""",
    "a logging configuration that disables every logger": """
import logging.config
import shadow_runtime.telemetry
logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
""",
    "Powertools with dimensions of its own": """
from aws_lambda_powertools import Logger, Metrics
Logger(service="theirs", level="CRITICAL").append_keys(route="theirs")
metrics = Metrics(namespace="Theirs", service="theirs")
metrics.set_default_dimensions(environment="test")
metrics.add_dimension("Route", "theirs")
metrics.add_metric("Faults", "Count", 7)
""",
    "a standard output that goes nowhere": """
import io, sys
sys.stdout = io.StringIO()
""",
    "a standard output that was closed": """
import sys
sys.stdout = open("/dev/null", "w")
sys.stdout.close()
""",
    "a standard output that is buffered and never flushed": """
import sys
sys.stdout.reconfigure(line_buffering=False, write_through=False)
""",
    "prints that are somebody else's": """
import builtins, json
builtins.print = lambda *_, **__: None
json.dumps = lambda *_, **__: "theirs"
""",
    "a context that redirects prints": """
import contextlib, io
contextlib.redirect_stdout(io.StringIO()).__enter__()
""",
}


def written(program: str, **environment: str) -> list[dict[str, Any]]:
    """The documents that CloudWatch would read, less their times."""
    child = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(LAMBDAS), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    timeless = re.sub(r'"(Timestamp|timestamp)":("[^"]*"|\d+)', r'"\1":0', child.stdout)
    return [json.loads(line) for line in timeless.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("before", PROCESS.values(), ids=PROCESS)
def test_no_variable_log_level_or_other_user_of_a_library_changes_a_metric_or_drops_a_line(
    before: str,
) -> None:
    route = {"SHADOW_CANARY_ROUTE": "get-user"}
    expected = written(PROGRAM, **route)
    assert [line.get("message", "metrics") for line in expected] == [
        *("metrics", "mismatch", "flag not read", "raised")
    ]
    assert written(before + PROGRAM, **route, **VARIABLES) == expected


def test_a_runner_that_keeps_standard_output_for_itself_finds_the_lines_where_it_put_prints() -> (
    None
):
    moved = "import sys\nsys.stdout = sys.stderr\n"
    assert written(moved + PROGRAM) == []


def read(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_a_metric_carries_the_route_its_dimensions_its_unit_and_the_ids_of_the_request(
    capfd: pytest.CaptureFixture[str],
) -> None:
    measurements = Measurements(request_id="Z67rFiaQS3QA1A=", trace="Root=1-5759e988-bd86")
    measurements.add(MetricName.LATENCY, 12.34567, variant="control", version="7")
    before = time.time() * 1_000
    measurements.flush()
    [document] = read(capfd)
    metadata = document.pop("_aws")
    assert before - 1 <= metadata["Timestamp"] <= time.time() * 1_000
    assert metadata["CloudWatchMetrics"] == [
        {
            "Namespace": NAMESPACE,
            "Dimensions": [["Route", "Variant", "Version"]],
            "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}],
        }
    ]
    assert document == {
        "Route": "undeployed",
        "Variant": "control",
        "Version": "7",
        "request_id": "Z67rFiaQS3QA1A=",
        "trace": "Root=1-5759e988-bd86",
        "Latency": [12.346],
    }


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**53), 2**53)
dimensions = st.fixed_dictionaries(
    {},
    optional={
        "variant": st.sampled_from(["control", "candidate"]),
        "exposed": st.booleans(),
        "dataset": st.just("Users/users"),
    },
)
added = st.tuples(st.sampled_from([*MetricName]), numbers, dimensions)


@given(st.lists(added))
def test_every_finite_value_is_written_once_and_no_other(
    counted: list[tuple[MetricName, float, dict[str, Any]]],
) -> None:
    lines: list[str] = []
    measurements = Measurements()
    expected = Counter[tuple[str, frozenset[tuple[str, str]], float]]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shadow_runtime.telemetry._write", lines.append)
        for name, value, given_dimensions in counted:
            measurements.add(name, value, **given_dimensions)
            if math.isfinite(value):
                dataset = given_dimensions.get("dataset")
                named = {"Dataset": dataset} if dataset else {"Route": "undeployed"}
                if "variant" in given_dimensions:
                    named["Variant"] = given_dimensions["variant"]
                if given_dimensions.get("exposed"):
                    named["Exposed"] = "true"
                expected[str(name), frozenset(named.items()), round(value, 3)] += 1
        measurements.flush()
        measurements.flush()  # what was written is not written again
    found = Counter(
        (one.key[1], one.key[2], value)
        for text in lines
        for line in text.splitlines()
        for one in parse_emf(line)
        for value in one.values
    )
    assert found == expected


def test_a_metric_of_more_values_than_a_document_holds_is_written_as_several(
    capfd: pytest.CaptureFixture[str],
) -> None:
    measurements = Measurements()
    for value in range(250):
        measurements.add(MetricName.LATENCY, value)
    measurements.flush()
    values = [document["Latency"] for document in read(capfd)]
    assert [*map(len, values)] == [100, 100, 50]
    assert [*chain(*values)] == [*range(250)]


@pytest.mark.parametrize("path", ["$.größe", "$.\n\t", "$.\ud800", "$." + "x" * 5_000])
def test_a_dimension_is_printable_ascii_and_no_longer_than_cloudwatch_takes(
    path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    measurements = Measurements()
    measurements.add(MetricName.NOISE, path=path)
    measurements.flush()
    [document] = read(capfd)
    assert document["Path"].startswith("$.")
    assert document["Path"].isascii()
    assert document["Path"].isprintable()
    assert len(document["Path"]) <= 1_024


def test_a_log_line_says_how_grave_what_and_when_whatever_the_fields_hold(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Logger().info("mismatch", value=math.nan, left=[-math.inf], user="\ud800ü\n", at=Path("/x"))
    [line] = read(capfd)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "level": "INFO",
        "message": "mismatch",
        "service": "undeployed",
        "value": "NaN",
        "left": ["-Infinity"],
        "user": "\ud800ü\n",
        "at": "/x",
    }


def test_lines_of_many_threads_are_not_mixed_up(capfd: pytest.CaptureFixture[str]) -> None:
    def tell(number: int) -> None:
        Logger().info("said", number=number, padding="x" * 2_000)

    with ThreadPoolExecutor(8) as threads:
        [*threads.map(tell, range(200))]
    assert sorted(line["number"] for line in read(capfd)) == [*range(200)]


def test_nobody_hears_of_it_when_nobody_reads() -> None:
    closed = "import os\nos.close(1)\n"
    assert written(closed + PROGRAM) == []


def test_a_gauge_is_written_when_it_changes(capfd: pytest.CaptureFixture[str]) -> None:
    gauges, measurements = Gauges(), Measurements()
    for rank in (0, 0, 2, 2, 0):
        gauges.add(measurements, MetricName.STAGE, rank)
    gauges.add(measurements, MetricName.CANDIDATE_PERCENT, 0)
    measurements.flush()
    [document] = read(capfd)
    assert (document["Stage"], document["CandidatePercent"]) == ([0, 2, 0], [0])
