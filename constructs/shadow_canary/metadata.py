"""What a template says of a resource to those who read it: no part of the resource itself."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnResource
from constructs import IConstruct


def add_metadata(construct: IConstruct, key: str, value: Mapping[str, Any] | str) -> None:
    """Writes `value` beside the resource of an L2 construct."""
    resource = construct.node.default_child
    assert isinstance(resource, CfnResource)  # noqa: S101 - tells mypy what the L2 makes
    resource.add_metadata(key, value)
