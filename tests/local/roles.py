"""Users of the embedded AWS who may do what a role of a template may, on resources of a test."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any
from unittest.mock import patch

from botocore.credentials import Credentials

from shadow_runtime import aws
from tests.checkout import ROOT
from tests.local.services import client

_TEMPLATES = ROOT / "tests/snapshot/__snapshots__/test_snapshots"
_numbers = count()


@cache
def _resources(stack: str) -> Mapping[str, Any]:
    template = json.loads((_TEMPLATES / f"test_template[{stack}].json").read_text())
    found: Mapping[str, Any] = template["Resources"]
    return found


def statements(stack: str, policy: str, arns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Those of the policy whose logical id begins with `policy`, on the resources of `arns`.

    Each is found by what stands for it in the template: a logical id, or a part of a name.
    """
    [document] = [
        resource["Properties"]["PolicyDocument"]
        for logical_id, resource in _resources(stack).items()
        if logical_id.startswith(policy) and "Policy" in resource["Type"]
    ]
    found = []
    for statement in document["Statement"]:
        named = json.dumps(statement["Resource"])
        if mine := [arn for name, arn in arns.items() if name in named]:
            found.append({**statement, "Resource": mine})
    return found


def user(endpoint: str, allowed: list[dict[str, Any]]) -> Credentials:
    """The keys of a new user who may do that and nothing else."""
    iam = client(endpoint, "iam")
    name = f"user-{next(_numbers)}"
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="granted", PolicyDocument=document)
    keys = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"])


@contextmanager
def acting_as(who: Credentials) -> Iterator[None]:
    """Whoever calls AWS in the block is `who`."""
    with patch.object(aws, "_credentials", lambda: who):
        yield
