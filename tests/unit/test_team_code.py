"""What a team's code needs reaches the route, the candidate and the shadow alike."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm

from shadow_canary import ShadowCanaryService
from shadow_canary.metrics import RouteMetrics
from shadow_canary.sides import ONE_SIDED_GRANT, PARAMETER_IN_VERSION
from shadow_canary.topic import IMPORTED_KEY
from shadow_runtime.contract import MetricName, Variable, Variant
from tests.checkout import ROOT
from tests.unit.services import App, Template, service, stack_of_nothing, warnings

SIDES = ("Route", "Candidate", "Shadow")
HASHED = "pandas==2.3.3 \\\n    --hash=sha256:" + "0" * 64 + "\n"


def function(template: App, role: str) -> dict[str, Any]:
    functions = template.all("AWS::Lambda::Function")
    [found] = [f for (_, i), f in functions.items() if i[:-8] == f"Service{role}"]
    return found


def versions(template: App) -> set[str]:
    return {i for _, i in template.all("AWS::Lambda::Version")}


def lock(folder: Path, text: str = HASHED) -> Path:
    path = folder / "requirements.txt"
    path.write_text(text)
    return path


def test_a_variable_reaches_every_side_and_no_other_function(lambdas: Path) -> None:
    stack = stack_of_nothing()
    service(stack, lambdas, environment={"TABLE": "orders"})
    held = {
        i[:-8]
        for (_, i), f in App(stack).all("AWS::Lambda::Function").items()
        if f["Environment"]["Variables"].get("TABLE") == "orders"
    }
    assert held == {f"Service{side}" for side in SIDES}


@pytest.mark.parametrize(
    "name",
    ["SHADOW_CANARY_ROUTE", "SHADOW_CANARY_NEW", "AWS_REGION", "_HANDLER", "1ST", "X", "A-B"],
)
def test_fails_on_a_variable_that_lambda_or_the_service_would_refuse(
    lambdas: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=f"environment: .*{name}"):
        service(stack_of_nothing(), lambdas, environment={name: "x"})


@pytest.mark.parametrize(
    "name", ["AWS_LAMBDA_EXEC_WRAPPER", "AWS_MAX_ATTEMPTS", "TZ", "PYTHONPATH"]
)
def test_a_variable_that_lambda_leaves_to_a_team_is_taken(lambdas: Path, name: str) -> None:
    service(stack_of_nothing(), lambdas, environment={name: "x"})


def test_fails_on_a_variable_that_is_no_text(lambdas: Path) -> None:
    with pytest.raises(ValueError, match="WORKERS must be text, such as '8'; got 8"):
        service(stack_of_nothing(), lambdas, environment={"WORKERS": 8})


def test_fails_on_more_variables_than_lambda_holds(lambdas: Path) -> None:
    with pytest.raises(ValueError, match="these are 4004"):
        service(stack_of_nothing(), lambdas, environment={"LONG": "x" * 4_000})


@pytest.mark.parametrize("side", ["function", "candidate"])
def test_fails_on_a_variable_or_a_layer_that_the_shadow_lacks(lambdas: Path, side: str) -> None:
    stack = stack_of_nothing()
    made = service(stack, lambdas)
    assert made.node.validate() == []
    getattr(made, side).add_environment("TABLE", "orders")
    arn = "arn:aws:lambda:eu-central-1:123456789012:layer:insights:1"
    layer = lambda_.LayerVersion.from_layer_version_arn(stack, "Insights", arn)
    getattr(made, side).add_layers(layer)
    variable, of_layer = made.node.validate()
    assert "has the variable TABLE, and the shadow" in variable
    assert "has a layer that the shadow" in of_layer


@pytest.mark.parametrize(("given", "may"), [({}, []), ({"production": False}, ["Candidate"])])
def test_a_drill_may_fail_the_candidate_of_what_says_that_it_is_no_production_and_nothing_else(
    lambdas: Path, given: dict[str, bool], may: list[str]
) -> None:
    stack = stack_of_nothing()
    service(stack, lambdas, **given)
    template = App(stack)
    heed = [
        each
        for each in (*SIDES, "Operations", "PreTraffic")
        if Variable.DRILL in function(template, each)["Environment"]["Variables"]
    ]
    assert heed == may


@pytest.mark.parametrize("side", ["function", "candidate"])
def test_a_grant_to_one_side_alone_is_warned_of(lambdas: Path, side: str) -> None:
    stack = stack_of_nothing()
    made = service(stack, lambdas)
    dynamodb.TableV2(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    ).grant_read_data(getattr(made, side))
    made.node.validate()
    [warned] = warnings(stack, ONE_SIDED_GRANT)
    path = getattr(made, side).node.path
    assert f"{path} is granted dynamodb on <Table" in warned


def test_a_grant_of_another_policy_is_warned_of_too(lambdas: Path) -> None:
    stack = stack_of_nothing()
    made = service(stack, lambdas)
    bucket = s3.Bucket(stack, "Bucket")
    iam.Policy(
        stack,
        "Own",
        roles=[made.candidate.execution_role],
        statements=[
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects("*")])
        ],
    )
    made.node.validate()
    [warned] = warnings(stack, ONE_SIDED_GRANT)
    assert "is granted s3 on <Bucket" in warned


def test_a_way_into_a_network_for_one_side_alone_is_warned_of(lambdas: Path) -> None:
    stack = stack_of_nothing()
    vpc = ec2.Vpc(stack, "Vpc")
    made = service(stack, lambdas, vpc=vpc)
    database = ec2.Connections(
        security_groups=[ec2.SecurityGroup(stack, "Database", vpc=vpc)],
        default_port=ec2.Port.tcp(5432),
    )
    database.allow_default_port_from(made.candidate)
    made.node.validate()
    [warned] = warnings(stack, ONE_SIDED_GRANT)
    assert "is granted a way in on <Database" in warned
    database.allow_default_port_from(made.shadow)
    assert not warned_anew(made)


def warned_anew(made: ShadowCanaryService) -> list[str]:
    """What a second synthesis would warn of."""
    before = len(warnings(made, ONE_SIDED_GRANT))
    made.node.validate()
    return warnings(made, ONE_SIDED_GRANT)[before:]


def test_a_policy_that_stands_elsewhere_is_warned_of_where_the_shadow_has_none(
    lambdas: Path,
) -> None:
    stack = stack_of_nothing()
    made = service(stack, lambdas)
    for number, side in enumerate((made.candidate, made.shadow)):
        arn = f"arn:aws:iam::123456789012:policy/{number}"
        policy = iam.ManagedPolicy.from_managed_policy_arn(stack, f"Policy{number}", arn)
        side.execution_role.add_managed_policy(policy)
        made.node.validate()
        assert len(warnings(stack, ONE_SIDED_GRANT)) == 1  # of the first alone


def test_each_side_may_have_a_secret_of_its_own_and_one_of_the_candidates_alone_is_warned_of(
    lambdas: Path,
) -> None:
    stack = stack_of_nothing()
    made = service(stack, lambdas)
    for side in ("candidate", "shadow"):
        secretsmanager.Secret(stack, side.title()).grant_read(getattr(made, side))
    made.node.validate()
    assert warnings(stack, ONE_SIDED_GRANT) == []
    secretsmanager.Secret(stack, "Other").grant_read(made.candidate)
    made.node.validate()
    [warned] = warnings(stack, ONE_SIDED_GRANT)
    assert "is granted secretsmanager on <Other" in warned


def test_what_both_are_granted_is_fine_and_a_shadow_that_may_not_write_too(lambdas: Path) -> None:
    stack = stack_of_nothing()
    made = service(stack, lambdas)
    key = dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
    one, other = (dynamodb.TableV2(stack, id_, partition_key=key) for id_ in ("One", "Other"))
    made.grant_control(one.grant_read_data)
    made.grant_candidate(one.grant_read_data)
    other.grant_read_write_data(made.candidate)
    other.grant_read_data(made.shadow)
    made.node.validate()
    assert warnings(stack, ONE_SIDED_GRANT) == []


@pytest.mark.parametrize("kind", ["of Systems Manager", "of the stack"])
def test_a_variable_that_only_a_deployment_knows_is_warned_of(lambdas: Path, kind: str) -> None:
    stack = stack_of_nothing()
    value = {
        "of Systems Manager": ssm.StringParameter.value_for_string_parameter(stack, "/rates"),
        "of the stack": cdk.CfnParameter(stack, "Rates").value_as_string,
    }[kind]
    made = service(stack, lambdas, environment={"TABLE": f"{value}-eu", "NAME": "/rates"})
    made.node.validate()
    told = [text.partition(" by a parameter")[0] for text in warnings(stack, PARAMETER_IN_VERSION)]
    sides = [made.candidate.node.path, made.function.node.path]
    assert sorted(told) == [f"{side} is told TABLE" for side in sides]


def test_a_grant_to_one_side_can_be_acknowledged(lambdas: Path) -> None:
    stack = stack_of_nothing()
    made = service(stack, lambdas)
    s3.Bucket(stack, "Bucket").grant_read(made.candidate)
    cdk.Annotations.of(made.candidate).acknowledge_warning(ONE_SIDED_GRANT)
    made.node.validate()
    assert warnings(stack, ONE_SIDED_GRANT) == []


def test_a_lock_is_a_layer_of_every_side(lambdas: Path, tmp_path: Path) -> None:
    stack = stack_of_nothing()
    service(stack, lambdas, requirements=lock(tmp_path))
    template = App(stack)
    with_lock = [
        side
        for side in (*SIDES, "Operations", "PreTraffic")
        if any("Requirements" in each["Ref"] for each in function(template, side)["Layers"])
    ]
    assert with_lock == [*SIDES]


@pytest.mark.parametrize("flag", [True, False])
def test_another_lock_publishes_versions_of_every_side_with_or_without_a_flag_of_the_cdk(
    lambdas: Path, tmp_path: Path, flag: bool
) -> None:
    def made(text: str) -> set[str]:
        context = {"aws:cdk:bundling-stacks": [], "@aws-cdk/aws-lambda:recognizeLayerVersion": flag}
        stack = cdk.Stack(cdk.App(context=context), "Orders")
        service(stack, lambdas, requirements=lock(tmp_path, text))
        return versions(App(stack))

    assert made(HASHED) == made(HASHED)
    assert len(made(HASHED) - made(HASHED.replace("2.3.3", "2.3.4"))) == len(SIDES)


def test_an_environment_that_becomes_known_publishes_no_version(
    lambdas: Path, tmp_path: Path
) -> None:
    """Lambda refuses to publish what did not change."""

    def made(**env: str) -> set[str]:
        app = cdk.App(context=json.loads((ROOT / "cdk.json").read_text())["context"])
        app.node.set_context("aws:cdk:bundling-stacks", [])
        stack = cdk.Stack(app, "Orders", env=cdk.Environment(**env))
        code = lambda_.Code.from_asset(str(lambdas))
        layer = lambda_.LayerVersion(stack, "Team", code=code)
        service(stack, lambdas, requirements=lock(tmp_path), layers=[layer])
        return versions(App(stack))

    germany = {"account": "123456789012", "region": "eu-central-1"}
    assert made(**germany) == made(region="eu-central-1") == made()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pandas==2.3.3\n", "pandas==2.3.3"),
        ("pandas>=2 --hash=sha256:00\n", "pandas>=2"),
        ("-r other.txt\n", "-r other.txt"),
        ("-e .\n", "-e ."),
    ],
    ids=["no hash", "no version", "another file", "editable"],
)
def test_fails_on_a_lock_that_locks_not_all(
    lambdas: Path, tmp_path: Path, text: str, found: str
) -> None:
    with pytest.raises(ValueError, match=f"lock each package by version and hash.*found '{found}'"):
        service(stack_of_nothing(), lambdas, requirements=lock(tmp_path, HASHED + text))


def test_fails_on_a_lock_that_is_not_there(lambdas: Path) -> None:
    with pytest.raises(ValueError, match="there is no lock file 'nope"):
        service(stack_of_nothing(), lambdas, requirements="nope.txt")


@pytest.mark.parametrize("package", ["boto3", "SQLModel"])
def test_fails_on_a_package_that_a_layer_of_the_service_has_in_another_version(
    lambdas: Path, tmp_path: Path, package: str
) -> None:
    other = HASHED.replace("pandas==2.3.3", f"{package}==0.0.1")
    with pytest.raises(ValueError, match=f"requirements has {package.lower()} 0.0.1, and a layer"):
        service(stack_of_nothing(), lambdas, requirements=lock(tmp_path, other))


def in_vpc(template: App) -> dict[str, Any]:
    return {
        i[7:-8]: f["VpcConfig"]
        for (_, i), f in template.all("AWS::Lambda::Function").items()
        if "VpcConfig" in f
    }


@pytest.mark.parametrize(("route_in_vpc", "sides"), [(True, SIDES), (False, SIDES[1:])])
def test_every_side_stands_in_the_vpc_with_its_subnets_and_groups(
    lambdas: Path, route_in_vpc: bool, sides: tuple[str, ...]
) -> None:
    stack = stack_of_nothing()
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
    subnets = ec2.SubnetSelection(subnets=[vpc.private_subnets[1]])
    service(
        stack,
        lambdas,
        vpc=vpc,
        vpc_subnets=subnets,
        security_groups=[group],
        route_in_vpc=route_in_vpc,
    )
    found = in_vpc(App(stack))
    assert set(found) == set(sides)
    for place in found.values():
        assert place["SubnetIds"] == [
            {"Ref": stack.resolve(vpc.private_subnets[1].subnet_id)["Ref"]}
        ]
        assert place["SecurityGroupIds"] == [stack.resolve(group.security_group_id)]


def test_fails_on_subnets_or_groups_of_no_vpc(lambdas: Path) -> None:
    subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    with pytest.raises(ValueError, match="give vpc= too"):
        service(stack_of_nothing(), lambdas, vpc_subnets=subnets)


def test_every_function_and_layer_is_of_the_runtime_and_the_architecture(
    lambdas: Path, tmp_path: Path
) -> None:
    stack = stack_of_nothing()
    service(
        stack,
        lambdas,
        runtime=lambda_.Runtime.PYTHON_3_12,
        architecture=lambda_.Architecture.X86_64,
        requirements=lock(tmp_path),
    )
    template = App(stack)
    for made in template.all("AWS::Lambda::Function").values():
        assert (made["Runtime"], made["Architectures"]) == ("python3.12", ["x86_64"])
    layers = template.all("AWS::Lambda::LayerVersion").values()
    assert len(layers) == 3
    for layer in layers:
        assert layer["CompatibleRuntimes"] == ["python3.12"]
        assert layer["CompatibleArchitectures"] == ["x86_64"]


def test_a_key_encrypts_logs_topic_and_masking_key_and_lets_their_services_in(
    lambdas: Path,
) -> None:
    stack = stack_of_nothing()
    key = kms.Key(stack, "Key")
    service(stack, lambdas, encryption_key=key)
    template, arn = App(stack), stack.resolve(key.key_arn)
    groups = [*template.all("AWS::Logs::LogGroup").values()]
    assert [group["KmsKeyId"] for group in groups] == [arn] * len(groups)
    [topic] = template.all("AWS::SNS::Topic").values()
    [secret] = template.all("AWS::SecretsManager::Secret").values()
    assert topic["KmsMasterKeyId"] == secret["KmsKeyId"] == arn
    [policy] = template.all("AWS::KMS::Key").values()
    text = str(policy["KeyPolicy"])
    for let_in in ("cloudwatch.amazonaws.com", "'logs.'", "secretsmanager."):
        assert let_in in text


def test_an_imported_key_is_warned_of_with_what_its_policy_must_hold(lambdas: Path) -> None:
    stack = stack_of_nothing()
    arn = "arn:aws:kms:eu-central-1:123456789012:key/0"
    service(stack, lambdas, encryption_key=kms.Key.from_key_arn(stack, "Key", arn))
    assert any("let log groups in" in each for each in warnings(stack, IMPORTED_KEY))


def test_what_is_kept_when_the_stack_goes_are_logs_and_the_masking_key(lambdas: Path) -> None:
    def kept(policy: cdk.RemovalPolicy) -> set[str]:
        stack = stack_of_nothing()
        service(stack, lambdas, removal_policy=policy)
        template: Template = App(stack).templates["Orders"]
        return {
            resource["Type"]
            for resource in template["Resources"].values()
            if resource.get("DeletionPolicy") == "Retain"
        }

    of_ours = {"AWS::Logs::LogGroup", "AWS::SecretsManager::Secret"}
    assert kept(cdk.RemovalPolicy.RETAIN) - kept(cdk.RemovalPolicy.DESTROY) == of_ours


def test_the_alias_keeps_environments_warm_when_asked(lambdas: Path) -> None:
    stack = stack_of_nothing()
    service(stack, lambdas, provisioned_concurrent_executions=3)
    [alias] = App(stack).all("AWS::Lambda::Alias").values()
    wanted = {"ProvisionedConcurrentExecutions": 3}
    assert alias["ProvisionedConcurrencyConfig"] == wanted


def test_a_post_hook_is_asked_after_the_shift(lambdas: Path) -> None:
    stack = stack_of_nothing()
    made = service(stack, lambdas)
    made.add_post_hook(made.hook)
    resources = App(stack).templates["Orders"]["Resources"].values()
    [alias] = [r for r in resources if r["Type"] == "AWS::Lambda::Alias"]
    assert "AfterAllowTrafficHook" in alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]


@pytest.mark.parametrize(
    ("grant", "readers"),
    [("grant_control", {"Route", "Shadow"}), ("grant_candidate", {"Candidate", "Shadow"})],
)
def test_what_one_side_may_do_its_shadow_may_too(
    lambdas: Path, grant: str, readers: set[str]
) -> None:
    stack = stack_of_nothing()
    key = dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
    table = dynamodb.Table(stack, "Orders", partition_key=key)
    getattr(service(stack, lambdas), grant)(table.grant_read_data)
    policies = App(stack).all("AWS::IAM::Policy")
    allowed = {i for (_, i), policy in policies.items() if "dynamodb:GetItem" in str(policy)}
    assert {i[7 : i.index("RoleDefault")] for i in allowed} == readers


@pytest.mark.parametrize("name", [*MetricName], ids=str)
def test_every_metric_can_be_had_with_the_options_of_any(name: MetricName) -> None:
    made = _metrics()
    metric = made.metric(
        name,
        statistic="Average",
        period=cdk.Duration.hours(1),
        label="Mine",
        dimensions_map={"Variant": "candidate"},
    )
    assert (metric.namespace, metric.metric_name) == ("ShadowCanary", name)
    assert (metric.statistic, metric.period.to_hours(), metric.label) == ("Average", 1, "Mine")
    assert metric.dimensions == {"Route": "orders", "Variant": "candidate"}


def test_a_named_metric_takes_the_same_options() -> None:
    made = _metrics()
    latency = made.metric_latency(Variant.CANDIDATE)
    assert (latency.statistic, latency.dimensions) == (
        "p95",
        {"Route": "orders", "Variant": "candidate"},
    )
    faults = made.metric_faults(Variant.CONTROL, period=cdk.Duration.minutes(5), color="#ff0000")
    assert (faults.metric_name, faults.period.to_minutes(), faults.color) == (
        "Faults",
        5,
        "#ff0000",
    )


def _metrics() -> RouteMetrics:
    metrics = RouteMetrics()
    metrics.full_name = "orders"
    return metrics
