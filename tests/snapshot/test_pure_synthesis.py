"""Synthesis is a pure function of the commit."""

import json
from pathlib import Path

from tests.checkout import ROOT
from tests.snapshot.conftest import Synthesis


def test_two_paths_and_two_time_zones_give_the_same_bytes(
    assembly: Path, checkout: Path, synthesize: Synthesis
) -> None:
    bytecode = checkout / "lambdas" / "shadow_runtime" / "__pycache__"
    bytecode.mkdir()
    (bytecode / "flag.cpython-313.pyc").write_bytes(b"left by a test")
    other = synthesize(checkout, TZ="Asia/Tokyo")
    for template in assembly.glob("*.template.json"):
        assert (other / template.name).read_bytes() == template.read_bytes()


def test_every_recommended_feature_flag_is_set() -> None:
    recommended = ROOT / "node_modules/aws-cdk/lib/init-templates/.recommended-feature-flags.json"
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert {k: flags.get(k) for k in json.loads(recommended.read_text())} == json.loads(
        recommended.read_text()
    )
