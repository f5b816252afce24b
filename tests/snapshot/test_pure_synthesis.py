"""Synthesis is a pure function of the commit, and publishes what changed and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.snapshot.conftest import ROOT, Synthesis
from tests.snapshot.reading import Template as Json
from tests.snapshot.reading import resources

SOURCES = ("app.py", "cdk.json", "constructs", "stacks", "lambdas")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources at another path, one with spaces in it."""
    copy = tmp_path / "another path"
    copy.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


def test_two_paths_and_two_time_zones_give_the_same_bytes(
    assembly: Path, checkout: Path, synthesize: Synthesis
) -> None:
    bytecode = checkout / "lambdas" / "shadow_runtime" / "__pycache__"
    bytecode.mkdir()
    (bytecode / "flag.cpython-313.pyc").write_bytes(b"left by a test")
    other = synthesize(checkout, TZ="Asia/Tokyo")
    for template in assembly.glob("*.template.json"):
        assert (other / template.name).read_bytes() == template.read_bytes()


def test_a_change_of_the_candidate_publishes_every_version_of_the_route_and_no_other_stack(
    assembly: Path, checkout: Path, synthesize: Synthesis
) -> None:
    candidate = checkout / "lambdas" / "routes" / "get_user" / "candidate.py"
    candidate.write_text(candidate.read_text() + "\n# changed\n")
    changed = synthesize(checkout)
    assert versions(changed).isdisjoint(versions(assembly))
    assert read(changed, "Platform") == read(assembly, "Platform")


def test_a_change_of_operations_publishes_no_version(
    assembly: Path, checkout: Path, synthesize: Synthesis
) -> None:
    cleanup = checkout / "lambdas" / "operations" / "cleanup.py"
    cleanup.write_text(cleanup.read_text() + "\n# changed\n")
    changed = synthesize(checkout)
    assert versions(changed) == versions(assembly)
    assert read(changed, "GetUser") != read(assembly, "GetUser")


def read(assembly: Path, stack: str) -> Json:
    template: dict[str, Any] = json.loads((assembly / f"{stack}.template.json").read_text())
    return template


def versions(assembly: Path) -> set[str]:
    return set(resources(read(assembly, "GetUser"), "AWS::Lambda::Version"))


def test_every_recommended_feature_flag_is_set() -> None:
    recommended = ROOT / "node_modules/aws-cdk/lib/init-templates/.recommended-feature-flags.json"
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert {k: flags.get(k) for k in json.loads(recommended.read_text())} == json.loads(
        recommended.read_text()
    )
