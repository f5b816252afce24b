"""`shadowctl finish`: its diff applies, and what is left synthesizes, without the machinery."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.template import LOCK, Resource, Stack
from shadow_runtime.contract import Variable
from shadowctl.finish.command import Finish, ending
from shadowctl.finish.source import FinishError
from shadowctl.new_route.command import new_route
from shadowctl.new_route.names import Names
from tests.snapshot.conftest import Synthesis, copied
from tests.snapshot.test_new_route import another_teams, check_style

MACHINERY = (
    "AppConfig",
    "CodeDeploy",
    "CloudWatch",
    "Scheduler",
    "SNS",
    "SQS",
    "::Alias",
    "::Version",
)


def ended(folder: Path, assembly: Path, route: str, work: Path) -> tuple[Finish, Path]:
    """The diff of a route's end, applied; and the assembly of what is left."""
    said: list[str] = []
    done = ending(folder, assembly, route, folder=work, say=said.append)
    assert not said
    subprocess.run(["git", "apply"], cwd=folder, input=done.diff.encode(), check=True)
    copy = sorted(work.iterdir())[-1]
    for path in copy.rglob("copy/**/*.py"):
        assert path.read_bytes() == (folder / path.relative_to(copy / "copy")).read_bytes()
    return done, copy / "cdk.out"


def repository(folder: Path) -> Path:
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def resources(assembly: Path, stack: str, kind: str) -> list[Resource]:
    return Stack.load(assembly, stack).all(kind)


def handlers(assembly: Path, stack: str) -> list[str]:
    return sorted(each.need("Handler") for each in resources(assembly, stack, FUNCTION))


FUNCTION = "AWS::Lambda::Function"


def given(assembly: Path, stack: str, handler: str) -> dict[str, Any]:
    """What the function of `handler` is granted, told and made of, but for its logs and traces.

    A candidate is told its route, too, and its dataset, which a function has no more.
    """
    [held] = [each for each in Stack.all_of(assembly) if each.path == stack]
    [function] = [each for each in held.all(FUNCTION) if each.need("Handler") == handler]
    role = function.need("Role")["Fn::GetAtt"][0]
    policies = [
        each for each in held.all("AWS::IAM::Policy") if {"Ref": role} in each.need("Roles")
    ]
    statements = [
        each for policy in policies for each in policy.need("PolicyDocument")["Statement"]
    ]
    [attached] = [
        e.get("ManagedPolicyArns") for e in held.all("AWS::IAM::Role") if e.logical_id == role
    ]
    layers = {
        each.logical_id: each.metadata(LOCK) for each in held.all("AWS::Lambda::LayerVersion")
    }
    told = function.get("Environment", "Variables") or {}
    of_service = (Variable.ROUTE, Variable.DATASET, Variable.DATASET_PACKAGE)
    return {
        "granted": [
            e for e in statements if not re.search('"(logs|xray):', json.dumps(e["Action"]))
        ],
        "attached": [
            each for each in attached or [] if "BasicExecutionRole" not in json.dumps(each)
        ],
        "told": {name: value for name, value in told.items() if name not in of_service},
        "layers": [layers[each["Ref"]] for each in function.need("Layers")],
        "network": function.get("VpcConfig"),
        "memory_mb": function.need("MemorySize"),
    }


def test_routes_of_this_repositorys_app_end_as_plain_functions_and_cdk_nag_lets_them_pass(
    synthesize: Synthesis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tmp_path)
    monkeypatch.chdir(folder)
    assert [*new_route("GetOrder", "GET /orders/{id}")]
    assembly = before = synthesize(repository(folder))
    left = {}
    for route in ("GetUser", "UpdateUser", "ListPosts", "GetOrder"):
        done, assembly = ended(folder, assembly, route, tmp_path / route)
        left[route] = done.left
    read = "lambdas/routes/{}/requests.jsonl is read by nothing of ours any more"
    idle = "stacks/{}.py, line {}, takes users, which nothing there reads any more"
    assert left == {
        "GetUser": [read.format("get_user"), idle.format("get_user", 17)],
        "UpdateUser": [idle.format("update_user", 17)],
        "ListPosts": [read.format("list_posts")],
        "GetOrder": [read.format("get_order")],
    }
    for route in ("get_user", "update_user", "list_posts", "get_order"):
        stack, handler = Names.of(route).stack, f"routes.{route}.candidate.handler"
        assert handlers(assembly, stack) == [handler]
        had = given(before, stack, handler)
        assert len(had["attached"]) == 1  # the platform's, of the database
        assert {*had["told"]} == {Variable.DATABASE_PARAMETER}
        assert given(assembly, stack, handler) == had
        kinds = {
            resource["Type"]
            for resource in Stack.load(assembly, stack).template["Resources"].values()
        }
        assert not [kind for kind in kinds if any(part in kind for part in MACHINERY)]
        assert not (folder / "lambdas/routes" / route / "control.py").exists()
    assert not [*folder.glob("tests/test_*.py")]
    (folder / "tests").mkdir(exist_ok=True)
    check_style(folder, but="S101,D,ARG002")  # what is left to people


def test_routes_of_another_teams_app_end_whatever_their_style(
    synthesize: Synthesis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = another_teams(tmp_path / "app")
    monkeypatch.chdir(folder)
    for name, request, options in (
        ("get-order", "GET /orders/{id}", {}),
        ("catalogue", "GET /catalogue", {"is_public": True}),
        ("total", "GET /total", {"wrap": "legacy.orders:lambda_handler"}),
    ):
        assert [*new_route(name, request, **options)]
    assembly, left = synthesize(repository(folder)), {}
    before = assembly
    for stack in ("GetOrder", "Catalogue", "Total"):
        done, assembly = ended(folder, assembly, stack, tmp_path / stack)
        left[stack] = done.left
    assert all(
        lines.pop(0).endswith("requests.jsonl is read by nothing of ours any more")
        for lines in left.values()
    )
    assert left["GetOrder"] == left["Total"] == []
    [moved] = left["Catalogue"]
    assert moved.startswith("stacks/catalogue.py, line ")
    assert moved.endswith("has a function URL: another one afterwards; tell its callers")
    for stack in left:
        [handler] = handlers(assembly, stack)
        had = given(before, stack, handler)
        assert len(had["granted"]) == 2  # the secret, and the parameter that names it
        assert {*had["told"]} == {Variable.DATABASE_PARAMETER}
        assert given(assembly, stack, handler) == had
    assert not [*folder.glob("src/routes/*/control.py"), *folder.glob("tests/test_*.py")]
    (folder / "tests").mkdir(exist_ok=True)
    check_style(folder, but="S101,D,I001")


SEVERAL = """
from datetime import UTC, datetime

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk.aws_apigatewayv2 import HttpApi
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from cdk_nag import AwsSolutionsChecks

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic


class Orders(cdk.Stack):
    def __init__(self, scope, id_, ceiling):
        super().__init__(scope, id_)
        key = dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
        table = dynamodb.TableV2(self, "Table", partition_key=key)
        legacy = dynamodb.TableV2(self, "Legacy", partition_key=key)
        traffic = Traffic.per_day(1_000_000, users=50_000)
        api = HttpApi(self, "Api")
        vpc = ec2.Vpc(self, "Vpc")
        group = ec2.SecurityGroup(self, "Group", vpc=vpc)
        service = ShadowCanaryService(
            self, "GetOrder", route="get-order", code=RouteCode("src/get_order", root="src"),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC), ceiling=ceiling,
            expected_traffic=traffic, environment={"TABLE": table.table_name},
            vpc=vpc, security_groups=[group],
        )
        service.grant_control(legacy.grant_read_data)
        service.grant_candidate(table.grant_read_data)
        api.add_routes(path="/orders/{id}", integration=HttpLambdaIntegration("GO", service.alias))
        service = ShadowCanaryService(
            self, "ListOrders", route="list-orders", code=RouteCode("src/list_orders", root="src"),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC), ceiling=ceiling, expected_traffic=traffic,
            candidate_memory_size=256,
        )
        for side in (service.candidate, service.shadow):
            table.grant_read_data(side)
        api.add_routes(path="/orders", integration=HttpLambdaIntegration("LO", service.alias))


app = cdk.App()
for stage, ceiling in {"Beta": Stage.COMPLETE, "Prod": Stage.COMPLETE}.items():
    Orders(cdk.Stage(app, stage), "Orders", ceiling)
app.synth()
"""


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app in a folder of a repository: a stack with two routes, in two Stages."""
    folder = tmp_path / "repository/infra"
    for name in ("get_order", "list_orders"):
        (folder / "src" / name).mkdir(parents=True)
        for side in ("control.py", "candidate.py"):
            (folder / "src" / name / side).write_text("def handler(event, context): ...\n")
    (folder / "app.py").write_text(SEVERAL)
    (folder / "cdk.json").write_text('{"app": "python3 app.py"}')
    repository(folder.parent)
    monkeypatch.chdir(folder)
    return folder


def test_of_several_routes_in_a_stack_one_ends_and_the_others_go_on(
    several: Path, synthesize: Synthesis, tmp_path: Path
) -> None:
    assembly, said = synthesize(several), list[str]()
    before = assembly
    # What a helper of theirs needs of the shadow, nobody can know.
    (several / "app.py").write_text(
        SEVERAL.replace("(side)", "(side)\n        WATCHED")
        .replace("WATCHED", "watch(candidate=service.candidate, shadow=service.shadow)")
        .replace("class Orders", "def watch(candidate, shadow): ...\n\n\nclass Orders")
    )
    with pytest.raises(FinishError, match="no diff for list-orders: without the service the app"):
        ending(several, assembly, "Beta/Orders:list-orders", folder=tmp_path / "0", say=said.append)
    for word in ("src/list_orders/control.py", "list_orders.candidate.handler", "docs/operate.md"):
        assert word in said[0]
    (several / "app.py").write_text(SEVERAL)

    _, assembly = ended(several, assembly, "Beta/Orders:list-orders", tmp_path / "1")
    for stage in ("Beta", "Prod"):
        assert Stack.load(assembly, f"{stage}/Orders").routes == ["get-order"]
    _, assembly = ended(several, assembly, "Prod/Orders", tmp_path / "2")
    for stage in ("Beta", "Prod"):
        assert handlers(assembly, f"{stage}/Orders") == [
            "get_order.candidate.handler",
            "list_orders.candidate.handler",
        ]
        for handler, told in {
            "get_order.candidate.handler": {"TABLE"},
            "list_orders.candidate.handler": set[str](),
        }.items():
            had = given(before, f"{stage}/Orders", handler)
            assert had["granted"]
            assert {*had["told"]} == told
            assert bool(had["network"]) == ("TABLE" in told)
            assert given(assembly, f"{stage}/Orders", handler) == had
    text = (several / "app.py").read_text()
    for kept in ("for side in (function,):", 'environment={"TABLE": table.table_name}', "size=256"):
        assert kept in text
    for gone in ("legacy.grant", "ShadowCanaryService", "import datetime", "service.alias"):
        assert gone not in text
