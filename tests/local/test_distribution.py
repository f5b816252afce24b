"""The wheel, in an empty environment, beside an app that nobody here wrote."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from localaws import environment
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request
from shadowctl.deployed import stack_resources
from shadowctl.synthesis import synthesize
from tests.checkout import ROOT

T = TypeVar("T")

APP = """
from datetime import UTC, datetime

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic


class Route(cdk.Stack):
    def __init__(self, scope: Construct, id_: str, route: str, path: str | None) -> None:
        super().__init__(scope, id_)
        self.service = ShadowCanaryService(
            self,
            "Service",
            route=route,
            code=RouteCode(
                f"src/orders/{route.replace('-', '_')}", root="src", packages=["shared/money"]
            ),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
            ceiling=Stage.canary(percent=5),
            expected_traffic=Traffic.per_day(1_000_000, users=50_000),
        )
        if path is None:
            self.service.alias.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        else:
            apigateway.HttpApi(self, "Api").add_routes(
                path=path,
                methods=[apigateway.HttpMethod.GET],
                integration=HttpLambdaIntegration("Integration", self.service.alias),
            )


app = cdk.App()
orders = Route(app, "Orders", "list-orders", "/orders")
table = dynamodb.TableV2(
    orders,
    "Table",
    table_name="orders",
    partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
cdk.CfnOutput(orders, "TableName", value=table.table_name)
table.grant_read_data(orders.service.candidate)
table.grant_read_data(orders.service.shadow)
Route(app, "Order", "get-order", "/orders/{id}")
Route(app, "Rates", "get-rates", None)
app.synth()
"""
CONTROL = """
import json

from money import euros
from shadow_runtime.migrating import migrating
from shadow_runtime.user import header


@migrating(user=header("x-customer"), repeatable=True)
def handler(event, context):
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(answer(event)),
    }


def answer(event):
    [body]
"""
CANDIDATE = (
    CONTROL.replace(
        "shadow_runtime.migrating import migrating", "shadow_runtime.candidate import candidate"
    )
    .replace("from shadow_runtime.user import header", "from shadow_runtime.compare import Rules")
    .replace(
        '@migrating(user=header("x-customer"), repeatable=True)', "@candidate(rules=Rules([rules]))"
    )
)
LIST = """orders = [
        {"id": "o1", "total": euros(1250), "tags": ["new", "gift"]},
        {"id": "o2", "total": euros(990), "tags": ["old"]},
    ]
    return {"orders": orders, "next": "o2"}"""
TABLE = """import boto3

    items = boto3.client("dynamodb").scan(TableName="orders")["Items"]
    orders = [
        {
            "id": item["id"]["S"],
            "total": euros(int(item["cents"]["N"])),
            "tags": item["tags"]["SS"],
        }
        for item in sorted(items, key=lambda item: item["id"]["S"])
    ]
    return {"orders": orders, "next": "o2"}"""
GET = """return {"id": event["pathParameters"]["id"], "total": euros(1250), "paid": True}"""
RATES = """return {"usd": 1.0842, "chf": 0.9301}"""
ROUTES = {
    "list_orders": (LIST, TABLE, 'unordered=["$.orders[*].tags"]'),
    "get_order": (GET, GET.replace("True", "'yes'"), ""),
    "get_rates": (RATES, RATES.replace("0.9301", "0.9311"), ""),
}
"""By folder: control, candidate with one planted difference, and the candidate's rules."""
SEED = """
USERS = ["ada"]


def seed_aws(aws, outputs):
    orders = [("o1", "1250", ["gift", "new"]), ("o2", "991", ["old"])]
    for id_, cents, tags in orders:
        item = {"id": {"S": id_}, "cents": {"N": cents}, "tags": {"SS": tags}}
        aws.client("dynamodb").put_item(TableName=outputs["TableName"], Item=item)
"""
FILES = {
    "app.py": APP,
    "cdk.json": json.dumps({"app": "python3 app.py"}),
    "shared/money/__init__.py": "def euros(cents): return cents / 100\n",
    "src/orders/list_orders/seed.py": SEED,
}
for name, (control, candidate, rules) in ROUTES.items():
    FILES[f"src/orders/{name}/control.py"] = CONTROL.replace("[body]", control)
    FILES[f"src/orders/{name}/candidate.py"] = CANDIDATE.replace("[body]", candidate).replace(
        "[rules]", rules
    )
FOUND = {"Orders": "$.orders[1].total", "Order": "$.paid", "Rates": "$.chf"}
"""By stack, where the planted difference is."""


@dataclass(frozen=True, slots=True)
class Team:
    """Somebody's app in `folder`, and the environment where they installed the wheel."""

    folder: Path
    wheel: Path

    @property
    def _environment(self) -> dict[str, str]:
        """Of this checkout it finds the CDK CLI, and nothing else."""
        return {
            **os.environ,
            "PATH": f"{ROOT / 'node_modules/.bin'}:/usr/bin:/bin",
            "PYTHONPATH": "",
            "COLUMNS": "200",
        }

    @contextlib.contextmanager
    def watches(self) -> Iterator[Path]:
        """`local up --watch` beside the block, until it begins to watch; and what it says."""
        said = self.wheel.with_name("watch.txt")
        command: list[str | Path] = [self.folder / ".venv/bin/shadowctl", "local", "up", "--watch"]
        with (
            said.open("w") as out,
            subprocess.Popen(
                command, cwd=self.folder, env=self._environment, stdout=out, stderr=out
            ) as running,
        ):
            try:
                wait_for(lambda: "whatever is saved answers" in said.read_text(), seconds=300)
                yield said
            finally:
                running.send_signal(signal.SIGINT)

    def saves(self, name: str, change: Callable[[str], str]) -> None:
        """Somebody edits a file."""
        path = self.folder / name
        path.write_text(change(path.read_text()))

    def runs(self, *arguments: str) -> str:
        """What `shadowctl` says there."""
        ran = subprocess.run(
            [self.folder / ".venv/bin/shadowctl", *arguments],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("a team's app")
    uv = [sys.executable, "-m", "uv", "--quiet"]
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    dist = tmp_path_factory.mktemp("dist")
    run(*uv, "build", "--wheel", "--out-dir", str(dist), str(ROOT), cwd=folder)
    [wheel] = dist.glob("*.whl")
    run(*uv, "venv", "--python", sys.executable, ".venv", cwd=folder)
    run(
        *(*uv, "pip", "install", "--python", ".venv", "-c", str(ROOT / "constraints.txt")),
        f"{wheel}[local,pacts]",
        cwd=folder,
    )
    git = ["git", "-c", "user.name=A team", "-c", "user.email=team@example.com"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Orders"]):
        run(*git, *arguments, cwd=folder)
    yield Team(folder, wheel)
    if (folder / ".local/state.json").exists():
        Team(folder, wheel).runs("local", "down")


def run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


def templates(assembly: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in assembly.glob("*.template.json")}


def test_synthesis_needs_no_emulator(team: Team) -> None:
    with zipfile.ZipFile(team.wheel) as wheel:
        [path] = [name for name in wheel.namelist() if name.endswith("METADATA")]
        metadata = wheel.read(path).decode()
    needed = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert {*needed} == {"aws-cdk-lib", "boto3", "constructs", "packaging", "rich", "typer", "uv"}


def test_an_installed_construct_makes_the_template_that_this_checkout_makes(
    team: Team, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    synthesize(team.folder, ours)
    path = f"{team.folder / '.venv/bin'}:{os.environ['PATH']}"
    script = (
        "from pathlib import Path; from shadowctl.synthesis import *; "
        f"synthesize(app_folder(), Path({str(theirs)!r}), {{'PATH': {path!r}, 'HOME': '/tmp'}})"
    )
    run(str(team.folder / ".venv/bin/python"), "-c", script, cwd=team.folder)
    assert templates(theirs) == templates(ours)
    assert {path.name for path in theirs.glob("asset.*")} == {
        path.name for path in ours.glob("asset.*")
    }


def test_a_plan_a_diff_and_a_rehearsal_are_made_there(team: Team) -> None:
    assert team.runs("plan", "Orders").startswith("## Orders: up to `canary(5%)`")
    app = team.folder / "app.py"
    app.write_text(APP.replace("percent=5", "percent=7"))
    try:
        changed = team.runs("diff", "Orders", "--base", "HEAD")
    finally:
        app.write_text(APP)
    assert "canary(7%)" in changed
    assert "Number of stacks with differences: 1" in changed
    assert "clean-up on 14 January 2030" in team.runs("rehearse", "Orders", "--rollouts", "100")


def test_its_routes_are_found_wrong_in_shadow_mended_and_taken_to_canary(team: Team) -> None:
    try:
        with team.watches() as watched:
            commands = printed_curls(watched.read_text())
            asked = {stack: ask(of) for stack, of in commands.items()}
            assert asked["Orders"]["orders"][1] == {"id": "o2", "total": 9.9, "tags": ["old"]}
            assert asked["Order"] == {"id": "o1", "total": 12.5, "paid": True}
            assert asked["Rates"]["chf"] == 0.9301
            for stack in FOUND:
                assert "at shadow" in team.runs("stage", stack, "shadow", "--local")
            for folder in ROUTES:  # other environments begin at the flag as it is now
                team.saves(f"src/orders/{folder}/control.py", lambda text: f"{text}\n")
            wait_for(lambda: watched.read_text().count("control.py in place") == len(ROUTES))
            for command in commands.values():
                ask(command)
            for stack, path in FOUND.items():
                differs = wait_for(partial(found_in, team, stack, path))
                assert "0.9311" not in differs
                assert "9.91" not in differs
            for stack in FOUND:
                team.runs("test-as", stack, "ada", "--local")
                team.runs("stage", stack, "canary", "--percent", "1", "--local")
            rates = "src/orders/get_rates/candidate.py"
            team.saves(rates, lambda text: text.replace("0.9311", "0.93"))
            saved = time.monotonic()
            wait_for(lambda: ask(commands["Rates"])["chf"] == 0.93)
            print(f"a saved candidate answered after {time.monotonic() - saved:.1f} s")
            assert ask(commands["Rates"], "grace")["chf"] == 0.9301
            team.saves(rates, lambda text: f"{text}(")
            wait_for(lambda: "candidate.py does not parse" in watched.read_text())
            assert ask(commands["Rates"])["chf"] == 0.93
            team.saves(rates, lambda text: text.removesuffix("("))
            team.saves("shared/money/__init__.py", lambda text: text.replace("/ 100", "/ 50"))
            wait_for(lambda: ask(commands["Order"], "grace")["total"] == 25)
        team.saves("app.py", lambda text: text.replace("percent=5", "percent=50"))
        deployed = team.runs("local", "deploy").rpartition("deployed ")[2].partition(" in ")[0]
        assert {*deployed.split(", ")} == {*FOUND}
        assert "canary(1%), ceiling canary(50%)" in team.runs("stage", "Rates", "--local")
        assert ask(commands["Rates"])["chf"] == 0.93
        stopped = team.runs("off", "--all", "--local").splitlines()
        assert [": off since" in line for line in stopped[: len(FOUND)]] == [True] * len(FOUND)
        assert "canary(1%) to off: by shadowctl" in team.runs("history", "Rates", "--local")
        assert team.runs("local", "psql", "-tAc", "SELECT current_user").strip() == "postgres"
    finally:
        team.runs("local", "down")
        for name, text in FILES.items():
            (team.folder / name).write_text(text)
    status = ["git", "status", "--short"]
    assert subprocess.run(status, cwd=team.folder, capture_output=True, check=True).stdout == b""


def test_routes_that_one_command_wrote_answer_are_moved_and_leave_nothing(team: Team) -> None:
    team.runs("new-route", "Parcels", "GET /parcels/{id}")
    team.runs("new-route", "Catalogue", "GET /catalogue", "--public")
    python = str(team.folder / ".venv/bin/python")
    constraints = str(ROOT / "constraints.txt")
    pip = [sys.executable, "-m", "uv", "--quiet", "pip", "install", "--python", ".venv"]
    run(*pip, "-c", constraints, "pytest", cwd=team.folder)
    run(python, "-m", "pytest", "-q", "tests", cwd=team.folder)
    seed = team.folder / "src/routes/parcels/seed.py"
    planted = seed.read_text().replace("        session.commit", "{plant}\n        session.commit")
    plant = '        session.get_one(Row, "2").name = "another"'
    seed.write_text(planted.replace("{plant}", plant))
    found = subprocess.run(
        [python, "-m", "pytest", "-q", "tests"], cwd=team.folder, capture_output=True, check=False
    )
    assert "$.name value 'the second' ≠ 'another'" in found.stdout.decode()

    team.runs("local", "up")
    try:
        commands = team.runs("local", "up").splitlines()
        curls = [line for line in commands if line.startswith("curl ") and "/orders" not in line]
        urls = [shlex.split(line)[-1] for line in curls]
        answers = [fetched(url.replace("{id}", "1")) for url in urls]
        assert {"id": "1", "name": "the first"} in answers
        for stack in ("Parcels", "Catalogue"):
            team.runs("stage", stack, "shadow", "--local")
            team.runs("stage", stack, "off", "--local")
        state = json.loads((team.folder / ".local/state.json").read_text())
        aws = environment.session(state["endpoint"])
        stacks, appconfig = aws.client("cloudformation"), aws.client("appconfig")
        before = len(appconfig.list_applications()["Items"])

        # Control knows no such row: the new code has read it from its own database.
        assert asked_of_candidate(aws, "Parcels", "2") == {"id": "2", "name": "another"}
        diff = team.runs("finish", "Parcels", "--local", "--override", "a test", "--json")
        ended = json.loads(diff[diff.index("{") :])["diff"]
        subprocess.run(["git", "apply"], cwd=team.folder, input=ended.encode(), check=True)
        team.runs("local", "deploy")
        assert len(appconfig.list_applications()["Items"]) == before - 1
        [parcels] = [url for url in urls if "parcels" in url]
        assert fetched(parcels.replace("{id}", "2")) == {"id": "2", "name": "another"}

        for stack in ("Parcels", "Catalogue"):
            stacks.delete_stack(StackName=stack)
            stacks.get_waiter("stack_delete_complete").wait(
                StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
        assert len(appconfig.list_applications()["Items"]) == before - 2
    finally:
        team.runs("local", "down")


def fetched(url: str) -> Any:
    asked = subprocess.run(["curl", "--silent", url], capture_output=True, check=True)
    return json.loads(asked.stdout)


def asked_of_candidate(aws: boto3.Session, stack: str, id_: str) -> Any:
    """What the new code of a route alone answers, whatever the flag says."""
    held = stack_resources(aws, stack)
    kind = "AWS::Lambda::Function"
    [name] = [
        name
        for logical_id, of, name in held
        if of == kind and logical_id.startswith("ServiceCandidate")
    ]
    event = HTTP_API.event(Request(method="GET", path="/", path_parameters={"id": id_}))
    called = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(json.load(called["Payload"])["body"])


ENDS = {"Orders": "/orders'", "Order": "/orders/{id}'", "Rates": "/lambda-url/"}


def printed_curls(text: str) -> dict[str, str]:
    """By stack, the command that was printed for its route, as the seed's first user."""
    assert "; as ada:" in text
    curls = [line for line in text.splitlines() if line.startswith("curl ")]
    found = {stack: next(c for c in curls if end in c) for stack, end in ENDS.items()}
    return {stack: command.replace("{id}", "o1") for stack, command in found.items()}


def ask(command: str, user: str = "ada") -> Any:
    words = shlex.split(command)[1:]
    curl = ["curl", "--silent", "--fail", "-H", f"x-customer: {user}", *words]
    return json.loads(subprocess.run(curl, check=True, capture_output=True).stdout)


def found_in(team: Team, stack: str, path: str) -> str:
    """The mismatch at `path` that the stack's shadow has logged, if it has."""
    lines = team.runs("local", "logs", stack).splitlines()
    return next((line for line in lines if "mismatch" in line and path in line), "")


def wait_for(look: Callable[[], T], *, seconds: float = 20) -> T:
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return seen
