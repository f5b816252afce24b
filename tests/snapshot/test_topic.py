"""The topic of a route: who may publish, and how."""

from typing import Any

import pytest

from tests.reading import Template, granted, resources, the


@pytest.fixture
def policy(get_user: Template) -> list[dict[str, Any]]:
    topic_policy = the(get_user, "AWS::SNS::TopicPolicy")
    assert topic_policy["Topics"] == ["<ServiceTopic>"]
    statements: list[dict[str, Any]] = topic_policy["PolicyDocument"]["Statement"]
    return statements


def test_a_route_has_one_topic(get_user: Template) -> None:
    assert len(resources(get_user, "AWS::SNS::Topic")) == 1


def test_nothing_is_published_in_the_clear(policy: list[dict[str, Any]]) -> None:
    [denied] = [statement for statement in policy if statement["Effect"] == "Deny"]
    assert (denied["Principal"], denied["Action"]) == ("*", "sns:Publish")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Resource"] == "<ServiceTopic>"


def test_alarms_and_operations_may_publish_and_nobody_else(
    get_user: Template, policy: list[dict[str, Any]]
) -> None:
    [allowed] = [statement for statement in policy if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (allowed["Action"], allowed["Resource"]) == ("sns:Publish", "<ServiceTopic>")
    alarms = "arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*"
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"},
        "ArnLike": {"aws:SourceArn": alarms},
    }
    assert granted(get_user, "Operations")["sns:Publish"] == {"<ServiceTopic>"}
    for role in ("Route", "Candidate", "Shadow", "PreTraffic"):
        assert "sns:Publish" not in granted(get_user, role)
