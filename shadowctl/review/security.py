"""All rules of review: which look at which type, and what they find, the gravest first."""

from collections.abc import Callable, Iterator, Mapping

from shadowctl.review import guards, openings, protection
from shadowctl.review.findings import ODD, Change, Finding, Kind, Pair
from shadowctl.review.markdown import code
from shadowctl.review.permissions import widened

Rule = Callable[[Change], Iterator[Finding]]

_RULES: Mapping[str, Rule] = {
    "AWS::CloudWatch::Alarm": guards.alarm,
    "AWS::CloudWatch::CompositeAlarm": guards.alarm,
    "AWS::CodeDeploy::DeploymentGroup": guards.deployment_group,
    "AWS::CodeDeploy::DeploymentConfig": guards.shift,
    "AWS::Lambda::Alias": guards.alias,
    "AWS::SNS::Subscription": guards.subscription,
    "AWS::Scheduler::Schedule": guards.schedule,
    "AWS::Events::Rule": guards.schedule,
    "AWS::AppConfig::HostedConfigurationVersion": guards.flag,
    "AWS::AppConfig::Deployment": guards.flag,
    "AWS::ApiGatewayV2::Route": openings.route,
    "AWS::ApiGateway::Method": openings.route,
    "AWS::ApiGatewayV2::Authorizer": openings.authorizer,
    "AWS::ApiGateway::Authorizer": openings.authorizer,
    "AWS::ApiGatewayV2::Api": openings.api,
    "AWS::Lambda::Url": openings.function_url,
    "AWS::EC2::SecurityGroup": openings.security_group,
    "AWS::EC2::SecurityGroupIngress": openings.security_group_rule,
    "AWS::EC2::SecurityGroupEgress": openings.security_group_rule,
    "AWS::EC2::NetworkAclEntry": openings.network_acl,
    "AWS::EC2::Route": openings.network_route,
    "AWS::SecretsManager::Secret": protection.secret,
    "AWS::SSM::Parameter": protection.parameter,
    "AWS::Lambda::Function": protection.variables,
    **dict.fromkeys(protection.STORES, protection.data),
}


def findings(pair: Pair) -> list[Finding]:
    """What a change of one stack does to security, the gravest kind first."""
    found = _read(Kind.IAM, pair.path, lambda: [*widened(pair)])
    for change in pair.changes():
        for rule in (_RULES.get(change.type, _nothing), protection.lowered):
            found += _read(Kind.PROTECTION, change.logical_id, lambda: [*rule(change)])  # noqa: B023
    return sorted(dict.fromkeys(found), key=lambda each: each.kind.place)


def _read(kind: Kind, what: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What is found; where a template has a shape of its own, that nobody has looked."""
    try:
        return look()
    except ODD as error:
        said = f"{code(what)} has a shape that is not understood here: look at its diff"
        return [Finding(kind, f"{said} ({code(type(error).__name__)})")]


def _nothing(_change: Change) -> Iterator[Finding]:
    yield from ()
