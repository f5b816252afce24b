"""One comment: of any two apps, safe to show, and never longer than GitHub takes."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowctl.review import comment
from shadowctl.review.command import review
from shadowctl.review.markdown import CUT, MOST, code, fenced
from shadowctl.synthesis import SynthesisError

Json = dict[str, Any]
TOPIC: Json = {"Type": "AWS::SNS::Topic"}
QUEUE: Json = {"Type": "AWS::SQS::Queue"}


def written(folder: Path, **stacks: Json) -> str:
    """An assembly that is templates alone."""
    folder.mkdir()
    for name, resources in stacks.items():
        (folder / f"{name}.template.json").write_text(json.dumps({"Resources": resources}))
    return f"{folder}"


@pytest.fixture(autouse=True)
def without_the_cli(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody reads a diff: it takes a second each."""
    if "with_the_cli" not in request.fixturenames:
        monkeypatch.setattr(comment, "cdk_diff", lambda _before, _after, name: f"diff of {name}")


@pytest.fixture
def with_the_cli() -> None: ...


def test_what_is_the_same_is_said_in_one_line(tmp_path: Path) -> None:
    same = written(tmp_path / "same", Api={"A": TOPIC})
    shown, document, is_whole = review(same, same)
    assert shown.splitlines()[1:] == ["## Nothing that is deployed changes"]
    assert is_whole
    assert document["stacks"][0]["became"] == "same"


def test_each_stack_is_said_to_be_what_it_became(tmp_path: Path) -> None:
    many = {f"T{n}": TOPIC for n in range(4)}
    before = written(tmp_path / "a", Old=many, Gone={"Q": QUEUE}, Stays={"A": TOPIC})
    after = written(tmp_path / "b", New=many, Stays={"A": TOPIC}, Comes={"R": QUEUE})
    shown, document, _ = review(before, after)
    assert {each["path"]: each["became"] for each in document["stacks"]} == {
        "New": "renamed",
        "Stays": "same",
        "Comes": "added",
        "Gone": "removed",
    }
    assert "### `New`: renamed, it was `Old` (`Old`)" in shown
    assert "the old one stays beside it until it is destroyed" in shown
    assert "### `Gone`: removed" in shown
    assert "- `Comes`: new: 1 `AWS::SQS::Queue`" in shown
    assert "Stays" not in shown


def test_other_packages_are_said_beside_other_code(tmp_path: Path) -> None:
    sides = []
    for side in "ab":
        key = f"{side * 64}.zip"
        made = {
            "Reader1A2B3C4D": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Code": {"S3Key": key}},
            },
            "DatabaseLayer5E6F7A8B": {
                "Type": "AWS::Lambda::LayerVersion",
                "Properties": {"Content": {"S3Key": key}},
            },
        }
        sides.append(written(tmp_path / side, Api=made))
    assert review(*sides)[0].splitlines()[-1] == (
        "- `Api`: code only, of `reader`, and the packages of `database layer`"
    )


def app(folder: Path, command: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "cdk.json").write_text(json.dumps({"app": command}))


WRITES = """python3 -c '
import os, pathlib
out = pathlib.Path(os.environ["CDK_OUTDIR"]); out.mkdir()
(out / "Api.template.json").write_text(pathlib.Path("api.json").read_text())'"""


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app of two commits, of which the last one opens a route; and one that is broken."""
    folder = tmp_path / "app"
    app(folder, WRITES)
    route = {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"RouteKey": "GET /a"}}
    guarded = {**route["Properties"], "AuthorizationType": "JWT"}  # type: ignore[dict-item]
    monkeypatch.chdir(folder)
    git("init", "--quiet")
    for body in ({**route, "Properties": guarded}, route):
        Path("api.json").write_text(json.dumps({"Resources": {"Route": body}}))
        git("add", ".")
        git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "changes")
    return folder


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


def test_two_commits_are_compared(commits: Path) -> None:
    shown, document, is_whole = review("HEAD^", "HEAD")
    assert is_whole
    assert "**public** in `Api`: `GET /a` (`Route`) needs no authorization (before: `JWT`)" in shown
    assert [each["kind"] for each in document["stacks"][0]["findings"]] == ["public"]


def test_what_synthesis_warns_of_now_is_told(commits: Path) -> None:
    app(commits, f"echo 'WARNING @all see less' >&2; {WRITES}")
    Path("api.json").write_text(json.dumps({"Resources": {"Topic": TOPIC}}))
    assert "### Synthesis warns of it\n\n- `@all see less`" in review("HEAD", ".")[0]
    assert "warns of it" not in review(f"{commits}", "HEAD")[0], "it warned before"


def test_a_commit_is_compared_with_the_working_tree(commits: Path) -> None:
    Path("api.json").write_text(json.dumps({"Resources": {"Topic": TOPIC}}))
    assert "1 `AWS::SNS::Topic`" in review("HEAD", ".")[0]


@pytest.mark.parametrize("broken", ["base", "head"])
def test_an_app_that_does_not_synthesize_is_said_to_be_unknown(
    broken: str, commits: Path, tmp_path: Path
) -> None:
    app(tmp_path / "broken", "echo '@all <img src=x> ```' >&2; exit 3")
    sides = {"base": "HEAD^", "head": "HEAD"} | {broken: f"{tmp_path / 'broken'}"}
    shown, document, is_whole = review(**sides)
    assert not is_whole
    assert "broken` does not synthesize: nothing was reviewed" in shown
    assert "is **not known**" in shown
    assert "@all" in document["error"]
    assert outside_of_code(shown).count("@") == 0


def test_a_side_that_is_nothing_is_refused_by_name(commits: Path) -> None:
    with pytest.raises(SynthesisError, match="cannot read 'no-such-commit'"):
        review("no-such-commit", "HEAD")


HOSTILE = "@octocat <img src=x onerror=1> [a](https://evil.example) #1 `x` ``` \n## Fine\u202e"


def outside_of_code(markdown: str) -> str:
    """What GitHub reads as Markdown: without blocks and spans of code, by CommonMark's rules."""
    text = re.sub(r"^(`{3,})[^`\n]*\n.*?^\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", text)
    return re.sub(r"<code>[^<]*</code>", "", text)


def hostile(text: str) -> tuple[Json, Json]:
    """A template before and after in which each name that is shown is `text`."""
    role = {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [text]}}
    policy = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "Roles": [text],
            "PolicyDocument": {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": text,
                        "Resource": text,
                        "Principal": {text: text},
                        "Condition": {text: {text: text}},
                    }
                ]
            },
        },
    }
    properties = {"RouteKey": text, "AuthorizationType": text, "AuthorizerId": text}
    route = {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}
    open_route = {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"RouteKey": text}}
    other = {"Type": text, "Properties": {"KmsKeyId": text}}
    return (
        {f"{text}1": route, f"{text}2": other},
        {f"{text}1": open_route, f"{text}2": {"Type": text}, f"{text}3": policy, f"{text}4": role},
    )


def test_no_name_of_a_template_is_markup(tmp_path: Path) -> None:
    before, after = hostile(HOSTILE)
    for side, resources in (("a", before), ("b", after)):
        folder = Path(written(tmp_path / side, Api=resources))
        api = {
            "type": "aws:cloudformation:stack",
            "displayName": HOSTILE,
            "properties": {"templateFile": "Api.template.json"},
        }
        (folder / "manifest.json").write_text(json.dumps({"artifacts": {HOSTILE: api}}))
    shown, *_ = review(f"{tmp_path / 'a'}", f"{tmp_path / 'b'}")
    left = outside_of_code(shown).replace(comment.MARK, "")
    assert "octocat" in shown
    assert not re.findall(r"[@\[\]`\u202e]|<(?!/?details>|/?summary>)|https?:|#\d", left), left
    assert re.findall(r"^## .*", left, re.MULTILINE) == ["## Changes: 4 to security"]


@given(st.text())
def test_a_span_of_code_ends_where_it_should_whatever_is_in_it(text: str) -> None:
    span = code(text)
    assert "\n" not in span
    assert outside_of_code(f"a {span} b") == "a  b"


@given(st.text(), st.integers(200, 400))
def test_a_block_of_code_ends_where_it_should_and_fits(text: str, most: int) -> None:
    block = fenced(text, most=most)
    assert len(block) <= most
    assert outside_of_code(f"a\n{block}\nb") in ("a\n\nb", f"a\n{outside_of_code(CUT)}\nb")


@pytest.mark.parametrize("lines", [10, 1_000, 20_000])
def test_a_comment_is_never_longer_than_github_takes(
    lines: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comment, "cdk_diff", lambda *_, **__: "[+] something\n" * lines)
    before = written(tmp_path / "a", A={"T": TOPIC}, B={"T": TOPIC})
    after = written(tmp_path / "b", A={"Q": QUEUE}, B={"Q": QUEUE})
    shown, *_ = review(before, after)
    assert len(shown) <= MOST
    assert ("cut here" in shown) == (lines > 1_000)
    assert shown.count("<details>") == shown.count("</details>")


def test_of_too_many_findings_as_many_as_fit_are_shown(tmp_path: Path) -> None:
    name = "x" * 200
    many = {f"{name}{n}": {"Type": "AWS::IAM::AccessKey", "Properties": {}} for n in range(500)}
    shown, document, _ = review(
        written(tmp_path / "a", Api={"T": TOPIC}), written(tmp_path / "b", Api=many)
    )
    assert len(shown) <= MOST
    assert "cut here" in shown
    assert "### Security: look at these 500 first" in shown
    assert len(document["stacks"][0]["findings"]) == 500


@pytest.mark.usefixtures("with_the_cli")
def test_the_diff_is_that_of_the_cdk_cli(tmp_path: Path) -> None:
    before = written(tmp_path / "a", Api={"T": TOPIC}, Gone={"T": TOPIC})
    shown, *_ = review(before, written(tmp_path / "b", Api={"Q": QUEUE}))
    for line in ("[-] AWS::SNS::Topic T destroy", "[+] AWS::SQS::Queue Q"):
        assert line in shown
    assert "<summary><code>cdk diff</code> of <code>Gone</code>" in shown


@pytest.mark.usefixtures("with_the_cli")
def test_without_the_cdk_cli_all_the_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app(tmp_path, "true")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    before = written(tmp_path / "a", Api={"T": TOPIC})
    shown, _, is_whole = review(before, written(tmp_path / "b", Api={"Q": QUEUE}))
    assert is_whole
    assert "- `Api`: 1 `AWS::SNS::Topic`, 1 `AWS::SQS::Queue`" in shown
    assert "No `cdk diff` of `Api`: ``there is no CDK CLI" in shown.replace("`` ", "``")


ROUTES: Mapping[str, Json] = {
    "no template of ours": {},
    "metadata of another kind": {"shadow-canary:code": {"route": "a"}, "other": 1},
    "traffic that is none": {
        "shadow-canary:code": {"route": "a"},
        "shadow-canary:expected-traffic": {"users": "<b>"},
    },
}


@pytest.mark.parametrize("metadata", ROUTES.values(), ids=ROUTES)
def test_a_route_that_cannot_be_read_is_said_so(metadata: Json, tmp_path: Path) -> None:
    alias = {"Type": "AWS::Lambda::Alias", "Properties": {}, "Metadata": metadata}
    before = written(tmp_path / "a", Api={"ServiceAlias12345678": alias})
    after = written(tmp_path / "b", Api={"ServiceAlias12345678": alias, "T": TOPIC})
    shown, *_ = review(before, after)
    assert ("The rollout of `a` can't be read" in shown) == bool(metadata)
