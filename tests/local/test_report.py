"""The report of a rehearsal, in a real browser: drawn, legible, and without a complaint."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from shadowctl.synthesis import synthesize
from tests.checkout import ROOT
from tests.local.browser import Browser

PLOTS = """[...document.querySelectorAll('svg.plot')].map(plot => ({
  title: plot.getAttribute('aria-label'),
  width: plot.getBoundingClientRect().width,
  height: plot.getBoundingClientRect().height,
  shapes: [...plot.querySelectorAll('polyline, polygon')].map(shape => ({
    width: shape.getBBox().width,
    paint: getComputedStyle(shape)[shape.tagName === 'polygon' ? 'fill' : 'stroke'],
  })),
  outside: [...plot.querySelectorAll('text')].filter(text => {
    const [box, frame] = [text.getBoundingClientRect(), plot.getBoundingClientRect()];
    return box.left < frame.left - 1 || box.right > frame.right + 1;
  }).map(text => text.textContent),
}))"""

CONTRASTS = """(() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    const paper = getComputedStyle(element).backgroundColor;
    return paper === 'rgba(0, 0, 0, 0)' ? behind(element.parentElement) : paper;
  };
  return [...document.querySelectorAll('h1, h2, p, th, td, li, code, .plot text')].map(element => {
    const style = getComputedStyle(element);
    const ink = light(element.tagName === 'text' ? style.fill : style.color);
    const paper = light(behind(element));
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  });
})()"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the sample's route, beside itself."""
    folder = tmp_path_factory.mktemp("report")
    assembly, page = folder / "cdk.out", folder / "out.html"
    synthesize(ROOT, assembly)
    command = [sys.executable, "-m", "shadowctl", "rehearse", "GetUser", "--rollouts", "500"]
    sides = ["--cdk-out", str(assembly), "--compare", str(assembly)]
    options = ["--failure", "10", *sides, "--report", str(page)]
    subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True)
    return page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return Browser.found(tmp_path_factory.mktemp("browser"))


def test_a_browser_has_nothing_to_complain_of(browser: Browser, report: Path) -> None:
    seen = browser.opened(report)
    assert seen.console == []
    assert "get-user, rehearsed" in seen.output


def test_a_complaint_would_be_seen(browser: Browser, report: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(report.read_text(encoding="utf-8") + "<script>nothing()</script>")
    assert "nothing is not defined" in "".join(browser.opened(broken).console)


@pytest.mark.parametrize("width", [1_100, 500])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_plot_is_drawn_in_colours_of_its_own(
    browser: Browser, report: Path, width: int, dark: bool
) -> None:
    plots = browser.measured(report, PLOTS, width=width, dark=dark)
    assert len(plots) == 9
    for plot in plots:
        assert plot["width"] > 250, plot["title"]
        assert plot["height"] > 150, plot["title"]
        assert plot["outside"] == [], plot["title"]
        assert any(shape["width"] > 150 for shape in plot["shapes"]), plot["title"]
        paints = {shape["paint"] for shape in plot["shapes"]}
        assert len(paints) >= 2, plot["title"]
        assert not paints & {"none", "rgb(0, 0, 0)"}, plot["title"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_stands_out_from_its_paper(browser: Browser, report: Path, dark: bool) -> None:
    contrasts = browser.measured(report, CONTRASTS, dark=dark)
    assert len(contrasts) > 150
    assert min(contrasts) >= 4.5  # what the guidelines of accessible pages ask for


@pytest.mark.parametrize("width", [1_100, 500])
def test_nothing_is_wider_than_the_window(browser: Browser, report: Path, width: int) -> None:
    widest = "document.documentElement.scrollWidth - window.innerWidth"
    assert browser.measured(report, widest, width=width) <= 0


def test_it_prints_on_a_few_pages(browser: Browser, report: Path, tmp_path: Path) -> None:
    paper = tmp_path / "out.pdf"
    browser.opened(report, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    pages = re.findall(rb"/Type\s*/Page\b", paper.read_bytes())
    assert 2 <= len(pages) <= 6
