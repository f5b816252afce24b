"""A grant taken out of what is deployed, without a deployment, and put back."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import boto3

from shadowctl.deployed import stack_resources
from tests.grants import Grant

Document = dict[str, Any]

_Place = tuple[str, str]
"""Of a policy: its stack, and its logical id, which is the name of one in a role, too."""


_NOTHING = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
"""What anybody may do: a policy has a statement."""


class Policies:
    """The policies of the deployed stacks. The embedded AWS asks them anew at each call."""

    def __init__(self, aws: boto3.Session, stacks: Iterable[str]) -> None:
        self._iam = aws.client("iam")
        self._managed: dict[_Place, str] = {}
        self._roles: dict[_Place, str] = {}
        for stack in stacks:
            for logical_id, kind, name in stack_resources(aws, stack):
                if kind == "AWS::IAM::ManagedPolicy":
                    self._managed[stack, logical_id] = name
                elif kind == "AWS::IAM::Role":
                    held = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
                    self._roles |= {(stack, policy): name for policy in held}

    @contextlib.contextmanager
    def without(self, grant: Grant) -> Iterator[None]:
        """In the block nobody has `grant`.

        Raises:
            LookupError: no statement like its own is deployed, or several are.
        """
        policy = grant.statement.stack, grant.statement.policy
        before = self._read(policy)
        self._write(policy, _less(before, grant))
        try:
            yield
        finally:
            self._write(policy, before)

    def _read(self, policy: _Place) -> Document:
        found: Any
        if arn := self._managed.get(policy):
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            held = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)
            found = held["PolicyVersion"]["Document"]
        else:
            role = self._roles[policy]
            found = self._iam.get_role_policy(RoleName=role, PolicyName=policy[1])["PolicyDocument"]
        return dict(found)

    def _write(self, policy: _Place, document: Document) -> None:
        text = json.dumps(document)
        if arn := self._managed.get(policy):
            for version in self._iam.list_policy_versions(PolicyArn=arn)["Versions"]:
                if not version["IsDefaultVersion"]:  # there may be five
                    self._iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
            self._iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
        else:
            role = self._roles[policy]
            self._iam.put_role_policy(RoleName=role, PolicyName=policy[1], PolicyDocument=text)


def _less(document: Document, grant: Grant) -> Document:
    """`document` without what is taken out of its one statement with these actions."""
    wanted, kept, found = grant.statement, [], 0
    for statement in document["Statement"]:
        actions, resources = _several(statement["Action"]), _several(statement["Resource"])
        if {*actions} != {*wanted.actions} or len(resources) != len(wanted.resources):
            kept.append(statement)
            continue
        found += 1
        if grant.action:
            actions = [action for action in actions if action != grant.action]
        else:  # resolved one by one, they stand in the template's order
            del resources[wanted.resources.index(grant.resource)]
        if actions and resources:
            kept.append({**statement, "Action": actions, "Resource": resources})
    if found != 1:
        raise LookupError(f"{found} statements of {grant.holder} are like {grant.text}")
    return {**document, "Statement": kept or [_NOTHING]}


def _several(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list) else [value]
