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
    """Lambdas whose code is never run: one route, `orders`, and one dataset, `users`."""
    root = tmp_path_factory.mktemp("lambdas")
    route, dataset = root / "routes" / "orders", root / "datasets" / "users"
    route.mkdir(parents=True)
    dataset.mkdir(parents=True)
    for name in ("control.py", "candidate.py"):
        (route / name).write_text("def handler(event, context): ...\n")
        (dataset / name).write_text("from dataset.steps import Record\nstore = {}\n")
    (dataset / "records.py").write_text(
        "def keys(request): ...\ndef translate(old): ...\ndef inverse(new): ...\n"
    )
    return root


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with serving() as played:
        yield CloudFormation(played)
