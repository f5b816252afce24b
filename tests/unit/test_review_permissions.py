"""Whoever may do more than before is found; whoever may do the same or less is not."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.permissions import Statement, includes, more_allowed, overlaps

Json = dict[str, Any]

SERVICES = ("s3", "sqs", "iam")
VERBS = ("Get", "Put", "Delete")
NOUNS = ("Object", "Queue", "Role")
ACTIONS = [f"{service}:{verb}{noun}" for service in SERVICES for verb in VERBS for noun in NOUNS]
RESOURCES = [f"arn:aws:{a}:::{b}/{c}" for a in SERVICES for b in "xy" for c in "12"]
VALUES = ["1", "2", "3"]


def allow(**elements: object) -> Json:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::x/*"} | elements


def deny(**elements: object) -> Json:
    return allow(**elements) | {"Effect": "Deny"}


def more(before: list[Json], after: list[Json]) -> bool:
    old, new = ([*Statement.all_of({"Statement": each})] for each in (before, after))
    return bool([*more_allowed(old, new)])


SOURCE: Json = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
AN_ACCOUNT = "arn:aws:iam::123456789012:root"
A_ROLE = "arn:aws:iam::123456789012:role/a"

WIDER: Mapping[str, tuple[list[Json], list[Json]]] = {
    "a statement": ([], [allow()]),
    "an action": ([allow()], [allow(Action=["s3:GetObject", "s3:PutObject"])]),
    "an action in another statement": ([allow()], [allow(), allow(Action="s3:PutObject")]),
    "a wildcard in the action": ([allow()], [allow(Action="s3:Get*")]),
    "every action of the service": ([allow(Action="s3:Get*")], [allow(Action="s3:*")]),
    "every action": ([allow(Action="s3:*")], [allow(Action="*")]),
    "one letter that is any": ([allow()], [allow(Action="s3:GetObjec?")]),
    "all actions but some": ([allow(Action="s3:*")], [allow() | {"NotAction": "iam:*"}]),
    "all but fewer actions": (
        [{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}],
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
    ),
    "a resource": ([allow()], [allow(Resource=["arn:aws:s3:::x/*", "arn:aws:s3:::y/*"])]),
    "every resource": ([allow()], [allow(Resource="*")]),
    "all resources but one": (
        [allow()],
        [{"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::y/*"}],
    ),
    "another function": (
        [allow(Resource={"Fn::GetAtt": ["Old", "Arn"]})],
        [allow(Resource={"Fn::GetAtt": ["New", "Arn"]})],
    ),
    "all versions of a function": (
        [allow(Resource={"Fn::GetAtt": ["Old", "Arn"]})],
        [allow(Resource={"Fn::Join": ["", [{"Fn::GetAtt": ["Old", "Arn"]}, ":*"]]})],
    ),
    "no condition": ([allow(Condition=SOURCE)], [allow()]),
    "another value of a condition": (
        [allow(Condition=SOURCE)],
        [allow(Condition={"StringEquals": {"aws:SourceAccount": ["123456789012", "2"]}})],
    ),
    "a pattern in place of a value": (
        [allow(Condition=SOURCE)],
        [allow(Condition={"StringLike": {"aws:SourceAccount": "1234*"}})],
    ),
    "where the key is missing": (
        [allow(Condition=SOURCE)],
        [allow(Condition={"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}})],
    ),
    "a value that was kept out": (
        [allow(Condition={"StringNotEquals": {"aws:SourceAccount": ["1", "2"]}})],
        [allow(Condition={"StringNotEquals": {"aws:SourceAccount": "1"}})],
    ),
    "another branch": (
        [{"Fn::If": ["IsProd", allow(Action="s3:PutObject"), allow()]}],
        [{"Fn::If": ["IsProd", allow(), allow(Action="s3:PutObject")]}],
    ),
    "anybody": ([allow(Principal={"AWS": A_ROLE})], [allow(Principal="*")]),
    "anybody of AWS": ([allow(Principal={"AWS": AN_ACCOUNT})], [allow(Principal={"AWS": "*"})]),
    "the whole account": (
        [allow(Principal={"AWS": A_ROLE})],
        [allow(Principal={"AWS": AN_ACCOUNT})],
    ),
    "another account": (
        [allow(Principal={"AWS": AN_ACCOUNT})],
        [allow(Principal={"AWS": "210987654321"})],
    ),
    "another service": (
        [allow(Principal={"Service": "lambda.amazonaws.com"})],
        [allow(Principal={"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]})],
    ),
    "all but one principal": (
        [allow(Principal={"AWS": A_ROLE})],
        [{"Effect": "Allow", "Action": "s3:GetObject", "NotPrincipal": {"AWS": A_ROLE}}],
    ),
    "a denial that is gone": ([allow(), deny()], [allow()]),
    "a denial of fewer actions": ([deny(Action="s3:*")], [deny(Action="s3:Get*")]),
    "a denial of fewer resources": ([deny(Resource="*")], [deny()]),
    "a denial under a condition": ([deny()], [deny(Condition=SOURCE)]),
    "a denial that lets somebody be": (
        [deny(Principal="*")],
        [{"Effect": "Deny", "Action": "s3:GetObject", "NotPrincipal": {"AWS": A_ROLE}}],
    ),
    "a denial that is an allowance": ([deny()], [allow()]),
}


@pytest.mark.parametrize(("before", "after"), WIDER.values(), ids=WIDER)
def test_what_is_allowed_more_is_found_and_the_way_back_is_not(
    before: list[Json], after: list[Json]
) -> None:
    assert more(before, after)
    assert not more(after, after)


ALIKE: Mapping[str, tuple[list[Json], list[Json]]] = {
    "in another order": (
        [allow(Action=["s3:GetObject", "s3:PutObject"])],
        [allow(Action=["s3:PutObject", "s3:GetObject"])],
    ),
    "parted": (
        [allow(Action=["s3:GetObject", "s3:PutObject"])],
        [allow(Action="s3:PutObject"), allow(Action=["s3:GetObject"])],
    ),
    "spelled otherwise": ([allow()], [allow(Action="S3:getobject")]),
    "another Sid": ([allow(Sid="a")], [allow(Sid="b")]),
    "joined": (
        [allow(Resource={"Fn::Join": ["", [{"Fn::GetAtt": ["F", "Arn"]}, ":1"]]})],
        [allow(Resource={"Fn::Sub": "${F.Arn}:1"})],
    ),
    "within a wildcard": ([allow(Action="s3:*")], [allow(Action=["s3:Get*", "s3:PutObject"])]),
    "under a condition more": ([allow()], [allow(Condition=SOURCE)]),
    "a value of a pattern": (
        [allow(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sns:*"}})],
        [allow(Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:1:t"}})],
    ),
    "a role of the account": (
        [allow(Principal={"AWS": AN_ACCOUNT})],
        [allow(Principal={"AWS": A_ROLE})],
    ),
    "the account by its number": (
        [allow(Principal={"AWS": AN_ACCOUNT})],
        [allow(Principal={"AWS": "123456789012"})],
    ),
    "anybody, spelled otherwise": ([allow(Principal="*")], [allow(Principal={"AWS": "*"})]),
    "outside of all but some": (
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        [allow()],
    ),
    "denied more": ([allow(), deny()], [allow(), deny(Action="s3:*")]),
    "allowed no longer": ([allow()], []),
}


@pytest.mark.parametrize(("before", "after"), ALIKE.values(), ids=ALIKE)
def test_what_is_the_same_or_less_is_no_finding(before: list[Json], after: list[Json]) -> None:
    assert not more(before, after)


patterns = st.text(alphabet="ab*?", max_size=6)
plain = st.text(alphabet="ab", max_size=6)


@given(patterns, patterns, plain)
def test_a_pattern_that_includes_another_matches_all_that_it_matches(
    big: str, small: str, text: str
) -> None:
    if includes(big, small) and includes(small, text):
        assert includes(big, text)
    if includes(big, text) and includes(small, text):
        assert overlaps(big, small)


@given(patterns)
def test_a_pattern_includes_itself_and_everything_includes_it(pattern: str) -> None:
    assert includes(pattern, pattern)
    assert includes("*", pattern)


@pytest.mark.parametrize(
    ("big", "small", "whether"),
    [
        ("?", "*", False),
        ("?", "a", True),
        ("?", "${Topic}", False),
        ("*", "${Topic}", True),
        ("${Topic}:*", "${Topic}:1", True),
        ("${Topic}", "${Queue}", False),
        ("a*c*", "abcd", True),
        ("a*c", "abcd", False),
    ],
)
def test_a_wildcard_matches_what_iam_says_it_does(big: str, small: str, whether: bool) -> None:
    assert includes(big, small) == whether


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


ways = st.sampled_from([lambda a: a, lambda a: f"{a[:-1]}*", lambda a: f"{a.partition(':')[0]}:*"])
statements = st.builds(
    lambda actions, way, resources, values: {
        "Effect": "Allow",
        "Action": [way(action) for action in actions],
        "Resource": resources,
        "Condition": {"StringEquals": {"aws:SourceAccount": values}},
    },
    some(ACTIONS),
    ways,
    some(RESOURCES),
    some(VALUES),
)
policies = st.lists(statements, min_size=1, max_size=3)


def is_allowed(policy: list[Json], action: str, resource: str, value: str) -> bool:
    """As IAM decides it, of one request."""
    return any(
        any(includes(each, action) for each in statement["Action"])
        and resource in statement["Resource"]
        and value in statement["Condition"]["StringEquals"]["aws:SourceAccount"]
        for statement in policy
    )


@given(policies, policies)
def test_whatever_request_is_allowed_only_now_is_found(
    before: list[Json], after: list[Json]
) -> None:
    """Each of a world of requests is asked: no widening goes unseen."""
    is_wider = any(
        is_allowed(after, *request) and not is_allowed(before, *request)
        for request in ((a, r, v) for a in ACTIONS for r in RESOURCES for v in VALUES)
    )
    if is_wider:
        assert more(before, after)


@given(policies, st.data())
def test_a_policy_less_its_parts_is_no_finding(policy: list[Json], data: st.DataObject) -> None:
    narrower = [
        statement
        | {
            name: data.draw(st.lists(st.sampled_from(statement[name]), min_size=1, unique=True))
            for name in ("Action", "Resource")
        }
        for statement in data.draw(st.permutations(policy))
        if data.draw(st.booleans())
    ]
    assert not more(policy, narrower)
    assert not more(policy, policy)


@given(policies, st.sampled_from(["Action", "Resource"]))
def test_a_policy_and_what_it_never_allowed_is_a_finding(policy: list[Json], name: str) -> None:
    assert more(policy, [*policy, allow(**{name: "new:thing"})])
