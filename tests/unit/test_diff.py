"""`shadowctl diff` of apps as they are: a stack that changed, came, went; in a Stage, nested."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shadowctl.diff import DiffError, diff
from tests.checkout import ROOT

Json = dict[str, Any]
TOPIC: Json = {"Type": "AWS::SNS::Topic"}
INNER: Json = {"Type": "AWS::CloudFormation::Stack"}
QUEUE: Json = {"Type": "AWS::SQS::Queue"}

APP = """
import json, os, pathlib

out = pathlib.Path(os.environ["CDK_OUTDIR"])
for name, content in json.loads(pathlib.Path("files.json").read_text()).items():
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text(json.dumps(content))
"""


def assembly(queue_is_there: bool, *more: str) -> Json:
    """The files of one with a Stage, in which a stack has another nested in it."""
    resources = {"Topic": TOPIC} | ({"Queue": QUEUE} if queue_is_there else {})
    table = {"Table": {"Type": "AWS::DynamoDB::Table"}} if queue_is_there else {}
    stack = {"type": "aws:cloudformation:stack"}
    stage = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "stage"}}
    nested = {"source": {"path": "ProdApiInner.nested.template.json"}}
    alone = {name: stack | {"properties": {"templateFile": "alone.template.json"}} for name in more}
    api = {
        **stack,
        "displayName": "Prod/Api (Prod-Api)",
        "properties": {"templateFile": "ProdApi.template.json", "stackName": "Prod-Api"},
    }
    return {
        "manifest.json": {"artifacts": {"stage": stage, **alone}},
        "alone.template.json": {"Resources": {"Topic": TOPIC}},
        "stage/manifest.json": {"artifacts": {"ProdApi": api}},
        "stage/ProdApi.template.json": {"Resources": {"Inner": INNER, **table}},
        "stage/ProdApi.assets.json": {"files": {"a": nested}},
        "stage/ProdApiInner.nested.template.json": {"Resources": resources},
    }


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app whose last commit has neither a queue nor the stack `New`, but `Old`."""
    monkeypatch.chdir(tmp_path)
    Path("cdk.json").write_text(json.dumps({"app": "python3 app.py"}))
    Path("app.py").write_text(APP)
    Path("node_modules").symlink_to(ROOT / "node_modules")
    Path("files.json").write_text(json.dumps(assembly(False, "Old")))
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "."], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, "commit", "--quiet", "-m", "first"], check=True)
    Path("files.json").write_text(json.dumps(assembly(True, "New")))
    return tmp_path


@pytest.mark.parametrize("name", ["Prod/Api", "Prod-Api"], ids=["by its path", "by its name"])
@pytest.mark.usefixtures("app")
def test_a_stack_of_a_stage_is_compared_with_what_is_nested_in_it(name: str) -> None:
    shown = "\n".join(map(str, diff(name, base="HEAD")))
    assert "[+] AWS::DynamoDB::Table Table" in shown
    assert "[+] AWS::SQS::Queue Queue" in shown
    assert "Topic" not in shown


@pytest.mark.usefixtures("app")
def test_a_new_stack_is_all_new_and_one_that_went_is_said_to_stay() -> None:
    assert "[+] AWS::SNS::Topic Topic" in "\n".join(map(str, diff("New", base="HEAD")))
    gone = "\n".join(map(str, diff("Old", base="HEAD")))
    assert gone.startswith("Old is in HEAD and not here: a deploy leaves it as it is")
    assert "1 AWS::SNS::Topic" in gone


@pytest.mark.usefixtures("app")
def test_a_stack_that_is_nowhere_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        DiffError, match="no stack 'Nope', neither in HEAD nor here; here are New, Prod"
    ):
        next(diff("Nope", base="HEAD"))
