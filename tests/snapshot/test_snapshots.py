"""One readable template a stack: `make snapshots` accepts it, the diff is what a reviewer reads."""

import os
import subprocess
import sys
from pathlib import Path

from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.checkout import ROOT
from tests.reading import Template, masked

WARNS = """
import pytest
from tests.snapshot.conftest import pytest_exception_interact

@pytest.fixture
def templates():
    assert "a warning" == "", "it warns of nothing"
"""


def test_template(templates: dict[str, Template], snapshot: SnapshotAssertion) -> None:
    """A stack without a snapshot fails it, and so does a snapshot without a stack."""
    of_stack = snapshot.use_extension(JSONSnapshotExtension)
    differing = [
        stack for stack, template in templates.items() if masked(template) != of_stack(name=stack)
    ]
    assert not differing


def test_where_synthesis_warns_no_accepted_snapshot_is_deleted(tmp_path: Path) -> None:
    accepted = tmp_path / "__snapshots__/test_it/test_template.json"
    accepted.parent.mkdir(parents=True)
    accepted.write_text("{}\n")
    (tmp_path / "conftest.py").write_text(WARNS)
    (tmp_path / "test_it.py").write_text(
        "def test_template(templates, snapshot): assert templates == snapshot\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--snapshot-update"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "lambdas")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 error" in ran.stdout
    assert accepted.exists()
