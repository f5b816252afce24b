"""A route of nobody's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.played import serving
from tests.unit.cloudformation import CloudFormation

os.environ["CDK_VALIDATION"] = "false"
"""The CDK checks each template for seconds; tests/snapshot shows that it finds nothing."""


@pytest.fixture(scope="session")
def lambdas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Lambdas with one route, `orders`, for constructs whose code is never run."""
    root = tmp_path_factory.mktemp("lambdas")
    folder = root / "routes" / "orders"
    folder.mkdir(parents=True)
    for name in ("control.py", "candidate.py"):
        (folder / name).write_text("def handler(event, context): ...\n")
    return root


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with serving() as played:
        yield CloudFormation(played)
