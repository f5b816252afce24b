"""One readable template a stack: `make snapshots` accepts it, the diff is what a reviewer reads."""

from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.reading import Template, masked


def test_template(templates: dict[str, Template], snapshot: SnapshotAssertion) -> None:
    """A stack without a snapshot fails it, and so does a snapshot without a stack."""
    of_stack = snapshot.use_extension(JSONSnapshotExtension)
    differing = [
        stack for stack, template in templates.items() if masked(template) != of_stack(name=stack)
    ]
    assert not differing
