"""What a plan says of cost is quantities times prices, by hand."""

import csv
import re
from dataclasses import replace

import pytest

from shadow_runtime.contract import Stage
from shadowctl.plan.cost import MARKS, TABLE, Total, beyond_free, cost, prices
from shadowctl.plan.size import FunctionSize
from shadowctl.plan.usage import Functions, Line, Month, Part, kinds

CEILINGS = [Stage.OFF, Stage.SHADOW, Stage.canary(percent=10), Stage.LIVE, Stage.COMPLETE]
COPYING = CEILINGS[1:4]

MONTH = Month(
    requests_per_day=100_000,
    ceiling=Stage.canary(percent=10),
    functions=Functions(
        route=FunctionSize(512, "arm64"),
        candidate=FunctionSize(1_024, "arm64"),
        shadow=FunctionSize(1_024, "arm64", at_once=5),
    ),
    alarm_metrics=21,
)
"""3,000,000 requests: 2,700,000 of control's users, 300,000 of the candidate's."""


def used(month: Month, part: Part, item: str) -> float:
    [quantity] = [line.quantity for line in month.lines() if line[::2] == (part, item)]
    return quantity


def test_a_month_by_hand() -> None:
    seconds = 30 * 24 * 3_600
    expected = [
        Line(Part.ROUTE, 3_000_000, "Lambda requests"),
        # 54,000 s of control, 21,000 s of waiting for the candidate, in half a GB
        Line(Part.ROUTE, 37_500, "Lambda GB-s on arm64"),
        # 380 or, of one in ten, 525 bytes and Lambda's 250 of a request, and 300 of its copy
        Line(Part.ROUTE, 2.8335, "GB of logs"),
        # 5 for each request; 10 in 0.984 of the hours, faults in 0.976 of control's and, twice,
        # in 0.341 of the candidate's, 2 gauges in 0.393
        Line(Part.ROUTE, 5 + 10 * 0.9845 + 0.9765 + 2 * 0.3408 + 2 * 0.3935, "custom metrics"),
        Line(Part.CANDIDATE, 300_000, "Lambda requests"),
        Line(Part.CANDIDATE, 18_000, "Lambda GB-s on arm64"),
        Line(Part.CANDIDATE, 0.075, "GB of logs"),
        Line(Part.SHADOW, 3_000_000, "Lambda requests"),
        # 162,000 s of the candidate, 6,000 s of control; 30,000 s of sending in half a GB
        Line(Part.SHADOW, 183_000, "Lambda GB-s on arm64"),
        # 250 bytes of Lambda's, and 630 or, of one in ten, 715 of ours
        Line(Part.SHADOW, 2.6655, "GB of logs"),
        # 7 for each copy; 29 on occasion, 4 of users, and 20 paths with a twentieth each
        Line(Part.SHADOW, 7 + 29 * 0.9845 + 4 * 0.3408 + 20 * 0.1881, "custom metrics"),
        Line(Part.SHADOW, 1, "secrets"),
        Line(Part.FLAG, seconds / 15, "AppConfig requests"),
        Line(Part.FLAG, 30 * 12, "configurations received"),
        Line(Part.WATCHING, 21, "metrics of alarms"),
        Line(Part.WATCHING, 1, "dashboards"),
        # of 1.157 requests a second, 0.686 are the first one
        Line(Part.WATCHING, seconds * (0.6857 + 0.05 * 0.4717), "X-Ray traces"),
    ]
    found = MONTH.lines()
    assert [line[::2] for line in found] == [line[::2] for line in expected]
    for line, by_hand in zip(found, expected, strict=True):
        assert line.quantity == pytest.approx(by_hand.quantity, rel=1e-3), line


@pytest.mark.parametrize(
    ("item", "quantity", "usd"),
    [
        ("Lambda requests", 3_000_000, 0.60),
        ("Lambda GB-s on arm64", 183_000, 2.44),
        ("GB of logs", 3.09, 1.545),
        ("configurations received", 360, 0.288),
        ("custom metrics", 20, 6.00),
    ],
)
def test_a_quantity_costs_its_price(item: str, quantity: float, usd: float) -> None:
    assert prices()[item].of(quantity) == pytest.approx(usd, rel=1e-4)


def test_the_rows_add_up_and_the_shadow_is_its_rows() -> None:
    rows = [line.split("|")[1:-1] for line in cost(MONTH).splitlines() if line.startswith("| ")]
    listed, beyond = ([float(row[at].replace("<", "")) for row in rows[1:]] for at in (-2, -1))
    parts, total = [row[0].strip() for row in rows[1:]], listed.pop()
    of_shadow = sum(usd for part, usd in zip(parts, listed, strict=False) if part == "shadow")
    assert sum(listed) == pytest.approx(total, abs=0.05)
    assert sum(beyond[:-1]) == pytest.approx(beyond[-1], abs=0.05)
    assert beyond[-1] < total
    assert f"The shadow is {100 * of_shadow / total:.0f} % of it." in cost(MONTH)


def test_fewer_copies_cost_in_proportion_but_metrics_and_the_key_hardly_less() -> None:
    fewer = replace(MONTH, shadow_percent=10)
    for item in ("Lambda requests", "Lambda GB-s on arm64", "GB of logs"):
        assert used(fewer, Part.SHADOW, item) == pytest.approx(
            used(MONTH, Part.SHADOW, item) / 10
        ), item
    metrics, all_of_them = (used(m, Part.SHADOW, "custom metrics") for m in (fewer, MONTH))
    assert all_of_them / 3 < metrics < all_of_them
    assert used(fewer, Part.SHADOW, "secrets") == used(MONTH, Part.SHADOW, "secrets")


def test_a_metric_costs_by_the_hours_in_which_it_is_written() -> None:
    alone = replace(MONTH, ceiling=Stage.OFF)
    [always, hourly] = [
        sum(line.quantity for line in month.lines() if line.item == "custom metrics")
        for month in (replace(alone, requests_per_day=10**9), replace(alone, requests_per_day=24))
    ]
    assert always == pytest.approx(kinds(Stage.OFF), rel=1e-6)
    # one request an hour leaves out 37 % of the hours, and gauges come with an environment
    assert hourly == pytest.approx(2 * 0.632 + 2 * 0.393 + 5 * 0.001, abs=0.01)


def test_free_tiers_are_used_up_by_the_first_lines_and_the_rest_is_paid_for() -> None:
    lines = [
        Line(Part.ROUTE, 8, "custom metrics"),
        Line(Part.SHADOW, 5, "custom metrics"),
        Line(Part.SHADOW, 2, "secrets"),
        Line(Part.WATCHING, 3, "dashboards"),
    ]
    assert [round(usd, 2) for _, usd in beyond_free(lines)] == [0, 0.9, 0.8, 0]
    total = Total.of(lines)
    assert (round(total.list_price, 2), round(total.beyond, 2)) == (13.7, 1.7)


def test_a_plan_says_what_it_would_be_without_the_dashboard_where_there_is_one() -> None:
    assert f"`dashboard=False`): {Total.of(replace(MONTH, dashboards=0).lines())}." in cost(MONTH)
    assert "dashboard=False" not in cost(replace(MONTH, dashboards=0))


@pytest.mark.parametrize("ceiling", CEILINGS)
def test_of_the_shadow_only_its_key_costs_where_nothing_is_copied(ceiling: Stage) -> None:
    month = replace(MONTH, ceiling=ceiling)
    of_shadow = [line.item for line in month.lines() if line.part is Part.SHADOW]
    assert (of_shadow == ["secrets"]) == (ceiling not in COPYING)
    assert ("shadow_percent" in cost(month)) == (ceiling in COPYING)


def test_a_copy_runs_the_side_that_did_not_answer() -> None:
    slow = replace(MONTH, candidate_ms=1_000, control_ms=1, ceiling=Stage.LIVE)
    sent = 3_000_000 * 0.010 * 0.5
    assert used(slow, Part.SHADOW, "Lambda GB-s on arm64") == pytest.approx(3_000 + sent)


def test_a_quiet_route_polls_no_more_often_than_it_is_asked() -> None:
    quiet = replace(MONTH, requests_per_day=10)
    assert used(quiet, Part.FLAG, "AppConfig requests") == 300
    assert used(quiet, Part.FLAG, "configurations received") == 300


def test_a_busy_route_polls_from_more_environments() -> None:
    busy = replace(MONTH, requests_per_day=10_000_000)
    assert busy.environments == 41  # 4.05 busy at once, times 10
    assert used(busy, Part.FLAG, "AppConfig requests") == 41 * 172_800


@pytest.mark.parametrize("ceiling", CEILINGS)
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_everything_that_is_used_up_has_a_price(ceiling: Stage, architecture: str) -> None:
    function = FunctionSize(512, architecture)
    functions = Functions(function, function, function)
    month = replace(MONTH, ceiling=ceiling, functions=functions)
    assert {line.item for line in month.lines()} <= set(prices())


def test_a_price_says_whose_word_it_is_and_of_when_or_that_nobody_gave_it() -> None:
    with TABLE.open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == len(prices())
    for row in rows:
        assert row["mark"] in MARKS, row
        if row["mark"] != "not documented":
            assert re.fullmatch(r"\d{4}-\d\d", row["as_of"]), row
            assert row["source"], row


def test_what_no_source_says_is_marked_in_the_table() -> None:
    [row] = [line for line in cost(MONTH).splitlines() if "| secrets" in line]
    assert "| ? " in row
