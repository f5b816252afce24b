"""What `shadowctl rehearse` says: on the screen, to machines, and as a page."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from shadowctl.cli import app
from shadowctl.rehearse.report.plot import Plot, Scale
from tests.unit.rollouts import STACK, template

CEILING = "Properties__Environment__Variables__SHADOW_CANARY_CEILING"
QUICK = ["--rollouts", "200"]
TITLES = [
    "Where the rollouts are: code canary",
    "Where the rollouts are: data-source canary",
    "How likely a failure is seen",
    "How soon all are back, median",
    "Chance that it is taken back",
    "How soon all are back, median",
    "Requests that fail, wait or go wrong",
]


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    (tmp_path / f"{STACK}.template.json").write_text(json.dumps(template()))
    return tmp_path


def ran(assembly: Path, *options: str) -> Result:
    command = ["rehearse", STACK, "--cdk-out", str(assembly), *QUICK, *options]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def rehearse(assembly: Path, *options: str) -> str:
    found = ran(assembly, *options)
    assert found.exit_code == 0
    return found.stdout


def refused(assembly: Path, *options: str) -> str:
    found = ran(assembly, *options)
    assert found.exit_code == 1
    return found.stderr


def read(printed: str) -> Any:
    return json.loads(printed)["rehearsals"]


def test_the_screen_names_what_was_played_and_who_acted(assembly: Path) -> None:
    said = " ".join(rehearse(assembly, "--failure", "50").split())
    assert "get-user: 200 rollouts of 60 minutes" in said
    assert "50 % of requests fail, from minute 0 on" in said
    assert "code-error-rate 100 %" in said
    assert "candidate-error-rate 100 %" in said
    assert "clean-up on 14 January 2030 at 09:00 UTC" in said


def test_machines_get_every_number(assembly: Path) -> None:
    [act] = read(rehearse(assembly, "--json", "--failure", "50"))
    assert act["route"] == "get-user"
    code, exposure = act["canaries"]
    assert code["by"] == {"code-error-rate": 1}
    assert code["setting"] == "1 % of invocations for 10 minutes, then all"
    assert exposure["errors"] == 0
    assert exposure["minutes_p50"] < exposure["minutes_p95"] + 0.01
    assert len(exposure["by_minute"]["candidate-error-rate"]) == 61
    assert {"false_rollbacks", "users", "wrong", "fallbacks"} < exposure.keys()


def test_the_same_seed_prints_the_same(assembly: Path) -> None:
    once, again, other = (rehearse(assembly, "--json", "--seed", seed) for seed in "112")
    assert once == again != other


def test_traffic_can_be_given_whole_or_in_part(assembly: Path) -> None:
    def traffic(*options: str) -> dict[str, float]:
        [act] = read(rehearse(assembly, "--json", *options))
        found: dict[str, float] = act["traffic"]
        return found

    assert traffic("--users", "7") == {"requests_per_day": 1_440_000, "users": 7, "trough": 0.25}
    both = ["--users", "7", "--requests-per-day", "5000"]
    assert traffic(*both) == {"requests_per_day": 5_000, "users": 7, "trough": 0.25}
    untold = template(Alias__Metadata=None)
    (assembly / f"{STACK}.template.json").write_text(json.dumps(untold))
    assert traffic(*both) == {"requests_per_day": 5_000, "users": 7, "trough": 0.25}
    assert "--requests-per-day and --users" in refused(assembly, "--users", "7")


def test_another_template_is_played_beside_it_with_the_same_traffic(assembly: Path) -> None:
    other = assembly / "other.json"
    blind = template(CodeAlarm__Properties__Threshold=101, Alias__Metadata=None)
    other.write_text(json.dumps(blind))
    ours, theirs = read(rehearse(assembly, "--json", "--compare", str(other)))
    assert theirs["source"] == str(other)
    assert theirs["traffic"] == ours["traffic"]
    assert theirs["canaries"][0]["rolled_back"] == 0 < ours["canaries"][0]["rolled_back"]
    assert "this branch" in rehearse(assembly, "--compare", str(other))


def test_a_ceiling_that_is_raised_is_played_beside_one_that_was_not(assembly: Path) -> None:
    other, page = assembly / "other.json", assembly / "out.html"
    below = {f"{role}__{CEILING}": "shadow" for role in ("Route", "Operations")}
    other.write_text(json.dumps(template(**below)))
    said = rehearse(assembly, "--compare", str(other), "--report", str(page))
    assert "the ceiling is shadow, no user meets the candidate" in said
    assert said.count("data-source") == 1
    assert page.read_text(encoding="utf-8").count("<article") == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--cdk-out", "nowhere"], "no stack 'GetUser' in nowhere"),
        (["--report", "nowhere/out.html"], "there is no folder nowhere for the report"),
        (["--compare", "no-such-branch"], "cannot read 'no-such-branch'"),
        (["--failure", "101"], "failing_percent is from 0 to 100; got 101"),
    ],
)
def test_what_goes_wrong_is_said(assembly: Path, options: list[str], told: str) -> None:
    assert told in refused(assembly, *options)


# The page


class Elements(HTMLParser):
    """Every element of a page, and what it points to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.labels: list[str] = []
        self.points_to: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names.append(tag)
        self.points_to |= {given[a] or "" for a in ("src", "href", "xlink:href") if a in given}
        if tag == "svg" and "aria-label" in given:
            self.labels.append(given["aria-label"] or "")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    (folder / f"{STACK}.template.json").write_text(json.dumps(template()))
    path = folder / "out.html"
    rehearse(folder, "--report", str(path), "--failure-starts", "3")
    return path.read_text(encoding="utf-8")


def test_the_page_needs_no_network_and_no_script(page: str) -> None:
    elements = Elements(page)
    assert elements.points_to == {"data:,"}
    assert not {"script", "iframe", "img", "object"} & set(elements.names)
    assert "url(" not in page
    assert "@import" not in page


def test_every_plot_says_what_it_shows_and_in_which_units(page: str) -> None:
    assert Elements(page).labels == TITLES
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert captions == TITLES
    units = re.findall(r'class="unit"[^>]*>(.*?)</text>', page)
    assert len(units) == 2 * len(TITLES)
    assert all(units)


def test_the_page_says_what_is_assumed_and_shows_every_guard(page: str) -> None:
    assert "Requests come by chance (Poisson)" in page
    assert "A datapoint can be seen 2 minutes after its minute is over." in page
    rate = "100 * faults / IF(requests &gt; 10, requests, 10)"
    assert f"IF(requests &gt;= 0 AND faults &gt;= 2, {rate}, 0)" in page
    assert "3 of 5 × 1 min" in page  # noqa: RUF001


def test_the_page_draws_the_other_template_in_lines_of_its_own(assembly: Path) -> None:
    other, path = assembly / "other.json", assembly / "out.html"
    other.write_text(json.dumps(template()))
    rehearse(assembly, "--report", str(path), "--compare", str(other))
    page = path.read_text(encoding="utf-8")
    assert len(Elements(page).labels) == len(TITLES) + 2
    assert page.count("<polyline") == 5 * 4
    assert page.count('<polyline class="line canary-1 other"') == 5


@pytest.mark.parametrize(
    ("high", "marks"),
    [
        (12, (0, 2, 4, 6, 8, 10, 12)),
        (1, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (60, tuple(range(0, 61, 10))),
    ],
)
def test_an_axis_has_round_numbers(high: float, marks: tuple[float, ...]) -> None:
    assert Scale.even("", high).marks == pytest.approx(marks)


def test_equal_factors_are_equally_far_apart() -> None:
    scale = Scale.by_factors("", (1, 10, 100))
    assert [scale.place(value) for value in (0.1, 1, 10, 100, 1_000)] == [0, 0, 0.5, 1, 1]
    assert Scale.around("", [0, 3, 250], least=0.1).marks == (0.1, 1, 10, 100, 1_000)


def test_words_in_a_plot_are_text_and_no_markup() -> None:
    plot = Plot("a < b", Scale.even("<x>", 1), Scale.even("&y", 1))
    plot.rule(0.5, "<b>")
    drawn = plot.svg()
    assert "&lt;x&gt;" in drawn
    assert "&amp;y" in drawn
    assert "<b>" not in drawn
