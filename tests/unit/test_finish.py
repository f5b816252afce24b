"""`shadowctl finish`: what it makes of a team's own files, and what it leaves alone."""

import ast
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.register import Phase
from operations.answers import Answers
from shadow_runtime.contract import Position, Stage
from shadowctl.finish.command import objections
from shadowctl.finish.control import Control
from shadowctl.finish.function import PlainFunction
from shadowctl.finish.patch import patch, top_of
from shadowctl.finish.source import FinishError, Source
from shadowctl.finish.statement import Statement, find
from tests.fakes import FakeAppConfig
from tests.unit.datasets import PlayedDataset
from tests.unit.flags import CANARY, at, flag_on
from tests.unit.test_sample_ratio import Counted

STACK = '''"""Orders."""

from datetime import UTC, datetime

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic


class Orders(cdk.Stack):
    def __init__(self, scope: Construct, id_: str, table: dynamodb.ITable) -> None:
        super().__init__(scope, id_)
        # The one that everybody asks.
        service = ShadowCanaryService(
            self,
            "Service",
            route="orders",
            code=RouteCode("src/orders"),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
            ceiling=Stage.COMPLETE,
            expected_traffic=Traffic.per_day(1_000_000, users=50_000),
[arguments]        )
[uses]
'''
FUNCTION = PlainFunction(id="Orders", handler="src.orders.candidate.handler")


def stack(*uses: str, arguments: str = "") -> str:
    lines = "\n".join(f"        {line}" for use in uses for line in use.split("\n"))
    return STACK.replace("[uses]", lines).replace("[arguments]", arguments)


def finished(text: str, function: PlainFunction = FUNCTION) -> str:
    source = Source(Path("stack.py"), text)
    [statement] = [each for each in Statement.all_of(source) if each.route == "orders"]
    return function.replaces(statement).text


def after(*uses: str) -> str:
    """What becomes of what stands behind the service."""
    text = finished(stack(*uses)).partition("seconds(10),\n        )\n")[2]
    return "\n".join(line.removeprefix(" " * 8) for line in text.splitlines()).strip()


def test_the_statement_becomes_a_plain_function_and_all_else_stays() -> None:
    assert (
        finished(stack('platform.add_route("GET /orders", service.alias)'))
        == '''"""Orders."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from shadow_canary import RouteCode
from shadow_canary.code import LOCKS, LockedLayer


class Orders(cdk.Stack):
    def __init__(self, scope: Construct, id_: str, table: dynamodb.ITable) -> None:
        super().__init__(scope, id_)
        # The one that everybody asks.
        function = lambda_.Function(
            self,
            "Orders",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=RouteCode.finished("src/orders"),
            handler="src.orders.candidate.handler",
            layers=[
                LockedLayer(self, "OrdersRuntimeLayer", lock=LOCKS / "runtime.txt"),
                LockedLayer(self, "OrdersDatabaseLayer", lock=LOCKS / "database.txt"),
            ],
            memory_size=1024,
            timeout=cdk.Duration.seconds(10),
        )
        platform.add_route("GET /orders", function)
'''
    )


FOLLOW = {
    "alias": ("api.add(service.alias)", "api.add(function)"),
    "its own methods": ("service.alias.add_function_url()", "function.add_function_url()"),
    "a grant": ("table.grant_read_data(service.candidate)", "table.grant_read_data(function)"),
    "a side at a time": (
        "table.grant_read_data(service.candidate)\ntable.grant_read_data(service.shadow)",
        "table.grant_read_data(function)",
    ),
    "grant_candidate": (
        "service.grant_candidate(table.grant_read_data)  # reads",
        "table.grant_read_data(function)  # reads",
    ),
    "a lambda": (
        "service.grant_candidate(\n    lambda side: rds.connections.allow_from(side, f(side))\n)",
        "rds.connections.allow_from(function, f(function))",
    ),
    "grant_control": ("service.grant_control(legacy.grant_read_data)  # old", ""),
    "alarms of a team's": ("service.add_rollback_alarm(errors)\nservice.add_post_hook(h)", ""),
    "machinery": ("service.topic.add_subscription(EmailSubscription('a@b.c'))", ""),
    "an output": ("cdk.CfnOutput(self, 'Topic', value=service.topic.topic_arn)", ""),
    "keywords": (
        "platform.grant(candidate=service.candidate, shadow=service.shadow)",
        "platform.grant(candidate=function)",
    ),
    "keywords, one a line": (
        "platform.grant(\n    shadow=service.shadow,  # cannot write\n"
        "    candidate=service.candidate,  # may\n)",
        "platform.grant(\n    candidate=function,  # may\n)",
    ),
    "a loop over both": (
        "for side in (service.candidate, service.shadow):\n    table.grant_read_data(side)",
        "for side in (function,):\n    table.grant_read_data(side)",
    ),
    "a loop over what goes": (
        "for side in (service.function, service.shadow):\n    # legacy\n    old.grant(side)",
        "",
    ),
    "a loop that ends in a comma": (
        "for side in (service.shadow, service.candidate,):\n    table.grant(side)",
        "for side in (function,):\n    table.grant(side)",
    ),
    "three of them": (
        "sides = [service.function, service.candidate, service.shadow]",
        "sides = [function]",
    ),
    "a dictionary": (
        'for role, side in {"candidate": service.candidate, "shadow": service.shadow}.items():\n'
        "    grant(role, side)",
        'for role, side in {"candidate": function}.items():\n    grant(role, side)',
    ),
    "a condition": ("if prod:\n    service.add_rollback_alarm(errors)\nelse:\n    f()", None),
    "a block of its own": ("if prod:\n    service.add_rollback_alarm(errors)", ""),
    "a nested block": ("for a in alarms:\n    if a:\n        service.add_rollback_alarm(a)", ""),
    "tags": ('cdk.Tags.of(service).add("team", "o")', 'cdk.Tags.of(function).add("team", "o")'),
    "a dependency": ("service.node.add_dependency(t)", "function.node.add_dependency(t)"),
    "an attribute": ("self.alias = service.alias", "self.alias = function"),
}


@pytest.mark.parametrize(("uses", "expected"), FOLLOW.values(), ids=FOLLOW)
def test_the_function_has_what_alias_and_candidate_had_and_the_rest_goes(
    uses: str, expected: str | None
) -> None:
    if expected is None:
        expected = "if prod:\n    pass\nelse:\n    f()"
    assert after(uses) == expected
    assert after(f"before = 1\n{uses}\nbehind = 2") == "\n".join(
        filter(None, ["before = 1", expected, "behind = 2"])
    )


NOT_UNDERSTOOD = {
    "handed on": ("watch(service)", "line 25, hands on service as a whole"),
    "returned": ("return service", "hands on service as a whole"),
    "kept": ("topic = service.topic", "makes something of service.topic, which goes"),
    "two statements": ("service.grant_control(g); f()", "holds more than one statement"),
    "nothing left": ("sides = [service.shadow]", "is left with nothing to do"),
    "inside of a text": ('name = f"{service.alias.function_name}"', "inside of an f-string"),
}


@pytest.mark.parametrize(("use", "said"), NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_a_use_that_has_no_like_is_said_with_its_line(use: str, said: str) -> None:
    if "f-string" in said and not hasattr(ast, "TypeAlias"):
        with pytest.raises(FinishError, match=f"^stack.py, .*{said}"):
            finished(stack(use))
    elif "f-string" in said:
        assert after(use) == use.replace("service.alias", "function")
    else:
        with pytest.raises(FinishError, match=f"^stack.py, .*{said}"):
            finished(stack(use))


SHAPES = {
    "an attribute of the stack": (
        ("service = Shadow", "self.service = Shadow"),
        "api.add(self.service.alias)",
        "api.add(self.function)",
    ),
    "a name of the team's": (
        ("service = Shadow", "orders = Shadow"),
        "api.add(orders.alias)",
        "api.add(orders)",
    ),
    "a part of a name": (
        ("service = Shadow", "order_service = Shadow"),
        "api.add(order_service.alias)",
        "api.add(order_function)",
    ),
    "a name that is taken": (
        ("service = Shadow", "function = 1\n        service = Shadow"),
        "api.add(service.alias)",
        "api.add(service)",
    ),
    "a type": (
        ("service = Shadow", "service: ShadowCanaryService = Shadow"),
        "api.add(service.alias)",
        "function: lambda_.Function = lambda_.Function(",
    ),
    "another import": (
        ("ShadowCanaryService, Stage", "ShadowCanaryService as Service, Stage"),
        "api.add(service.alias)",
        "api.add(function)",
    ),
    "a route by its name": (
        ('route="orders"', "route=ROUTE"),
        'ROUTE = "orders"',
        'ROUTE = "orders"',
    ),
    "code by its name": (
        ('code=RouteCode("src/orders")', "code=code"),
        'code = RouteCode("src/orders")',
        'code = RouteCode.finished("src/orders")',
    ),
}


@pytest.mark.parametrize(("replaced", "use", "expected"), SHAPES.values(), ids=SHAPES)
def test_the_statement_may_be_written_in_any_usual_way(
    replaced: tuple[str, str], use: str, expected: str
) -> None:
    text = stack(use).replace(*replaced)
    if "as Service" in text:
        text = text.replace("= ShadowCanaryService(", "= Service(")
    done = finished(text)
    assert expected in done
    assert "ShadowCanaryService" not in done
    ast.parse(done)


NO_SHAPES = {
    "a loop's": ('route="orders"', "route=name", "no ShadowCanaryService"),
    "arguments elsewhere": ("ceiling=Stage.COMPLETE", "**options", "not written there"),
    "part of a call": ("service = Shadow", "api.add(Shadow", "inside of another expression"),
    "code that is made": ('RouteCode("src/orders")', "made()", "no RouteCode"),
    "two names": ("service = Shadow", "self.a, service = 1, Shadow", "inside of another"),
}


@pytest.mark.parametrize(("old", "new", "said"), NO_SHAPES.values(), ids=NO_SHAPES)
def test_a_shape_that_is_not_understood_is_said(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    text = stack().replace(old, new)
    if "api.add(" in new:
        text = text.replace("        )\n", "        ))\n")
    (tmp_path / "stack.py").write_text(text)
    with pytest.raises(FinishError, match=said):
        FUNCTION.replaces(find(tmp_path, "orders"))


def test_what_the_candidate_was_given_the_function_is_given() -> None:
    given = {
        "environment": '{"TABLE": table.table_name}  # read\n',
        "layers": "[numbers]",
        "requirements": '"requirements.txt"',
        "runtime": "lambda_.Runtime.PYTHON_3_12",
        "architecture": "lambda_.Architecture.X86_64",
        "vpc": "vpc",
        "vpc_subnets": "subnets",
        "security_groups": "[group]",
        "timeout": "cdk.Duration.seconds(29)",
        "candidate_memory_size": "2048",
        "log_retention": "logs.RetentionDays.ONE_YEAR",
        "encryption_key": "key",
        "memory_size": "512",
        "candidate_deadline": "cdk.Duration.seconds(3)",
        "provisioned_concurrent_executions": "2",
    }
    arguments = "".join(f"            {key}={value.strip()},\n" for key, value in given.items())
    arguments = arguments.replace("  # read,", ",  # read")
    done = ast.parse(finished(stack("api.add(service.alias)", arguments=arguments)))
    [call] = [
        node
        for node in ast.walk(done)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lambda_.Function"
    ]
    assert {each.arg: ast.unparse(each.value) for each in call.keywords} == {
        "runtime": "lambda_.Runtime.PYTHON_3_12",
        "architecture": "lambda_.Architecture.X86_64",
        "code": "RouteCode.finished('src/orders')",
        "handler": "'src.orders.candidate.handler'",
        "layers": (
            "[LockedLayer(self, 'OrdersRuntimeLayer', lock=LOCKS / 'runtime.txt', "
            "runtime=lambda_.Runtime.PYTHON_3_12, architecture=lambda_.Architecture.X86_64), "
            "LockedLayer(self, 'OrdersDatabaseLayer', lock=LOCKS / 'database.txt', "
            "runtime=lambda_.Runtime.PYTHON_3_12, architecture=lambda_.Architecture.X86_64), "
            "LockedLayer(self, 'OrdersRequirementsLayer', lock='requirements.txt', "
            "runtime=lambda_.Runtime.PYTHON_3_12, architecture=lambda_.Architecture.X86_64), "
            "*[numbers]]"
        ),
        "memory_size": "2048",
        "timeout": "cdk.Duration.seconds(29)",
        "environment": "{'TABLE': table.table_name}",
        "vpc": "vpc",
        "vpc_subnets": "subnets",
        "security_groups": "[group]",
        "log_group": (
            "logs.LogGroup(self, 'OrdersLogs', retention=logs.RetentionDays.ONE_YEAR, "
            "encryption_key=key)"
        ),
    }


def test_comments_stay_with_the_arguments_that_stay() -> None:
    arguments = """            # What it reads.
            # And nothing else.
            environment={
                "TABLE": table.table_name,  # of orders
            },  # as text
            error_rate_percent=3,  # of the canary
            candidate_memory_size=2048,  # measured
"""
    done = finished(stack("api.add(service.alias)", arguments=arguments))
    assert (
        """            memory_size=2048,  # measured
            timeout=cdk.Duration.seconds(10),
            # What it reads.
            # And nothing else.
            environment={
                "TABLE": table.table_name,  # of orders
            },  # as text
        )
"""
        in done
    )
    assert "of the canary" not in done


SECOND = """        service = ShadowCanaryService(
            self, "Catalogue", route="catalogue", code=RouteCode("src/catalogue"), **more
        )
        api.add("catalogue", service.alias)
"""


@pytest.mark.parametrize("order", ["first", "last"])
def test_of_two_services_with_one_name_each_keeps_its_own_uses(order: str) -> None:
    own = stack('api.add("orders", service.alias)')
    begin = own.index("        # The one")
    text = own + SECOND if order == "first" else own[:begin] + SECOND + own[begin:]
    done = finished(text)
    ours = (
        'api.add("orders", service)'
        if "service = lambda_" in done
        else 'api.add("orders", function)'
    )
    assert ours in done
    assert 'api.add("catalogue", service.alias)' in done
    assert "ShadowCanaryService, Stage" not in done
    assert "from shadow_canary import RouteCode, ShadowCanaryService\n" in done


def test_an_import_that_is_there_is_used_as_it_is_called() -> None:
    text = stack("api.add(service.alias)").replace(
        "from aws_cdk import aws_dynamodb as dynamodb",
        "from aws_cdk import Duration\nfrom aws_cdk import aws_dynamodb as dynamodb\n"
        "from aws_cdk import aws_lambda as awslambda",
    )
    done = finished(text)
    assert "function = awslambda.Function(" in done
    assert done.count("import aws_lambda") == 1
    assert "timeout=Duration.seconds(10)" in done


def test_line_ends_of_windows_and_letters_beyond_ascii_stay() -> None:
    text = stack('api.add("Bücher/größer", service.alias)  # schön').replace("\n", "\r\n")
    done = finished(text)
    assert done.count("\r\n") == done.count("\n")
    assert 'api.add("Bücher/größer", function)  # schön\r\n' in done


COMMENTS = st.lists(st.from_regex(r"# [a-zé ]{1,12}", fullmatch=True), min_size=1, max_size=4)


@given(COMMENTS, st.data())
def test_no_comment_around_the_statement_is_lost(comments: list[str], data: st.DataObject) -> None:
    lines = stack("api.add(service.alias)", "x = 1", "y = [x]").split("\n")
    begin, end = (
        lines.index("        # The one that everybody asks.") + 1,
        lines.index("        )") + 1,
    )
    kept = []
    for comment in comments:
        at = data.draw(st.sampled_from([*range(10, begin), *range(end, len(lines))]))
        indent = " " * (8 if at >= begin - 2 else 0)
        lines.insert(at, indent + comment)
        kept.append(indent + comment)
        begin, end = (begin + 1, end + 1) if at < begin else (begin, end)
    done = finished("\n".join(lines)).split("\n")
    assert sorted(line for line in done if line in kept) == sorted(kept)


# What speaks against it


UNTIL = datetime(2030, 1, 15, 9, tzinfo=UTC)


def answered(control: int, candidate: int) -> Callable[[], Answers]:
    return lambda: Answers(control, candidate, UNTIL)


def unasked() -> Answers:
    raise AssertionError("nobody needs to look who answered")


def against(
    appconfig: FakeAppConfig, answers: Callable[[], Answers], ceiling: Stage = Stage.COMPLETE
) -> list[str]:
    return objections("orders", flag_on(appconfig), ceiling, answers)


@pytest.mark.parametrize(
    "stage", [Stage.OFF, Stage.SHADOW, CANARY, Stage.LIVE], ids=["off", "shadow", "canary", "live"]
)
def test_only_what_is_complete_is_finished(stage: Stage) -> None:
    said = [f"orders is at {stage}, and only what is complete can be finished"]
    assert against(at(stage), unasked) == said
    assert against(at(Stage.COMPLETE), unasked, ceiling=stage) == said
    assert against(at(Stage.COMPLETE), answered(0, 1)) == []


@pytest.mark.parametrize("phase", [Phase.OFF, Phase.SYNCED, Phase.SWITCHED])
def test_a_route_whose_control_may_be_the_authority_again_is_not_finished(phase: Phase) -> None:
    flag, played = flag_on(at(Stage.COMPLETE)), PlayedDataset(phase)
    [said] = objections("orders", flag, Stage.COMPLETE, answered(0, 1), played.function())
    assert said.startswith("orders: complete needs Users/users at complete, and it is at")
    played = PlayedDataset(Phase.COMPLETE)
    assert objections("orders", flag, Stage.COMPLETE, answered(0, 1), played.function()) == []


def test_what_is_on_its_way_or_cannot_be_read_is_not_finished() -> None:
    appconfig = at(Stage.LIVE)
    appconfig.move(Position(Stage.COMPLETE), "raise0")
    assert against(appconfig, unasked) == [
        "orders: a change of the flag is under way (DEPLOYING); wait for it"
    ]
    [said] = against(FakeAppConfig(b"off"), unasked)
    assert said == "orders: what the flag says cannot be read; move it to off first"


@pytest.mark.parametrize(
    ("control", "candidate", "said"),
    [
        (1, 9_000, "control answered 1 requests in the 48 hours before 2030-01-15 09:00 UTC, the"),
        (5, 0, "control answered 5 requests in the 48 hours"),
        (0, 0, "nobody asked in the 48 hours before 2030-01-15 09:00 UTC, so that nothing shows"),
    ],
    ids=["control once", "control alone", "nobody"],
)
def test_control_must_have_answered_nobody_and_the_candidate_somebody(
    control: int, candidate: int, said: str
) -> None:
    [objection] = against(at(Stage.COMPLETE), answered(control, candidate))
    assert objection.startswith(f"orders: {said}")


def test_answers_are_counted_for_48_hours_by_the_side_that_gave_them() -> None:
    aws = Counted(control=7, candidate=500)
    assert Answers.read(aws.client("cloudwatch"), "Orders/orders", until=UNTIL) == Answers(
        7, 500, UNTIL
    )
    assert aws.asked["EndTime"] - aws.asked["StartTime"] == timedelta(hours=48)
    metrics = [query["MetricStat"]["Metric"] for query in aws.asked["MetricDataQueries"]]
    assert {metric["MetricName"] for metric in metrics} == {"Requests"}
    assert [each["Value"] for metric in metrics for each in metric["Dimensions"]] == [
        *("Orders/orders", "control"),
        *("Orders/orders", "candidate"),
    ]


# Control, and what imports it


CONTROL = '''"""The old code."""

from shadow_runtime.migrating import migrating

ROWS = {  # fill in
    "1": "the first",
}
LATER = dict(ROWS)


@migrating
def handler(request):
    return ROWS
'''


def removed(folder: Path, files: Mapping[str, str]) -> tuple[dict[str, str | None], list[str]]:
    for name, text in {"src/orders/control.py": CONTROL, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    control = Control(folder / "src/orders/control.py", "orders.control", folder / "src")
    done = control.removed(folder)
    texts = {str(path.relative_to(folder)): text for path, text in done.files.items()}
    return texts, [each.replace(f"{folder}/", "") for each in done.left]


def test_a_seed_that_imports_rows_of_control_has_them_itself_afterwards(tmp_path: Path) -> None:
    imports = "from orders.control import ROWS\nfrom orders.models import Row\n"
    seed = f"{imports}\n\ndef seed(engine):\n    Row(ROWS)\n"
    files, left = removed(tmp_path, {"src/orders/seed.py": seed})
    assert files["src/orders/control.py"] is None
    assert files["src/orders/seed.py"] == (
        'from orders.models import Row\n\nROWS = {  # fill in\n    "1": "the first",\n}\n'
        "\n\ndef seed(engine):\n    Row(ROWS)\n"
    )
    assert left == []


@pytest.mark.parametrize("relative", ["from .control import ROWS", "from . import control"])
def test_an_import_by_a_relative_name_is_seen(tmp_path: Path, relative: str) -> None:
    name = relative.rsplit(maxsplit=1)[-1]
    files = {"src/orders/candidate.py": f"{relative}\n\n\ndef handler():\n    return {name}\n"}
    if name == "ROWS":
        assert "ROWS = {" in str(removed(tmp_path, files)[0]["src/orders/candidate.py"])
    else:
        with pytest.raises(FinishError, match=r"candidate.py, line 1, needs what is in .*control"):
            removed(tmp_path, files)


def test_what_is_no_data_is_no_copy(tmp_path: Path) -> None:
    for name in ("LATER", "handler"):
        files = {"src/orders/candidate.py": f"from orders.control import {name}\n"}
        with pytest.raises(FinishError, match="move that first"):
            removed(tmp_path, files)


def test_a_test_of_both_sides_goes_and_others_are_named(tmp_path: Path) -> None:
    head = "from orders import candidate, control\n\n\n"
    alike = "def test_alike():\n    assert_equivalent(control.handler, candidate.handler)\n"
    files, left = removed(
        tmp_path,
        {
            "tests/test_orders.py": head + alike,
            "tests/test_more.py": head + alike + "\n\ndef test_new():\n    candidate.handler()\n",
            "bench/old.py": "import orders.control\n",
            "tests/test_flight_control.py": "def test_tower():\n    pass\n",
        },
    )
    assert files == {"src/orders/control.py": None, "tests/test_orders.py": None}
    assert left == [
        "tests/test_more.py, line 1, tests control too: see what of",
        "bench/old.py, line 1, imports control: take that out",
    ]


# The diff


@pytest.mark.parametrize("is_repository", [True, False], ids=["in a repository", "in a folder"])
@pytest.mark.parametrize("ends", ["\n", "", "\r\n"], ids=["newline", "none", "windows"])
def test_git_applies_the_diff_to_the_byte(tmp_path: Path, ends: str, is_repository: bool) -> None:
    app = tmp_path / "infra"
    app.mkdir()
    old, gone = app / "a stack.py", app / "control.py"
    new = f"1\n2\nnew\n4\n5\n6\n7\n8\n9{ends}"
    old.write_bytes(f"1\n2\n3\n4\n5\n6\n7\n8{ends}".encode())
    gone.write_bytes(f"x = 1{ends}".encode())
    gone.chmod(0o755)
    if is_repository:
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    diff = patch({old: new, gone: None}, top_of(app))
    said = f"overridden, a test: {{}}\n{diff}next: git apply\n"
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn"], cwd=app, input=said.encode(), check=True
    )
    assert old.read_bytes() == new.encode()
    assert not gone.exists()


def test_the_one_statement_of_a_route_is_found_wherever_it_stands(tmp_path: Path) -> None:
    for name in (".venv/lib/x.py", "node_modules/x.py", "cdk.out/asset/x.py", "tests/test_x.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(stack())
    with pytest.raises(FinishError, match=r"no ShadowCanaryService\(…, route='orders'\) in"):
        find(tmp_path, "orders")
    (tmp_path / "deep/in/it").mkdir(parents=True)
    (tmp_path / "deep/in/it/stack.py").write_text(stack())
    assert find(tmp_path, "orders").source.path == tmp_path / "deep/in/it/stack.py"
    (tmp_path / "again.py").write_text(stack())
    with pytest.raises(
        FinishError, match=r"again.py, line 16 and .*stack.py, line 16 make a route"
    ):
        find(tmp_path, "orders")
