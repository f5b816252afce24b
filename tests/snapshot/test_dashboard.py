"""What people look at: one dashboard per route, and the questions about its mismatches."""

import json
import re
from typing import Any

import pytest

from shadow_canary.dashboard import QUESTIONS
from tests.reading import Template, every, the
from tests.snapshot.alarms import alarms
from tests.snapshot.written import shape

TITLES = [
    "Answers: who is asked",
    "Error rate",
    "Latency",
    "Evidence: parity of the pairs of an hour",
    "Flag: 0 off · 1 shadow · 2 canary · 3 live · 4 complete",
    "Versions of the code",
    "Guards and other alarms",
    "Copies that were not compared",
    "Wrong answers that users received",
    "Dataset users: what the follower lacked",
    "Dataset users: how far the follower is behind",
    "Dataset users: made equal",
    "what differs most",
]
OF_A_DATASET = {
    f"{name}{{Dataset}}" for name in ("DirtyReads", "FollowerLag", "Repaired", "Unreconciled")
}
"""What its routes and its own functions write."""

SHADOW_LOG = "<ServiceShadowLogs>"


@pytest.fixture
def widgets(get_user: Template) -> list[dict[str, Any]]:
    body: dict[str, Any] = json.loads(the(get_user, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    return [widget["properties"] for widget in body["widgets"]]


@pytest.fixture
def lines(widgets: list[dict[str, Any]]) -> list[list[Any]]:
    """The metrics and formulas of all graphs."""
    return [line for widget in widgets for line in widget.get("metrics", [])]


@pytest.fixture
def links(widgets: list[dict[str, Any]]) -> dict[str, str]:
    return dict(re.findall(r"\[([^]]+)\]\((\S+)\)(?: ·|$)", widgets[0]["markdown"], re.MULTILINE))


def test_a_dashboard_is_found_by_its_stack_and_its_route(get_user: Template) -> None:
    assert the(get_user, "AWS::CloudWatch::Dashboard")["DashboardName"] == "GetUser-get-user"


def test_it_is_small_enough_for_the_free_tier(lines: list[list[Any]]) -> None:
    assert len([line for line in lines if isinstance(line[0], str)]) <= 50


def test_it_shows_who_answers_how_well_how_alike_and_how_far_the_flag_is(
    widgets: list[dict[str, Any]],
) -> None:
    assert [widget["title"] for widget in widgets[1:]] == TITLES


def test_it_shows_the_state_of_every_alarm(
    get_user: Template, widgets: list[dict[str, Any]]
) -> None:
    [shown] = [widget["alarms"] for widget in widgets if "alarms" in widget]
    assert len(shown) == 10
    assert set(shown) == {f"<{role}.Arn>" for role in every(get_user, "AWS::CloudWatch::Alarm")}


def test_every_metric_on_it_is_one_that_is_written(
    get_user: Template, lines: list[list[Any]], written: set[str]
) -> None:
    metrics = [line for line in lines if isinstance(line[0], str)]
    drawn = {
        (namespace, name, *dict(zip(pairs[::2], pairs[1::2], strict=False)).items())
        for namespace, name, *pairs in metrics
    }
    ours = {shape(name, dict(pairs)) for space, name, *pairs in drawn if space == "ShadowCanary"}
    assert len(ours) > 10
    assert ours - written == OF_A_DATASET
    watched = {
        (metric.namespace, metric.name, *sorted(metric.dimensions.items()))
        for alarm in alarms(get_user).values()
        for metric in alarm.metrics
    }
    assert {metric for metric in drawn if metric[0] == "AWS/Lambda"} <= watched


def test_the_versions_that_it_searches_for_are_written(
    lines: list[list[Any]], written: set[str]
) -> None:
    formulas = [line[0]["expression"] for line in lines if isinstance(line[0], dict)]
    [search] = [formula for formula in formulas if "SEARCH" in formula]
    found = re.fullmatch(
        r"""SEARCH\('\{ShadowCanary,(\w+),(\w+)\} Route="GetUser/get-user" """
        r"""MetricName="(\w+)"', .*\)""",
        search,
    )
    assert found
    assert shape(found[3], {found[1]: "", found[2]: ""}) in written


def test_every_formula_on_it_names_metrics_of_its_own_graph(
    widgets: list[dict[str, Any]],
) -> None:
    for widget in widgets:
        drawn = widget.get("metrics", [])
        ids = {line[-1]["id"] for line in drawn if "id" in line[-1]}
        named = set()
        for line in drawn:
            formula = line[0]["expression"] if isinstance(line[0], dict) else ""
            if "SEARCH" not in formula:
                named |= set(re.findall(r"[a-z]\w*", formula))
        assert named == ids, widget["title"]


def test_every_question_is_saved_over_the_log_of_the_shadow(get_user: Template) -> None:
    saved = every(get_user, "AWS::Logs::QueryDefinition").values()
    assert {query["Name"]: query["QueryString"] for query in saved} == {
        f"GetUser/get-user/{question}": query for question, query in QUESTIONS.values()
    }
    assert all(query["LogGroupNames"] == [SHADOW_LOG] for query in saved)


def test_every_question_is_one_click_away_as_the_console_writes_it(links: dict[str, str]) -> None:
    assert set(links) == {question for question, _ in QUESTIONS.values()}
    for question, query in QUESTIONS.values():
        found = re.fullmatch(
            r"https://<AWS::Region>\.<Host>/cloudwatch/home"
            r"\?region=<AWS::Region>#logsV2:logs-insights\$3FqueryDetail\$3D"
            r"~\(end~0~start~-86400~timeType~'RELATIVE~unit~'seconds"
            rf"~editorString~'([A-Za-z0-9*]+)~source~\(~'{SHADOW_LOG}\)\)",
            links[question],
        )
        assert found, links[question]
        assert re.sub(r"\*([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), found[1]) == query


def test_what_differs_most_is_asked_where_mismatches_are_written(
    widgets: list[dict[str, Any]],
) -> None:
    _, query = QUESTIONS["Top"]
    assert widgets[-1]["query"] == f"SOURCE '{SHADOW_LOG}' | {query}"


def test_it_says_how_many_copies_prove_parity_and_how_long_they_take(
    widgets: list[dict[str, Any]],
) -> None:
    assert "proven by 3,503 pairs that agree, 0.0035 days" in widgets[0]["markdown"]


def test_its_links_lead_to_the_console_of_each_partition(get_user: Template) -> None:
    [consoles] = get_user["Mappings"].values()
    assert {partition: known["Host"] for partition, known in consoles.items()} == {
        "aws": "console.aws.amazon.com",
        "aws-cn": "console.amazonaws.cn",
        "aws-us-gov": "console.amazonaws-us-gov.com",
    }
