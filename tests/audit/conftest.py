"""The tools of the audit, which `make` installs apart, and the app as it is synthesized."""

from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.snapshot.conftest import assembly, checkout, synthesize

__all__ = ["assembly", "checkout", "synthesize"]


@pytest.fixture(scope="session")
def tools() -> Path:
    found = ROOT / ".audit" / "bin"
    assert found.is_dir(), "`make .audit/ready` installs them"
    return found
