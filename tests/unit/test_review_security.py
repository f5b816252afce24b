"""Each kind of change that somebody answerable for security should see is seen, and said."""

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from analysis.comparable import comparable
from analysis.template import Stack
from shadowctl.review.findings import Finding, Kind, Pair
from shadowctl.review.security import findings

Json = dict[str, Any]


def found(before: Json | None, after: Json | None) -> list[Finding]:
    """Of a resource `It`, among others that stay."""
    sides = []
    for resource in (before, after):
        resources = copy.deepcopy(AROUND) | ({"It": resource} if resource else {})
        sides.append(comparable(Stack("Api", {"Resources": resources}, "Api")))
    return findings(Pair(*sides))


ROLE: Json = {"Type": "AWS::IAM::Role", "Properties": {}}
AROUND: Json = {"Role": ROLE, "Topic": {"Type": "AWS::SNS::Topic"}}


def of(kind: str, **properties: object) -> Json:
    return {"Type": kind, "Properties": properties}


def ended(resource: Json, **attributes: object) -> Json:
    return resource | attributes


def policy(*statements: Json, **properties: object) -> Json:
    return of(
        "AWS::IAM::Policy",
        PolicyDocument={"Statement": [*statements]},
        **{"Roles": [{"Ref": "Role"}], **properties},
    )


def allow(action: str, resource: object, **elements: object) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


READ = allow("s3:GetObject", "arn:aws:s3:::a/*")
AN_ALARM: Json = {
    "Namespace": "Api",
    "MetricName": "Faults",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 5,
    "DatapointsToAlarm": 3,
    "Threshold": 2,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "breaching",
    "AlarmActions": [{"Ref": "Topic"}, "arn:aws:sns:eu-central-1:123456789012:pager"],
}


def alarm(**properties: object) -> Json:
    return of("AWS::CloudWatch::Alarm", **AN_ALARM | properties)


def computed(formula: str, minimum: int = 10) -> Json:
    metric = {"Metric": {"Namespace": "Api", "MetricName": "Faults"}, "Period": 60, "Stat": "Sum"}
    entries = [{"Id": "a", "MetricStat": metric}, {"Id": "b", "Expression": formula}]
    kept = {name: AN_ALARM[name] for name in ("EvaluationPeriods", "Threshold", "AlarmActions")}
    return of("AWS::CloudWatch::Alarm", Metrics=entries, **kept) | {
        "Metadata": {"shadow-canary:alarm": {"name": "error-rate", "minimum_requests": minimum}}
    }


def group(**properties: object) -> Json:
    return of(
        "AWS::CodeDeploy::DeploymentGroup",
        **{
            "AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": "a"}, {"Name": "b"}]},
            "AutoRollbackConfiguration": {
                "Enabled": True,
                "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"],
            },
            "DeploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent10Minutes",
        }
        | properties,
    )


def alias(policy: Json | None) -> Json:
    update = {"UpdatePolicy": {"CodeDeployLambdaAliasUpdate": policy}} if policy else {}
    return of("AWS::Lambda::Alias", Name="live") | update


def canary(percent: int, minutes: int) -> Json:
    step = {"CanaryPercentage": percent, "CanaryInterval": minutes}
    routing = {"Type": "TimeBasedCanary", "TimeBasedCanary": step}
    return of("AWS::CodeDeploy::DeploymentConfig", TrafficRoutingConfig=routing)


def schedule(at: str = "at(2030-01-14T09:00:00)", **properties: object) -> Json:
    target = {"Arn": "arn:operations", "Input": '{"action":"cleanup","due":"2030-01-14"}'}
    return of(
        "AWS::Scheduler::Schedule",
        **{"ScheduleExpression": at, "State": "ENABLED", "Target": target} | properties,
    )


def route(**properties: object) -> Json:
    return of("AWS::ApiGatewayV2::Route", RouteKey="GET /users/me", **properties)


def function(**variables: object) -> Json:
    return of("AWS::Lambda::Function", Environment={"Variables": variables})


def ingress(*rules: Json) -> Json:
    return of("AWS::EC2::SecurityGroup", SecurityGroupIngress=[*rules])


def tcp(port: int, peer: str, to: int | None = None) -> Json:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": to or port, "CidrIp": peer}


def subscription(*alarms: str, **properties: object) -> Json:
    return of(
        "AWS::SNS::Subscription",
        **{
            "Protocol": "lambda",
            "Endpoint": "arn:operations",
            "TopicArn": {"Ref": "Topic"},
            "FilterPolicy": {"NewStateValue": ["ALARM"], "AlarmName": [*alarms]},
        }
        | properties,
    )


def permission(**properties: object) -> Json:
    return of(
        "AWS::Lambda::Permission",
        Action="lambda:InvokeFunction",
        FunctionName={"Ref": "Topic"},
        Principal="apigateway.amazonaws.com",
        **properties,
    )


JWT: Json = {"AuthorizationType": "JWT", "AuthorizerId": "a1"}
SECURE: Json = {
    "Effect": "Deny",
    "Action": "sns:Publish",
    "Principal": "*",
    "Resource": {"Ref": "Topic"},
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}

CASES: Mapping[str, tuple[Json | None, Json | None, Kind, str]] = {
    # IAM
    "an action more": (
        policy(READ),
        policy(READ, allow("s3:PutObject", "arn:aws:s3:::a/*")),
        Kind.IAM,
        r"identity `Role`: now allows `s3:PutObject` on `arn:aws:s3:::a/\*`",
    ),
    "every action": (
        policy(READ),
        policy(allow("*", "*")),
        Kind.IAM,
        r"now allows `\*` on \*\*everything\*\*",
    ),
    "all actions but some": (
        policy(READ),
        policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        Kind.IAM,
        r"now allows \*\*all but\*\* `iam:\*` on \*\*everything",
    ),
    "a condition less": (
        policy(READ | {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}),
        policy(READ),
        Kind.IAM,
        "before only when `Bool aws:multifactorauthpresent true`",
    ),
    "a policy for another role": (
        policy(READ, Roles=[]),
        policy(READ),
        Kind.IAM,
        "identity `Role`: now allows `s3:GetObject`",
    ),
    "an inline policy": (
        of("AWS::IAM::Role"),
        of("AWS::IAM::Role", Policies=[{"PolicyDocument": {"Statement": [READ]}}]),
        Kind.IAM,
        "identity `It`: now allows `s3:GetObject`",
    ),
    "a managed policy under a condition": (
        of("AWS::IAM::Role"),
        of("AWS::IAM::Role", ManagedPolicyArns={"Fn::If": ["IsOn", ["arn:a"], []]}),
        Kind.IAM,
        "has the managed policy",
    ),
    "a managed policy": (
        of("AWS::IAM::Role", ManagedPolicyArns=[]),
        of("AWS::IAM::Role", ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        Kind.IAM,
        "`It` has the managed policy `arn:aws:iam::aws:policy/AdministratorAccess`",
    ),
    "who may take a role": (
        of("AWS::IAM::Role", AssumeRolePolicyDocument={"Statement": []}),
        of(
            "AWS::IAM::Role",
            AssumeRolePolicyDocument={
                "Statement": [
                    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "9" * 12}}
                ]
            },
        ),
        Kind.IAM,
        "trust policy of `It`: now allows `sts:AssumeRole` to `999999999999`",
    ),
    "no boundary": (
        of("AWS::IAM::Role", PermissionsBoundary="arn:boundary"),
        of("AWS::IAM::Role"),
        Kind.PROTECTION,
        "`PermissionsBoundary` is another: `arn:boundary` → `nothing`",
    ),
    "another role of a function": (
        of("AWS::Lambda::Function", Role="arn:reads"),
        of("AWS::Lambda::Function", Role="arn:administers"),
        Kind.IAM,
        "`Role` is another: `arn:reads` → `arn:administers`",
    ),
    "a bucket for anybody": (
        None,
        of(
            "AWS::S3::BucketPolicy",
            Bucket="b",
            PolicyDocument={"Statement": [allow("s3:GetObject", "*", Principal="*")]},
        ),
        Kind.IAM,
        r"policy of `b`: now allows .* to \*\*anybody",
    ),
    "a policy of a topic that kept something out": (
        of(
            "AWS::SNS::TopicPolicy",
            Topics=[{"Ref": "Topic"}],
            PolicyDocument={"Statement": [SECURE]},
        ),
        None,
        Kind.IAM,
        "policy of `Topic`: no longer denies `sns:Publish`",
    ),
    "a policy that is written as a text": (
        None,
        of(
            "AWS::Logs::ResourcePolicy",
            PolicyDocument='{"Statement": [{"Effect": "Allow", "Action": "logs:*", '
            '"Principal": {"AWS": "999999999999"}, "Resource": "*"}]}',
        ),
        Kind.IAM,
        r"policy of `It`: now allows `logs:\*`",
    ),
    "a function for any API": (
        permission(SourceArn="arn:aws:execute-api:::a/*"),
        permission(),
        Kind.IAM,
        "before only when `ArnLike aws:sourcearn",
    ),
    "a key that does not expire": (
        None,
        of("AWS::IAM::AccessKey", UserName="u"),
        Kind.IAM,
        "`It` is new: a key that does not expire",
    ),
    # alarms
    "an alarm less": (alarm(), None, Kind.ALARM, "`It` is removed"),
    "a composite alarm less": (
        of("AWS::CloudWatch::CompositeAlarm", AlarmRule="ALARM(a)"),
        None,
        Kind.ALARM,
        "`It` is removed",
    ),
    "another rule of a composite alarm": (
        of("AWS::CloudWatch::CompositeAlarm", AlarmRule="ALARM(a) OR ALARM(b)"),
        of("AWS::CloudWatch::CompositeAlarm", AlarmRule="ALARM(a) AND ALARM(b)"),
        Kind.ALARM,
        "has another `AlarmRule`",
    ),
    "an alarm that calls nobody": (
        alarm(),
        alarm(ActionsEnabled=False),
        Kind.ALARM,
        "has its actions disabled",
    ),
    "an alarm that calls one less": (
        alarm(),
        alarm(AlarmActions=[{"Ref": "Topic"}]),
        Kind.ALARM,
        "calls `arn:aws:sns:eu-central-1:123456789012:pager` no longer",
    ),
    "a higher threshold": (
        alarm(),
        alarm(Threshold=20),
        Kind.ALARM,
        "has a looser threshold: `2` → `20`",
    ),
    "a lower threshold of what should be high": (
        alarm(ComparisonOperator="LessThanThreshold"),
        alarm(ComparisonOperator="LessThanThreshold", Threshold=1),
        Kind.ALARM,
        "has a looser threshold: `2` → `1`",
    ),
    "another comparison": (
        alarm(),
        alarm(ComparisonOperator="LessThanThreshold"),
        Kind.ALARM,
        "compares otherwise",
    ),
    "more datapoints": (
        alarm(),
        alarm(DatapointsToAlarm=5),
        Kind.ALARM,
        "another window: `3 of 5 periods of 60 s` → `5 of 5 periods of 60 s`",
    ),
    "actions that only the deployment knows": (
        alarm(),
        alarm(AlarmActions={"Fn::If": ["IsOn", ["arn:a"], []]}),
        Kind.ALARM,
        r"calls `\$\{Topic\}`, `arn:aws:sns:.*:pager` no longer",
    ),
    "periods that only the deployment knows": (
        alarm(),
        alarm(Period={"Ref": "Topic"}),
        Kind.ALARM,
        "another window",
    ),
    "longer periods": (alarm(), alarm(Period=3600), Kind.ALARM, "→ `3 of 5 periods of 3600 s`"),
    "missing data that is well": (
        alarm(),
        alarm(TreatMissingData="notBreaching"),
        Kind.ALARM,
        "treats missing data otherwise: `breaching` → `notBreaching`",
    ),
    "another metric": (alarm(), alarm(MetricName="Other"), Kind.ALARM, "watches other metrics"),
    "another formula": (
        computed("a / 1"),
        computed("a / 100"),
        Kind.ALARM,
        "`error-rate` is computed otherwise: `a / 1` → `a / 100`",
    ),
    "a larger sample": (
        computed("a / 1"),
        computed("a / 2", minimum=1_000),
        Kind.ALARM,
        "`error-rate` needs more before it is red, minimum requests: `10` → `1000`",
    ),
    "an alarm that is not heard": (
        subscription("a", "b"),
        subscription("a"),
        Kind.ALARM,
        "`arn:operations` no longer hears `b`",
    ),
    "alarms that are not heard at all": (
        subscription("a"),
        None,
        Kind.ALARM,
        "`It` is removed: `arn:operations` hears nothing more",
    ),
    "a stranger who hears": (
        None,
        subscription("a", Protocol="https", Endpoint="https://example.com"),
        Kind.ALARM,
        "`https://example.com` hears the topic",
    ),
    # deploys
    "a deployment that nothing takes back": (
        group(),
        group(AutoRollbackConfiguration={"Enabled": False}),
        Kind.DEPLOY,
        "takes nothing back: no automatic rollback",
    ),
    "a new deployment that nothing takes back": (
        None,
        group(AutoRollbackConfiguration={"Enabled": False}),
        Kind.DEPLOY,
        "takes nothing back",
    ),
    "a deployment that hears no alarm": (
        group(),
        group(AutoRollbackConfiguration={"Enabled": True, "Events": ["DEPLOYMENT_FAILURE"]}),
        Kind.DEPLOY,
        "takes nothing back any more on `DEPLOYMENT_STOP_ON_ALARM`",
    ),
    "a deployment with an alarm less": (
        group(),
        group(AlarmConfiguration={"Enabled": True, "Alarms": [{"Name": "a"}]}),
        Kind.DEPLOY,
        "listens no longer to the alarm `b`",
    ),
    "a deployment with its alarms off": (
        group(),
        group(AlarmConfiguration={"Enabled": False, "Alarms": [{"Name": "a"}, {"Name": "b"}]}),
        Kind.DEPLOY,
        "has its alarms switched off",
    ),
    "a deployment to all at once": (
        group(),
        group(DeploymentConfigName="CodeDeployDefault.LambdaAllAtOnce"),
        Kind.DEPLOY,
        "shifts otherwise: .*LambdaAllAtOnce",
    ),
    "a shift that is sooner": (
        canary(10, 5),
        canary(10, 1),
        Kind.DEPLOY,
        "shifts more, or sooner",
    ),
    "a shift of more": (canary(1, 10), canary(10, 10), Kind.DEPLOY, "shifts more, or sooner"),
    "no hook": (
        alias({"BeforeAllowTrafficHook": "hook", "ApplicationName": "a"}),
        alias({"ApplicationName": "a"}),
        Kind.DEPLOY,
        "has no hook in place of `hook`",
    ),
    "no shift": (
        alias({"ApplicationName": "a"}),
        alias(None),
        Kind.DEPLOY,
        "takes every new version at once",
    ),
    # the clean-up and the flag
    "a later clean-up": (
        schedule(),
        schedule("at(2031-01-14T09:00:00)"),
        Kind.CLEAN_UP,
        r"the clean-up, `It`, is moved: `at\(2030-01-14T09:00:00\)` → `at\(2031-",
    ),
    "no clean-up": (schedule(), None, Kind.CLEAN_UP, "the clean-up, `It`, is removed"),
    "a clean-up that sleeps": (
        schedule(),
        schedule(State="DISABLED"),
        Kind.CLEAN_UP,
        "the clean-up, `It`, is disabled",
    ),
    "a clean-up that asks for nothing": (
        schedule(),
        schedule(Target={"Arn": "arn:operations", "Input": "{}"}),
        Kind.CLEAN_UP,
        "asks for something else",
    ),
    "a flag that is written": (
        of("AWS::AppConfig::HostedConfigurationVersion", Content="off"),
        of("AWS::AppConfig::HostedConfigurationVersion", Content="live"),
        Kind.FLAG,
        "the deploy writes the flag anew",
    ),
    "a flag that nothing checks": (
        of("AWS::AppConfig::ConfigurationProfile", Validators=[{"Type": "LAMBDA", "Content": "v"}]),
        of("AWS::AppConfig::ConfigurationProfile"),
        Kind.PROTECTION,
        "`Validators` is another",
    ),
    "a schedule that asks no longer whether alarms can act": (
        schedule(Target={"Arn": "arn:operations", "Input": '{"action":"tick"}'}),
        None,
        Kind.SCHEDULE,
        "the schedule `It`, is removed",
    ),
    "a rule of EventBridge that sleeps": (
        of("AWS::Events::Rule", ScheduleExpression="rate(1 day)", State="ENABLED"),
        of("AWS::Events::Rule", ScheduleExpression="rate(1 day)", State="DISABLED"),
        Kind.SCHEDULE,
        "is disabled",
    ),
    # data
    "a table less": (
        of("AWS::DynamoDB::Table", TableName="register"),
        None,
        Kind.DATA,
        r"is \*\*deleted with its data",
    ),
    "a table of another name": (
        of("AWS::DynamoDB::Table", TableName="register"),
        of("AWS::DynamoDB::Table", TableName="other"),
        Kind.DATA,
        "is replaced by an empty one, for another `TableName`: `register` → `other`",
    ),
    "another dataset": (
        function(SHADOW_CANARY_DATASET_TABLE="a"),
        function(SHADOW_CANARY_DATASET_TABLE="b"),
        Kind.DATA,
        "names another: `a` → `b`; the data may be elsewhere",
    ),
    "intents that nobody carries out": (
        of("AWS::Lambda::EventSourceMapping", Enabled=True),
        of("AWS::Lambda::EventSourceMapping", Enabled=False),
        Kind.PROTECTION,
        "`Enabled` is switched off",
    ),
    # secrets
    "another secret": (
        of("AWS::SecretsManager::Secret", Name="a"),
        of("AWS::SecretsManager::Secret", Name="b"),
        Kind.CREDENTIALS,
        "the secret `It` has another `Name`",
    ),
    "no secret": (of("AWS::SecretsManager::Secret"), None, Kind.CREDENTIALS, "is removed"),
    "a function that reads another secret": (
        function(DATABASE_SECRET_ARN="arn:a"),
        function(DATABASE_SECRET_ARN="arn:b"),
        Kind.CREDENTIALS,
        "names another: `arn:a` → `arn:b`",
    ),
    "a secret in a variable": (
        function(),
        function(PASSWORD="hunter2"),
        Kind.CREDENTIALS,
        "variable `PASSWORD`, looks like a secret in plain text$",
    ),
    "a secret resolved into a variable": (
        function(),
        function(DSN="{{resolve:secretsmanager:a}}"),
        Kind.CREDENTIALS,
        "holds a secret itself",
    ),
    "a parameter that others read": (
        of("AWS::SSM::Parameter", Name="/a", Value="policy-1"),
        of("AWS::SSM::Parameter", Name="/a", Value="policy-2"),
        Kind.CREDENTIALS,
        "the parameter `/a` has another value",
    ),
    "no rotation": (
        of("AWS::SecretsManager::RotationSchedule"),
        None,
        Kind.PROTECTION,
        "is removed",
    ),
    # what is public
    "a route without its authorizer": (
        route(**JWT),
        route(AuthorizationType="NONE"),
        Kind.PUBLIC,
        r"`GET /users/me` \(`It`\) needs no authorization \(before: `JWT`\)",
    ),
    "a new route without one": (
        None,
        route(),
        Kind.PUBLIC,
        r"needs no authorization \(before: `new`\)",
    ),
    "a method without its authorizer": (
        of("AWS::ApiGateway::Method", HttpMethod="GET", AuthorizationType="AWS_IAM"),
        of("AWS::ApiGateway::Method", HttpMethod="GET", AuthorizationType="NONE"),
        Kind.PUBLIC,
        "needs no authorization",
    ),
    "another authorizer": (
        route(**JWT),
        route(**JWT | {"AuthorizerId": "a2"}),
        Kind.PUBLIC,
        "has another `AuthorizerId`: `a1` → `a2`",
    ),
    "a scope less": (
        route(**JWT, AuthorizationScopes=["read"]),
        route(**JWT),
        Kind.PUBLIC,
        "takes other scopes",
    ),
    "a scope more": (
        route(**JWT, AuthorizationScopes=["read"]),
        route(**JWT, AuthorizationScopes=["read", "any"]),
        Kind.PUBLIC,
        "takes other scopes",
    ),
    "another audience": (
        of("AWS::ApiGatewayV2::Authorizer", JwtConfiguration={"Audience": ["a"]}),
        of("AWS::ApiGatewayV2::Authorizer", JwtConfiguration={"Audience": ["a", "b"]}),
        Kind.PUBLIC,
        "the authorizer `It` has another `JwtConfiguration`",
    ),
    "a function URL for anybody": (
        None,
        of("AWS::Lambda::Url", AuthType="NONE"),
        Kind.PUBLIC,
        r"the function URL `It` answers \*\*anybody",
    ),
    "an API for pages of any origin": (
        of("AWS::ApiGatewayV2::Api", CorsConfiguration={"AllowOrigins": ["https://a.example"]}),
        of("AWS::ApiGatewayV2::Api", CorsConfiguration={"AllowOrigins": ["*"]}),
        Kind.PUBLIC,
        r"open to pages of `\*`",
    ),
    "a public database": (
        of("AWS::RDS::DBInstance"),
        of("AWS::RDS::DBInstance", PubliclyAccessible=True),
        Kind.PUBLIC,
        "`PubliclyAccessible` is switched on",
    ),
    "a bucket that may be public": (
        of("AWS::S3::Bucket", PublicAccessBlockConfiguration={"BlockPublicPolicy": True}),
        of("AWS::S3::Bucket"),
        Kind.PROTECTION,
        "`PublicAccessBlockConfiguration.BlockPublicPolicy` is switched off",
    ),
    "a load balancer that faces the internet": (
        None,
        of("AWS::ElasticLoadBalancingV2::LoadBalancer", Scheme="internet-facing"),
        Kind.PUBLIC,
        "`Scheme` is open",
    ),
    "users who sign up": (
        of("AWS::Cognito::UserPool", AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}),
        of("AWS::Cognito::UserPool", AdminCreateUserConfig={"AllowAdminCreateUserOnly": False}),
        Kind.PROTECTION,
        "AllowAdminCreateUserOnly` is switched off",
    ),
    "more requests at once": (
        of("AWS::ApiGatewayV2::Stage", DefaultRouteSettings={"ThrottlingRateLimit": 100}),
        of("AWS::ApiGatewayV2::Stage", DefaultRouteSettings={"ThrottlingRateLimit": 10_000}),
        Kind.PROTECTION,
        "ThrottlingRateLimit` is more: `100` → `10000`",
    ),
    # networks
    "a security group for the internet": (
        ingress(tcp(5432, "10.0.0.0/8")),
        ingress(tcp(5432, "0.0.0.0/0")),
        Kind.NETWORK,
        "`It` lets `tcp 5432` in from `0.0.0.0/0`",
    ),
    "more ports": (
        ingress(tcp(443, "10.0.0.0/8")),
        ingress(tcp(1, "10.0.0.0/8", 65_535)),
        Kind.NETWORK,
        "lets `tcp 1-65535` in from",
    ),
    "any protocol": (
        ingress(tcp(443, "10.0.0.0/8")),
        ingress({"IpProtocol": -1, "CidrIp": "10.0.0.0/8"}),
        Kind.NETWORK,
        "lets `all protocols 0-65535` in from",
    ),
    "a rule beside its group": (
        None,
        of("AWS::EC2::SecurityGroupIngress", **tcp(22, "::/0")),
        Kind.NETWORK,
        "lets `tcp 22` in from `::/0`",
    ),
    "a function outside of its network": (
        of("AWS::Lambda::Function", VpcConfig={"SubnetIds": ["a"]}),
        of("AWS::Lambda::Function"),
        Kind.NETWORK,
        "`VpcConfig` is another",
    ),
    "a way to the internet": (
        None,
        of("AWS::EC2::Route", DestinationCidrBlock="0.0.0.0/0", GatewayId="igw"),
        Kind.NETWORK,
        "leads `0.0.0.0/0` through `igw`",
    ),
    "a denial of the network's that is gone": (
        of("AWS::EC2::NetworkAclEntry", RuleAction="deny", CidrBlock="1.2.3.0/24"),
        None,
        Kind.NETWORK,
        "no longer denies",
    ),
    # encryption, retention
    "no encryption": (
        of("AWS::RDS::DBInstance", StorageEncrypted=True),
        of("AWS::RDS::DBInstance", StorageEncrypted=False),
        Kind.PROTECTION,
        "`StorageEncrypted` is switched off: `true` → `false`",
    ),
    "another key": (
        of("AWS::SNS::Topic", KmsMasterKeyId="a"),
        of("AWS::SNS::Topic"),
        Kind.PROTECTION,
        "`KmsMasterKeyId` is another: `a` → `nothing`",
    ),
    "shorter logs": (
        of("AWS::Logs::LogGroup", RetentionInDays=90),
        of("AWS::Logs::LogGroup", RetentionInDays=7),
        Kind.PROTECTION,
        "`RetentionInDays` is less: `90` → `7`",
    ),
    "logs with an end": (
        of("AWS::Logs::LogGroup"),
        of("AWS::Logs::LogGroup", RetentionInDays=3653),
        Kind.PROTECTION,
        "is less: `nothing` → `3653`",
    ),
    "a table that goes with its stack": (
        ended(of("AWS::DynamoDB::Table"), DeletionPolicy="Retain"),
        ended(of("AWS::DynamoDB::Table"), DeletionPolicy="Delete"),
        Kind.PROTECTION,
        "has another `DeletionPolicy`: `Retain` → `Delete`",
    ),
    "no point in time": (
        of(
            "AWS::DynamoDB::Table",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        ),
        of("AWS::DynamoDB::Table"),
        Kind.PROTECTION,
        "PointInTimeRecoveryEnabled` is switched off",
    ),
    "no trail": (of("AWS::CloudTrail::Trail"), None, Kind.PROTECTION, "is removed"),
}


@pytest.mark.parametrize(("before", "after", "kind", "said"), CASES.values(), ids=CASES)
def test_a_change_is_seen(before: Json | None, after: Json | None, kind: Kind, said: str) -> None:
    matching = [each for each in found(before, after) if re.search(said, each.said)]
    assert matching, found(before, after)
    assert matching[0].kind is kind
    assert not matching[0].is_expected, "a reviewer need not open anything to see it"


@pytest.mark.parametrize(("before", "after"), [each[:2] for each in CASES.values()], ids=CASES)
def test_what_stays_is_no_finding(before: Json | None, after: Json | None) -> None:
    for side in (before, after):
        assert found(side, side) == []


TIGHTER: Mapping[str, tuple[Json | None, Json | None]] = {
    "a lower threshold": (alarm(Threshold=20), alarm(Threshold=2)),
    "an alarm more": (None, alarm()),
    "one called more": (alarm(AlarmActions=[]), alarm()),
    "an authorizer": (route(), route(**JWT)),
    "a permission less": (policy(READ, allow("s3:*", "*")), policy(READ)),
    "a scope less": (
        route(**JWT, AuthorizationScopes=["read", "any"]),
        route(**JWT, AuthorizationScopes=["read"]),
    ),
    "a role less": (policy(READ), None),
    "a rule less": (ingress(tcp(22, "0.0.0.0/0")), ingress()),
    "a smaller network": (ingress(tcp(22, "10.0.0.0/8")), ingress(tcp(22, "10.1.0.0/16"))),
    "longer logs": (
        of("AWS::Logs::LogGroup", RetentionInDays=7),
        of("AWS::Logs::LogGroup", RetentionInDays=90),
    ),
    "encryption": (of("AWS::RDS::DBInstance"), of("AWS::RDS::DBInstance", StorageEncrypted=True)),
    "a hook": (alias({"ApplicationName": "a"}), alias({"BeforeAllowTrafficHook": "hook"})),
    "rollback": (group(AutoRollbackConfiguration={"Enabled": False}), group()),
    "a description": (alarm(), alarm(AlarmDescription="said better")),
    "a slower shift": (canary(10, 5), canary(1, 10)),
    "a shift in place of none": (
        of("AWS::CodeDeploy::DeploymentConfig", TrafficRoutingConfig={"Type": "AllAtOnce"}),
        canary(1, 10),
    ),
    "memory": (of("AWS::Lambda::Function"), of("AWS::Lambda::Function", MemorySize=512)),
}


@pytest.mark.parametrize(("before", "after"), TIGHTER.values(), ids=TIGHTER)
def test_what_is_tighter_or_no_matter_is_no_finding(
    before: Json | None, after: Json | None
) -> None:
    assert found(before, after) == []


def indirect(*, default: str = "mine", is_on: str = "off", held: str = "mine") -> Json:
    return {
        "Parameters": {"Who": {"Type": "String", "Default": default}},
        "Conditions": {"IsOn": {"Fn::Equals": ["on", is_on]}},
        "Mappings": {"Accounts": {"of": {"who": held}}},
        "Resources": {
            "Role": ROLE,
            "ByParameter": policy(allow("s3:GetObject", {"Ref": "Who"})),
            "ByCondition": policy(allow("sqs:*", "q")) | {"Condition": "IsOn"},
            "ByMap": policy(allow("sns:*", {"Fn::FindInMap": ["Accounts", "of", "who"]})),
        },
    }


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (indirect(), []),
        (indirect(default="theirs"), ["`s3:GetObject` on `Who=theirs`"]),
        (indirect(held="theirs"), ["`sns:*` on `theirs`"]),
        (indirect(is_on="on"), ["`sqs:*` on `q`"]),
    ],
    ids=["as it was", "another default", "another map", "another condition"],
)
def test_what_a_name_leads_to_is_compared_not_the_name(after: Json, said: list[str]) -> None:
    sides = [comparable(Stack("Api", each, "Api")) for each in (indirect(), after)]
    told = [each.said for each in findings(Pair(*sides))]
    assert len(told) == len(said)
    assert all(wanted in each for wanted, each in zip(said, told, strict=True)), told


def test_what_comes_with_a_new_route_is_expected_and_what_opens_it_is_not() -> None:
    new = {"Resources": {"Role": ROLE, "A": policy(READ), "B": policy(allow("iam:*", "*"))}}
    told = {
        each.said: each.is_expected for each in findings(Pair(None, comparable(Stack("Api", new))))
    }
    assert told == {
        "identity `Role`: now allows `s3:GetObject` on `arn:aws:s3:::a/*`": True,
        "identity `Role`: now allows `iam:*` on **everything**, `*`": False,
    }


def test_what_has_a_shape_of_its_own_is_said_to_be_unread() -> None:
    odd = of("AWS::CloudWatch::Alarm", Metrics=[["no", "metric"]])
    assert [each.said for each in found(alarm(), odd)] == [
        "`It` has a shape that is not understood here: look at its diff (`AttributeError`)"
    ]


def test_the_gravest_comes_first() -> None:
    kinds = [each.kind for each in findings(Pair(*everything()))]
    assert kinds == sorted(kinds, key=lambda kind: kind.place)
    assert kinds[0] is Kind.PUBLIC
    assert {*kinds} == {*Kind}


def everything() -> list[Stack]:
    """Every case at once."""
    sides: list[Json] = [{}, {}]
    for number, (before, after, *_) in enumerate(CASES.values()):
        for side, resource in zip(sides, (before, after), strict=True):
            if resource:
                side[f"It{number}"] = resource
    return [comparable(Stack("Api", {"Resources": AROUND | side})) for side in sides]


def test_no_plain_secret_is_repeated() -> None:
    changed: Callable[[str], Json] = lambda value: function(API_TOKEN=value)  # noqa: E731
    assert not [
        each for each in found(changed("old-one"), changed("new-one")) if "-one" in each.said
    ]
