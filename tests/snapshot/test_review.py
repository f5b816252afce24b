"""Three reviews of the sample as their reader sees them."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from shadowctl.review.command import review
from shadowctl.synthesis import synthesize
from tests.snapshot.conftest import copied
from tests.snapshot.test_plan import Markdown

STACK = "stacks/get_user.py"
EXAMPLES = {
    "more exposure": {
        STACK: [("percent=2)", "percent=25)"), ("Ramp.steps(2,", "Ramp.steps(2, 25,")],
    },
    "a loosened alarm": {
        STACK: [("ceiling=Stage", "error_rate_percent=20,\n            ceiling=Stage")],
    },
    "code only": {"lambdas/routes/get_user/control.py": [('"""', '"""Said better. ')]},
}


@pytest.fixture(scope="module")
def reviews(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each example's comment, by its name."""

    def changed(name: str) -> Path:
        folder = copied(tmp_path_factory.mktemp("review"))
        for path, edits in EXAMPLES[name].items():
            text = (folder / path).read_text()
            for old, new in edits:
                assert old in text
                text = text.replace(old, new, 1)
            (folder / path).write_text(text)
        synthesize(folder, folder / "cdk.out")  # which may warn of what is looser
        return folder / "cdk.out"

    with ThreadPoolExecutor(2) as pool:
        heads = dict(zip(EXAMPLES, pool.map(changed, EXAMPLES), strict=True))
    return {name: review(f"{assembly}", f"{head}")[0] for name, head in heads.items()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_review(name: str, reviews: dict[str, str], snapshot: SnapshotAssertion) -> None:
    shown = re.sub(r"\b(\w+CurrentVersion[0-9A-F]{8})[0-9a-f]{32}", r"\1…", reviews[name])
    assert shown == snapshot(extension_class=Markdown)


def test_more_exposure_is_told_in_users_before_anything_else(reviews: dict[str, str]) -> None:
    title, fact = re.findall(r"^(?:## |- \*\*)(.*)$", reviews["more exposure"], re.MULTILINE)[:2]
    assert title == "Changes: +11,500 users a day of `get-user`"
    assert fact.startswith(
        "+11,500 users a day may be answered by the candidate** (2 % → 25 % of 50,000 users: "
        "1,000 → 12,500)"
    )


def test_a_loosened_alarm_is_told_before_anything_else(reviews: dict[str, str]) -> None:
    lines = [line for line in reviews["a loosened alarm"].splitlines() if line][1:4]
    assert lines == [
        "## Changes: 2 to security, guards or dates of `get-user`",
        "### Security: look at these 2 first",
        "- **alarm** in `GetUser`: `code-error-rate` has a looser threshold: `2` → `20`",
    ]


def test_code_alone_is_said_in_one_line(reviews: dict[str, str]) -> None:
    _, *lines = [line for line in reviews["code only"].splitlines() if line]
    assert lines[0] == "## Nothing changes for users"
    assert len(lines) == 2
    assert lines[1].startswith("- `GetUser`: code only, of `candidate`, `shadow`, `route`")


def test_only_routes_that_changed_are_shown(reviews: dict[str, str]) -> None:
    assert not [name for name, shown in reviews.items() if "Platform" in shown]
