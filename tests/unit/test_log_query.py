"""Lines of logs, found by Logs Insights: all of them, or word that there are more."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowctl import log_query
from shadowctl.log_query import LogQueryError, field, lines
from tests.unit.insights import Insights

START = datetime(2030, 1, 7, 9, tzinfo=UTC)
END = datetime(2030, 1, 8, 9, tzinfo=UTC)


def test_lines_are_those_that_hold_all_that_is_asked_for_the_newest_first() -> None:
    insights = Insights()
    for number in range(6):
        insights.write(
            START.timestamp() + number,
            message="mismatch" if number % 2 else "noise",
            user="ada" if number > 2 else "bob",
            number=number,
        )
    insights.written.append((START.timestamp() + 9, "START RequestId: message mismatch"))
    asked = (field("message", "mismatch"), field("user", "ada"))
    found = lines(insights.client(), "group", *asked, since=START, until=END)
    assert [line.fields["number"] for line in found] == [5, 3]
    assert next(iter(found)).at == START.replace(second=5)
    assert not found.is_cut


def test_what_is_no_json_object_is_no_line() -> None:
    insights = Insights()
    for text in ("REPORT mismatch", "{mismatch", '["mismatch"]'):
        insights.written.append((START.timestamp(), text))
    assert not lines(insights.client(), "group", "mismatch", since=START, until=END).found


def test_more_lines_than_one_query_answers_with_are_all_found_once() -> None:
    insights = Insights()
    for number in range(25_000):
        insights.write(START.timestamp() + number / 100, number=number)
    found = lines(insights.client(), "group", since=START, until=END)
    assert sorted(line.fields["number"] for line in found) == [*range(25_000)]
    assert not found.is_cut
    assert len(insights.queries) == 3


def test_where_there_are_more_than_anybody_would_read_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_query, "_MOST_QUERIES", 2)
    insights = Insights()
    for number in range(25_000):
        insights.write(START.timestamp() + number / 100, number=number)
    found = lines(insights.client(), "group", since=START, until=END)
    assert found.is_cut
    assert found.found[0].fields["number"] == 24_999


def test_a_query_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_query, "_LOOK_S", 0)
    insights = Insights()
    insights.write(START.timestamp(), a=1)
    insights.states = ["Scheduled", "Running", "Complete"]
    assert len(lines(insights.client(), "group", since=START, until=END).found) == 1


@pytest.mark.parametrize("state", ["Failed", "Cancelled", "Timeout"])
def test_a_query_that_ends_otherwise_says_so_with_what_to_do(state: str) -> None:
    insights = Insights()
    insights.states = [state]
    with pytest.raises(LogQueryError, match=f"'{state}': ask for less, such as --since 1h"):
        lines(insights.client(), "group", since=START, until=END)


@given(st.text(st.characters(codec="ascii", exclude_characters='/"\\|'), min_size=1))
def test_a_value_is_found_as_it_is_written_whatever_a_regular_expression_means_by_it(
    value: str,
) -> None:
    insights = Insights()
    insights.write(START.timestamp(), user=value)
    insights.write(START.timestamp(), user=f"{value}x")
    if value.isprintable():
        found = lines(insights.client(), "group", field("user", value), since=START, until=END)
        assert [line.fields["user"] for line in found] == [value]
