"""`shadowctl new-route`: what it writes synthesizes and passes its tests, in any app, at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.template import Stack
from shadowctl.new_route.command import new_route
from tests.checkout import ROOT
from tests.snapshot.conftest import Synthesis, copied

APP = """import aws_cdk as cdk

app = cdk.App()
app.synth()
"""
LEGACY = """import json

from prices import euros


def lambda_handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"total": euros(1250)})}


handler = lambda_handler
"""
MOST_TO_FILL_IN = 15


def another_teams(folder: Path) -> Path:
    for name, text in {
        "app.py": APP,
        "cdk.json": '{"app": "python3 app.py"}',
        "src/legacy/__init__.py": "",
        "src/legacy/orders.py": LEGACY.replace("prices", "legacy.prices"),
        "src/legacy/prices.py": "def euros(cents): return cents / 100\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("app", "root", "routes"),
    [
        pytest.param(
            another_teams,
            "src",
            {
                "Orders": ("ORDERS", "GET /orders", {}),
                "GetOrder": ("get-order", "GET /orders/{id}", {}),
                "Catalogue": ("catalogue", "GET /catalogue", {"is_public": True}),
                "Total": ("Total", "GET /total", {"wrap": "legacy.orders:handler"}),
            },
            id="another team's app",
        ),
        pytest.param(
            copied,
            "lambdas",
            {"GetOrder": ("GetOrder", "GET /orders/{id}", {})},
            id="this repository's app",
        ),
    ],
)
def test_what_it_writes_synthesizes_and_passes_its_tests_at_once(
    app: object,
    root: str,
    routes: dict[str, tuple[str, str, dict[str, object]]],
    tmp_path: Path,
    synthesize: Synthesis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert callable(app)
    folder = app(tmp_path)
    monkeypatch.chdir(folder)
    for stack, (name, request, options) in routes.items():
        said = [*new_route(name, request, **options)]  # type: ignore[arg-type]
        assert said[-1].startswith(f"app.py  {stack}(app, ")
        marked = [line.partition("fill in line ")[2].split(",") for line in said if "fill" in line]
        assert 0 < sum(map(len, marked)) <= MOST_TO_FILL_IN
    assembly = synthesize(folder)
    for stack in routes:
        assert len(Stack.load(assembly, stack).all("AWS::Lambda::Alias")) == 1
    path = [folder, folder / root, ROOT, ROOT / "constructs", ROOT / "lambdas"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert f"{2 * len(routes)} passed" in ran.stdout
    # Which of its own packages are first-party, a team says.
    check_style(folder, but="S101,D" if app is copied else "S101,D,I001")


def check_style(folder: Path, *, but: str) -> None:
    """As strict as this repository is with itself."""
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    written = ["app.py", "stacks", "tests", *map(str, folder.glob("*/routes"))]
    for command in (["check", "--ignore", but], ["format", "--check"]):
        run = [sys.executable, "-m", "ruff", *command, *config, *written]
        ran = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
