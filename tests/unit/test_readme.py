"""What the documents show is what there is: code compiles, commands exist, links lead somewhere."""

import ast
import builtins
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import pytest
import typer
from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2 import HttpMethod
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from botocore import xform_name
from typer.core import TyperArgument

from analysis.rules import AlarmName
from routes.get_user import candidate as new_code
from routes.get_user import control as old_code
from shadow_canary import Ramp
from shadow_canary.code import LOCKS, LockedLayer
from shadow_runtime.compare import Rules, Tolerance
from shadow_runtime.contract import MetricName
from shadow_runtime.user import claim
from shadowctl.cli import app
from shadowctl.equivalence import assert_equivalent
from shadowctl.pacts import assert_pacts_kept
from stacks import get_user

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
ADOPT = (ROOT / "docs/adopt.md").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]

NAMES: dict[str, Any] = {
    **vars(builtins),
    **vars(get_user),
    **vars(old_code),
    **vars(new_code),
    "Duration": Duration,
    "HttpLambdaIntegration": HttpLambdaIntegration,
    "HttpMethod": HttpMethod,
    "LOCKS": LOCKS,
    "LockedLayer": LockedLayer,
    "Ramp": Ramp,
    "Rules": Rules,
    "Tolerance": Tolerance,
    "assert_equivalent": assert_equivalent,
    "assert_pacts_kept": assert_pacts_kept,
    "Path": Path,
    "claim": claim,
    "json": json,
    "lambda_": lambda_,
    "timedelta": timedelta,
}
"""What a reader can import."""

ABSENT = {"bench/results.json", "constructs/__init__.py"}
"""Files that documents name and the repository must not hold."""

OWN = {"self", "api", "orders", "legacy_orders", "control"}
"""What a reader has: a stack, an API, a table, a route's modules."""


class Block(NamedTuple):
    where: str
    language: str
    text: str


def blocks() -> Iterator[Block]:
    for path in DOCUMENTS:
        text = path.read_text()
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(f"{path.relative_to(ROOT)}:{line}", found[1], found[2])


BLOCKS = {block.where: block for block in blocks()}
PYTHON = {where: block for where, block in BLOCKS.items() if block.language == "python"}


def commands() -> Iterator[tuple[str, str]]:
    """Where a command stands, and what it is: lines of `sh` blocks, and code in a line of text."""
    for where, block in BLOCKS.items():
        if block.language == "sh":
            for line in block.text.splitlines():
                yield where, line
        for line in re.findall(r"^\$ (.*)$", block.text, re.MULTILINE):
            yield where, line
    for path in DOCUMENTS:
        prose = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        for code in re.findall(r"`([^`]+)`", prose):
            if re.match(r"(python -m|shadowctl|make|npx|aws) ", code):
                yield str(path.relative_to(ROOT)), " ".join(code.split())


COMMANDS = sorted({(where, line.partition("#")[0].strip()) for where, line in commands()})


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_a_block_says_what_it_is(block: Block) -> None:
    assert block.language in {"python", "sh", "text"}


@pytest.mark.parametrize("block", PYTHON.values(), ids=PYTHON)
def test_code_runs_with_what_a_reader_can_import(block: Block) -> None:
    tree = ast.parse(block.text)
    used, bound = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add(other or name)
    free = used - bound
    assert free <= NAMES.keys() | OWN
    if not free & OWN:
        exec(compile(tree, block.where, "exec"), dict(NAMES))


@pytest.mark.parametrize("block", PYTHON.values(), ids=PYTHON)
def test_code_calls_with_arguments_that_there_are(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        match node:
            case ast.Call(func=ast.Name(id=name), keywords=keywords) if name in NAMES:
                called = NAMES[name]
                called = called.__init__ if inspect.isclass(called) else called
                given = {str(keyword.arg): None for keyword in keywords}
                inspect.signature(called).bind_partial(**given)


@pytest.mark.parametrize(("where", "command"), COMMANDS)
def test_a_command_exists_with_its_options(where: str, command: str) -> None:
    match shlex.split(command):
        case ["python", "-m", "shadowctl", *words] | ["shadowctl", *words]:
            known: Any = typer.main.get_command(app)
            while words and hasattr(known, "commands"):
                words = words[sum(isinstance(each, TyperArgument) for each in known.params) :]
                known, words = known.commands[words[0]], words[1:]
            assert options(words) <= {option for each in known.params for option in each.opts}
        case ["make", *words]:
            targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert {word for word in words if "=" not in word} <= {*targets}
        case ["aws", service, action, *_]:
            model = botocore.session.get_session().get_service_model(service)
            assert action in {xform_name(name, "-") for name in model.operation_names}
        case ["npx", "cdk", subcommand, *words]:
            registry = ROOT / "node_modules/aws-cdk/lib/cli/cli-type-registry.json"
            command_line = json.loads(registry.read_text())["commands"][subcommand]
            assert options(words) <= {f"--{name}" for name in command_line.get("options", {})}
        case words:
            assert words in ([], [".", ".venv/bin/activate"])


def options(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("--")}


def headings(path: Path) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    found = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not re.match(r"https?:", link):
            target, _, anchor = link.partition("#")
            found = path.parent / target if target else path
            assert found.exists(), link
            assert not anchor or anchor in headings(found), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_that_is_named_exists(path: Path) -> None:
    folders = "|".join(folder.name for folder in ROOT.iterdir() if folder.is_dir())
    named = re.findall(rf"`((?:{folders})/[\w./-]+\.\w+)`", path.read_text())
    assert {name for name in named if not (ROOT / name).exists()} <= ABSENT


def test_the_stack_in_the_readme_is_the_stack_of_the_sample() -> None:
    [shown] = re.findall(r"```python\n(class GetUser.*?)```", README, re.DOTALL)
    assert shown in (ROOT / "stacks" / "get_user.py").read_text()


def test_the_metrics_in_the_reference_are_those_that_are_written() -> None:
    _, table = (ROOT / "docs/reference.md").read_text().split("## Metrics")
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))
    assert sorted(named) == sorted(MetricName)


def test_the_alarms_in_the_reference_are_those_that_there_are() -> None:
    [table] = re.findall(r"## Alarms(.*?)## ", (ROOT / "docs/reference.md").read_text(), re.DOTALL)
    named = re.findall(r"^\| `([a-z-]+?)(?:-<version>)?`", table, re.MULTILINE)
    assert named == [*AlarmName]


def test_the_costs_that_are_told_are_those_of_the_plan() -> None:
    [plan] = (ROOT / "tests/snapshot/__snapshots__/test_plan").glob("*GetUser*.md")
    printed = plan.read_text()
    [total] = re.findall(r"\| all +\|.*\| +([\d.]+) \| +[\d.]+ \|", printed)
    [sampled] = re.findall(r"With `shadow_percent` 10: ([\d.]+) USD", printed)
    [told] = re.findall(r"costs (\d+) USD, half of it the shadow;\n(\d+) USD", ADOPT)
    assert told == (f"{float(total):.0f}", f"{float(sampled):.0f}")
    assert "The shadow is 48 % of it" in printed
