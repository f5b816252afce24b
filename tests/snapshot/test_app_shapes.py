"""Apps as they are: Stages, stacks with names of their own, nested, several routes in one."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.rollout import Rollout
from analysis.template import Stack, TemplateError
from localaws import assembly
from shadowctl.diff import cdk_diff
from shadowctl.plan.plan import plan
from shadowctl.review.command import review
from tests.checkout import ROOT
from tests.snapshot.conftest import Synthesis

APP = """
from datetime import UTC, datetime

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from cdk_nag import AwsSolutionsChecks

from shadow_canary import (
    Dataset, DatasetCode, RouteCode, ShadowCanaryService, Stage, Traffic
)


def service(scope, id_, route, **arguments):
    return ShadowCanaryService(
        scope, id_,
        route=route,
        code=RouteCode("src/orders", packages=["src/customers"]),
        launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
        ceiling=Stage.canary(percent=5),
        expected_traffic=Traffic.per_day(1_000_000, users=50_000),
        **arguments,
    )


germany = cdk.Environment(account="123456789012", region="eu-central-1")
app = cdk.App()
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
service(cdk.Stack(app, "Named", stack_name="another-name"), "Service", "get-order")
two = cdk.Stack(app, "Two")
service(two, "GetOrder", "get-order")
service(two, "GetOrderItems", "get-order-items")
service(cdk.NestedStack(cdk.Stack(app, "Outer"), "Inner"), "Service", "get-order")
for name, env in {"Staging": None, "Prod": germany}.items():
    stack = cdk.Stack(cdk.Stage(app, name, env=env), "Orders")
    service(stack, "Service", "get-order")
inside = cdk.Stack(app, "Inside", env=germany)
zones = ["eu-central-1a", "eu-central-1b"]
vpc = ec2.Vpc(inside, "Vpc", availability_zones=zones, flow_logs={"Log": ec2.FlowLogOptions()})
service(inside, "Service", "get-order", vpc=vpc)


def dataset(scope, **arguments):
    code = DatasetCode("src/customers")
    return Dataset(scope, "Dataset", name="customers", code=code, **arguments)


own = cdk.Stack(app, "Own")
service(own, "Service", "get-order", dataset=dataset(own))
outer = cdk.Stack(app, "Around")
within = cdk.NestedStack(outer, "Within")
service(outer, "Service", "get-order", dataset=dataset(within))
for name, env in {"Testing": None, "Live": germany}.items():
    stage = cdk.Stage(app, name, env=env)
    customers = dataset(cdk.Stack(stage, "Customers"))
    service(cdk.Stack(stage, "Orders"), "Service", "get-order", dataset=customers)
kept = cdk.Stack(app, "Kept", env=germany)
key, nets = kms.Key(kept, "Key", enable_key_rotation=True), ec2.Vpc(
    kept, "Vpc", availability_zones=zones, flow_logs={"Log": ec2.FlowLogOptions()}
)
dataset(kept, vpc=nets, encryption_key=key)
app.synth()
"""
HANDLER = "def handler(event, context): ...\n"
STORE = "from dataset.steps import Record\nstore = object()\n"
DATASET = {
    "records.py": "def keys(request): ...\ndef translate(old): ...\ndef inverse(new): ...\n",
    "control.py": STORE,
    "candidate.py": STORE,
}

NAMES = {
    "Named": ("another-name", "get-order"),
    "another-name": ("another-name", "get-order"),
    "Two:get-order": ("Two", "get-order"),
    "Two:get-order-items": ("Two", "get-order-items"),
    "Outer": ("Outer", "get-order"),
    "Prod/Orders": ("Prod-Orders", "get-order"),
    "Prod-Orders": ("Prod-Orders", "get-order"),
    "Staging/Orders": ("Staging-Orders", "get-order"),
    "Inside": ("Inside", "get-order"),
    "Own": ("Own", "get-order"),
    "Around": ("Around", "get-order"),
    "Live/Orders": ("Live-Orders", "get-order"),
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory, synthesize: Synthesis) -> Path:
    """The assembly of all of them, which cdk-nag and the library's own rules let pass."""
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "src/orders").mkdir(parents=True)
    for name in ("control.py", "candidate.py"):
        (folder / "src/orders" / name).write_text(HANDLER)
    (folder / "src/customers").mkdir()
    for name, text in DATASET.items():
        (folder / "src/customers" / name).write_text(text)
    (folder / "app.py").write_text(APP)
    (folder / "cdk.json").write_text((ROOT / "cdk.json").read_text())
    return synthesize(folder)


@pytest.mark.usefixtures("few_plays")
@pytest.mark.parametrize(("route", "found"), NAMES.items(), ids=NAMES)
def test_a_route_is_found_by_the_name_or_the_path_of_its_stack(
    shapes: Path, route: str, found: tuple[str, str]
) -> None:
    rollout = Rollout.load(shapes, route)
    assert (rollout.stack, rollout.name) == found
    assert f"The candidate of `{found[1]}` may answer 5 % of users" in plan(
        shapes, route, days=7, control_ms=20, candidate_ms=60
    )


def test_of_several_routes_in_a_stack_each_has_its_own_resources(shapes: Path) -> None:
    alone = len(Stack.load(shapes, "Named").all("AWS::CloudWatch::Alarm"))
    for route in ("Two:get-order", "Two:get-order-items"):
        stack = Stack.load(shapes, route)
        assert len(stack.all("AWS::CloudWatch::Alarm")) == alone
        assert len(stack.all("AWS::Lambda::Alias")) == 1


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("Nope", "no stack 'Nope' .*; the stacks there: .*Named, Two, Outer"),
        ("Two", "holds get-order and get-order-items; name one, such as Two:get-order"),
        (
            "Two:item",
            "no route 'item' in Two; the routes there: get-order, get-order-items",
        ),
    ],
)
def test_what_is_not_there_or_not_clear_is_said_with_what_is(
    shapes: Path, route: str, said: str
) -> None:
    with pytest.raises(TemplateError, match=said):
        Stack.load(shapes, route)


def test_no_name_of_one_environment_is_a_name_of_another(shapes: Path) -> None:
    """Two environments may share an account and a region."""
    for one, other, stack in (
        ("Staging", "Prod", "Orders"),
        ("Testing", "Live", "Orders"),
        ("Testing", "Live", "Customers"),
    ):
        named = [physical_names(Stack.load(shapes, f"{of}/{stack}")) for of in (one, other)]
        assert named[0]
        assert not named[0] & named[1]


def test_the_embedded_aws_gets_every_stack_with_the_templates_that_belong_to_it(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "built_layer", lambda lock: tmp_path / f"{lock}-built" / "layer")
    words = assembly.derive(shapes, tmp_path / "derived", now=datetime(2031, 3, 1, tzinfo=UTC))
    derived = {stack.path: stack for stack in Stack.all_of(tmp_path / "derived")}
    assert derived.keys() == {stack.path for stack in Stack.all_of(shapes)}
    assert "Prod/Orders" in derived
    for stack in Stack.all_of(tmp_path / "derived"):  # those nested in others, too
        assert not stack.all("AWS::CodeDeploy::Application"), stack.path
    everything = "".join(path.read_text() for path in (tmp_path / "derived").rglob("*s.json"))
    uploaded = {*re.findall(r'"([0-9a-f]{64})": {', everything)}
    templates = [path.read_text() for path in (tmp_path / "derived").rglob("*.template.json")]
    asked = {key for text in templates for key in re.findall(r"([0-9a-f]{64})\.(?:json|zip)", text)}
    assert asked
    assert asked <= uploaded
    assert "no other account or region: a stack's env= is 000000000000 and us-east-1 (5)" in words
    for elsewhere in ("123456789012", "eu-central-1"):
        assert not [text for text in templates if elsewhere in text]


@pytest.mark.usefixtures("few_plays")
def test_a_review_names_each_stack_of_a_stage_and_each_nested_one(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shadowctl.review.users.ROLLOUTS", 10)
    monkeypatch.setattr("shadowctl.review.comment.cdk_diff", lambda *_, name: f"diff of {name}")
    changed = tmp_path / "changed"
    shutil.copytree(shapes, changed)
    for file in changed.rglob("*.template.json"):
        file.write_text(re.sub(r'"Threshold": 2\b', '"Threshold": 20', file.read_text()))
    shown, document, is_whole = review(f"{shapes}", f"{changed}")
    assert is_whole
    paths = {each["path"]: each for each in document["stacks"] if each["routes"]}
    nested = next(path for path in paths if "nested" in path and "Outer" in path)
    assert nested.startswith("Outer, nested OuterInner")
    assert paths.keys() == {
        *("Named", "Two", nested, "Inside", "Staging/Orders", "Prod/Orders"),
        *("Own", "Around", "Testing/Orders", "Live/Orders"),
    }
    for path in paths:
        assert f"in `{path}`: `code-error-rate` has a looser threshold: `2` → `20`" in shown
        assert f"diff of {path}" in shown
    assert [each["route"] for each in paths["Two"]["routes"]] == ["get-order", "get-order-items"]


def test_a_stack_of_a_stage_is_compared_by_the_cli_as_any_other(shapes: Path) -> None:
    after = Stack.load(shapes, "Prod/Orders")
    resources = after.template["Resources"]
    topic = next(name for name, body in resources.items() if body["Type"] == "AWS::SNS::Topic")
    before = replace(after, template={"Resources": {**resources, topic: None}})
    del before.template["Resources"][topic]
    shown = cdk_diff(before, after, name="Prod/Orders")
    assert re.search(rf"\[\+\] AWS::SNS::Topic {topic}", shown)
    assert "Stack Prod/Orders" in shown


def physical_names(stack: Stack) -> set[str]:
    """Each physical name that the template gives, where it is a text."""
    keys = ("Name", "AlarmName", "DashboardName", "FunctionName", "TopicName", "QueueName")
    return {
        f"{body['Type']} {value}"
        for body in stack.template["Resources"].values()
        for key in keys
        if isinstance(value := body.get("Properties", {}).get(key), str)
        and body["Type"] not in ("AWS::AppConfig::Environment", "AWS::Lambda::Alias")
    }


def test_no_alarm_of_one_environment_reads_what_another_counts(shapes: Path) -> None:
    counted = [dimensions(Stack.load(shapes, f"{of}/Orders")) for of in ("Staging", "Prod")]
    assert counted == [{"Staging-Orders/get-order"}, {"Prod-Orders/get-order"}]
    of_two = dimensions(Stack.load(shapes, "Two:get-order"))
    assert of_two == {"Two/get-order"}


def dimensions(stack: Stack) -> set[str]:
    """The routes whose metrics the alarms of a template look at."""
    return {
        dimension["Value"]
        for alarm in stack.all("AWS::CloudWatch::Alarm")
        for metric in alarm.get("Metrics") or []
        for dimension in metric.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
        if dimension["Name"] == "Route"
    }
