"""The app is synthesized once a session, as the CLI does it, and everyone reads that assembly."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shadowctl.synthesis import synthesize as synthesize_offline
from tests.checkout import ROOT
from tests.reading import Template
from tests.snapshot.written import written as written_metrics

HERE = Path(__file__).resolve().parent
SOURCES = ("app.py", "cdk.json", "analysis", "constructs", "stacks", "lambdas")

Synthesis = Callable[..., Path]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps these tests on one worker, so that the app is synthesized once."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("synthesis"))


def pytest_exception_interact(node: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Where nothing could be synthesized, `make snapshots` deletes nothing that was accepted."""
    if call.when == "setup":
        node.config.option.update_snapshots = False


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Runs `app.py` of a checkout as the CDK CLI would, without building layers."""

    def run(checkout: Path = ROOT, **environment: str) -> Path:
        out = tmp_path_factory.mktemp("cdk.out")
        home = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", str(out))}
        assert synthesize_offline(checkout, out, home | environment) == "", "it warns of nothing"
        return out

    return run


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copied(tmp_path)


def copied(folder: Path) -> Path:
    """The sources at another path, one with spaces in it."""
    copy = folder / "another path"
    copy.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


@pytest.fixture(scope="session")
def assembly(synthesize: Synthesis) -> Path:
    return synthesize()


@pytest.fixture(scope="session")
def templates(assembly: Path) -> dict[str, Template]:
    return read_templates(assembly)


def read_templates(assembly: Path) -> dict[str, Template]:
    """The templates of an assembly, by the names of their stacks."""
    return {
        path.name.removesuffix(".template.json"): json.loads(path.read_text())
        for path in assembly.glob("*.template.json")
    }


@pytest.fixture(scope="session")
def get_user(templates: dict[str, Template]) -> Template:
    return templates["GetUser"]


@pytest.fixture(scope="session")
def platform(templates: dict[str, Template]) -> Template:
    return templates["Platform"]


@pytest.fixture(scope="session")
def written() -> set[str]:
    """The kinds of metrics that the runtime writes."""
    return written_metrics()
