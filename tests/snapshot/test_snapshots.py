"""One readable template a stack: `make snapshots` accepts it, the diff is what a reviewer reads."""

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.snapshot.reading import Template, masked


@pytest.mark.parametrize("stack", ["Platform", "GetUser"])
def test_template(stack: str, templates: dict[str, Template], snapshot: SnapshotAssertion) -> None:
    assert masked(templates[stack]) == snapshot.use_extension(JSONSnapshotExtension)


def test_every_stack_has_a_snapshot(templates: dict[str, Template]) -> None:
    assert set(templates) == {"Platform", "GetUser"}
