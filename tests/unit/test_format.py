"""What is read by people: numbers, chances, times and tables."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from analysis.format import chance, count, duration, moment
from shadowctl.plan.cost import usd
from shadowctl.plan.markdown import bullets, paragraph, table


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (0.0007, "under 0.01"),
        (0.5, "0.5"),
        (0.153, "0.15"),
        (1, "1"),
        (30.94, "30.9"),
        (999.96, "1000"),
        (1_000, "1,000"),
        (3_962_377.4, "3,962,377"),
    ],
)
def test_a_count_has_the_digits_that_matter(number: float, words: str) -> None:
    assert count(number) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0 %"),
        (1e-9, "under 0.1 %"),
        (0.0023, "0.2 %"),
        (0.1538, "15 %"),
        (0.998, "99.8 %"),
        (1 - 1e-9, "over 99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_chance_is_never_rounded_to_none_or_to_certainty(share: float, words: str) -> None:
    assert chance(share) == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.25, "15 seconds"),
        (1, "1 minute"),
        (10.25, "10 minutes"),
        (702, "11.7 hours"),
        (7_021, "4.9 days"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(minutes: float, words: str) -> None:
    assert duration(minutes) == words


def test_a_date_has_its_weekday_and_its_time_zone() -> None:
    at = datetime(2030, 1, 14, 9, tzinfo=ZoneInfo("Etc/UTC"))
    assert moment(at) == "Monday, 14 January 2030, 09:00 UTC"
    assert moment(at.replace(tzinfo=ZoneInfo("Europe/Paris"))).endswith("09:00 Europe/Paris")


def test_what_costs_something_never_costs_nothing() -> None:
    assert [usd(0.004), usd(0.014), usd(1_234.5)] == ["< 0.01", "0.01", "1,234.50"]


def test_a_line_ends_before_100_columns_and_never_before_a_percent_sign() -> None:
    text = "x" * 97 + " 2 % of it " + "y " * 90
    lines = paragraph(text).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].startswith("2 % of it")
    assert bullets([text]).splitlines()[1].startswith("  2 %")


def test_a_table_is_aligned_as_plain_text_too() -> None:
    assert table(
        "<>", ["stage", "a day"], [["off", "0"], ["canary(2%)", "20,000"]]
    ).splitlines() == [
        "| stage      |  a day |",
        "|------------|-------:|",
        "| off        |      0 |",
        "| canary(2%) | 20,000 |",
    ]
