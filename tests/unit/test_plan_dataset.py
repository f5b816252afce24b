"""What a plan says a write costs, and what the dataset costs whether there are any, by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from analysis.template import Stack, TemplateError
from shadow_runtime.contract import Stage
from shadowctl.plan.cost import cost
from shadowctl.plan.dataset import DatasetUse
from shadowctl.plan.size import FunctionSize
from shadowctl.plan.usage import Month, Part
from tests.unit.services import App, beside, dataset, stack_of_nothing, with_dataset
from tests.unit.test_integrations import by_http_api, by_rest_api
from tests.unit.test_plan_cost import MONTH, used

Connect = Callable[[cdk.Stack, lambda_.Alias], object]

USE = DatasetUse(
    name="Users/users",
    routes=("GetUser/get-user",),
    writes=1.0,
    reconciler=FunctionSize(1_024, "arm64"),
    operations=FunctionSize(1_024, "arm64"),
    alarms=4,
)
WRITING = replace(MONTH, dataset=USE)
READING = replace(MONTH, dataset=replace(USE, writes=0.0))
"""3,000,000 requests of either kind, at canary(10%)."""


def of(month: Month, part: Part) -> dict[str, float]:
    return {line.item: line.quantity for line in month.lines() if line.part is part}


def test_a_write_by_hand() -> None:
    assert of(WRITING, Part.DATASET) == pytest.approx(
        {
            "DynamoDB read units": 9_000_000,  # the write's own, and two of the reconciler's
            "SQS FIFO requests": 9_000_000,  # sent, received, deleted
            "Lambda requests": 3_000_000,
            "Lambda GB-s on arm64": 150_000,
            "GB of logs": 0.75,
        }
    )


def test_the_candidate_is_given_every_write_and_the_route_waits_for_it() -> None:
    assert used(WRITING, Part.CANDIDATE, "Lambda requests") == 3_000_000
    assert used(MONTH, Part.CANDIDATE, "Lambda requests") == 300_000
    # 20 of control, 60 of the candidate, 10 for each of three calls, in half a GB
    assert used(WRITING, Part.ROUTE, "Lambda GB-s on arm64") == pytest.approx(3_000 * 110 / 2)


def test_a_read_looks_up_the_register_and_the_mark_of_its_key() -> None:
    assert of(READING, Part.DATASET) == {"DynamoDB read units": 6_000_000}
    for part in (Part.ROUTE, Part.CANDIDATE, Part.SHADOW):
        assert of(READING, part) == of(MONTH, part)


def test_what_a_dataset_takes_by_itself_depends_on_no_traffic() -> None:
    alone = {
        "SQS FIFO requests": 15 * 60 * 24 * 30,
        "Lambda requests": 12 * 24 * 30,
        "Lambda GB-s on arm64": 864,
        "custom metrics": 4,
        "metrics of alarms": 4,
    }
    for month in (WRITING, READING, replace(WRITING, requests_per_day=1)):
        assert of(month, Part.SHARED) == pytest.approx(alone)


@pytest.mark.parametrize(
    ("ceiling", "read_units", "messages"),
    [
        (Stage.OFF, 3_000_000, 0),  # nothing is copied, but who is the authority must be known
        (Stage.SHADOW, 9_000_000, 9_000_000),
        (Stage.LIVE, 9_000_000, 9_000_000),
        (Stage.COMPLETE, 0, 0),
    ],
)
def test_a_write_takes_what_its_stage_does(
    ceiling: Stage, read_units: float, messages: float
) -> None:
    found = of(replace(WRITING, ceiling=ceiling), Part.DATASET)
    assert found.get("DynamoDB read units", 0) == read_units
    assert found.get("SQS FIFO requests", 0) == messages


def test_without_a_dataset_nothing_is_paid_for_one() -> None:
    assert of(MONTH, Part.DATASET) == of(MONTH, Part.SHARED) == {}
    assert "register" not in cost(MONTH)


def test_what_a_million_writes_cost_more_than_reads_is_told() -> None:
    of_register, of_queue, of_reconciler = 0.125, 3 * 0.50, 0.20 + 50_000 * 0.0000133334 + 0.125
    of_candidate = 0.9 * (0.20 + 60_000 * 0.0000133334 + 0.125)
    waiting = (110 - 25) * 500 * 0.0000133334  # a read takes 20 ms, or 70 of one in ten
    # which polls, begins every two hours, and writes its two gauges as often
    another_environment = (172_800 * 0.0000002 + 360 * 0.0008 + 0.4773 * 0.30) / 3
    by_hand = sum(
        (of_register, of_queue, of_reconciler, of_candidate, waiting, another_environment)
    )
    assert f"A write costs more than a read by {by_hand:.2f} USD a million: " in cost(WRITING)


def synthesized(lambdas: Path, out: Path, connect: Connect) -> DatasetUse | None:
    """The use that a plan finds, of a route beside another one."""
    stack = stack_of_nothing("Users")
    users = dataset(stack, lambdas)
    orders, others = beside(stack, "Orders"), beside(stack, "Others")
    connect(orders, with_dataset(orders, lambdas, users).alias)
    with_dataset(others, lambdas, users)
    for name, template in App(stack, orders, others).templates.items():
        (out / f"{name}.template.json").write_text(json.dumps(template))
    return DatasetUse.of(out, Stack.load(out, "Orders"))


SENDING: dict[str, tuple[Connect, float]] = {
    "PUT of an HTTP API": (lambda s, a: by_http_api(s, a, "PUT"), 1.0),
    "GET of an HTTP API": (lambda s, a: by_http_api(s, a, "GET"), 0.0),
    "DELETE of a REST API": (lambda s, a: by_rest_api(s, a, "DELETE"), 1.0),
    "GET of a REST API": (lambda s, a: by_rest_api(s, a, "GET"), 0.0),
    "any of an HTTP API": (lambda s, a: by_http_api(s, a, "ANY"), 1.0),
}


@pytest.mark.parametrize(("connect", "writes"), SENDING.values(), ids=SENDING)
def test_a_route_writes_where_an_api_sends_it_what_may_change_data(
    lambdas: Path, tmp_path: Path, connect: Connect, writes: float
) -> None:
    found = synthesized(lambdas, tmp_path, connect)
    assert found is not None
    assert found.writes == writes


def test_the_dataset_is_found_in_whichever_stack_it_is(lambdas: Path, tmp_path: Path) -> None:
    found = synthesized(lambdas, tmp_path, lambda s, a: by_http_api(s, a, "PUT"))
    assert found == replace(USE, routes=("Others/orders",))


def test_fails_on_an_assembly_without_the_dataset(lambdas: Path, tmp_path: Path) -> None:
    synthesized(lambdas, tmp_path, lambda s, a: by_http_api(s, a, "PUT"))
    (tmp_path / "Users.template.json").unlink()
    with pytest.raises(TemplateError, match="no stack of the assembly holds the dataset Users/us"):
        DatasetUse.of(tmp_path, Stack.load(tmp_path, "Orders"))
