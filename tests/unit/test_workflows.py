"""The workflows: pinned, with the least permissions, one comment, no long-lived key."""

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from shadowctl.review.comment import MARK
from tests.checkout import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(path.name for path in FOLDER.glob("*.yml"))
PINNED = re.compile(r"uses: ([\w-]+/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")

Job = dict[str, Any]


def workflow(name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text())
    return loaded


def jobs(name: str) -> dict[str, Job]:
    found: dict[str, Job] = workflow(name)["jobs"]
    return found


def steps(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for job, body in jobs(name).items():
        for step in body["steps"]:
            yield job, step


@pytest.mark.parametrize("name", FILES)
def test_every_action_is_pinned_by_its_commit_and_says_its_version(name: str) -> None:
    uses = [line for line in (FOLDER / name).read_text().splitlines() if "uses:" in line]
    assert [line for line in uses if not PINNED.search(line.strip().removeprefix("- "))] == []


def test_an_action_is_one_commit_everywhere() -> None:
    used = {
        PINNED.search(line) for name in FILES for line in (FOLDER / name).read_text().split("\n")
    }
    pins = {match.groups() for match in used if match}
    assert len({action for action, _, _ in pins}) == len(pins)


@pytest.mark.parametrize("name", FILES)
def test_a_token_may_write_only_where_it_is_needed(name: str) -> None:
    whole = workflow(name)["permissions"]
    assert whole in ({}, {"contents": "read"})
    given = {job: body.get("permissions", whole) for job, body in jobs(name).items()}
    more = {job: rights for job, rights in given.items() if {*rights.values()} - {"read"}}
    assert more == {
        "pull-request.yml": {"comment": {"pull-requests": "write"}},
        "deploy.yml": {
            job: {"contents": "read", "id-token": "write"} for job in ("shared", "routes")
        },
    }.get(name, {})


@pytest.mark.parametrize("name", FILES)
def test_no_branch_of_a_strangers_meets_a_token_that_can_write(name: str) -> None:
    triggers = workflow(name)[True]  # which is how YAML reads `on`
    assert "pull_request_target" not in triggers
    writers = [
        body
        for body in jobs(name).values()
        if "write" in body.get("permissions", {}).values() and "environment" not in body
    ]
    assert not [
        step for job in writers for step in job["steps"] if "checkout" in step.get("uses", "")
    ]


@pytest.mark.parametrize("name", FILES)
def test_nothing_that_others_wrote_becomes_a_command(name: str) -> None:
    assert not [step for _, step in steps(name) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("name", FILES)
def test_no_checkout_keeps_its_token_and_every_job_ends(name: str) -> None:
    for _, step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    assert all("timeout-minutes" in body for body in jobs(name).values())


def test_who_deploys_has_no_key_but_a_role_behind_a_gate() -> None:
    assert "secrets." not in (FOLDER / "deploy.yml").read_text()
    for job in (jobs("deploy.yml")[name] for name in ("shared", "routes")):
        assert job["environment"] == "production"
        assert "concurrency" in job
        [step] = [
            each for each in job["steps"] if "configure-aws-credentials" in each.get("uses", "")
        ]
        assert step["with"].keys() == {"role-to-assume", "aws-region"}
    routes = jobs("deploy.yml")["routes"]
    assert routes["concurrency"]["group"] == "deploy-${{ matrix.stack }}"
    assert "cancel-in-progress" not in routes["concurrency"], "no deployment is stopped half-way"


GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in
  *--paginate*) [ -z "$IDS" ] || printf '%s\\n' $IDS ;;
  *) [ -z "$REFUSES" ] || { echo "HTTP 403: Resource not accessible" >&2; exit 1; } ;;
esac
"""


def posting() -> dict[str, Any]:
    """The step that posts the review."""
    step: dict[str, Any]
    [step] = [each for each in jobs("pull-request.yml")["comment"]["steps"] if "run" in each]
    return step


def posted(folder: Path, *, ids: str = "", refuses: str = "") -> tuple[list[str], str]:
    """What the job `comment` asks of GitHub where it finds comments of those ids; its output."""
    command = folder / "gh"
    command.write_text(GH)
    command.chmod(command.stat().st_mode | stat.S_IEXEC)
    (folder / "review.md").write_text(f"{MARK}\n## A review\n")
    step = posting()
    ran = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "team/api",
            "PULL_REQUEST": "7",
            "CALLS": f"{folder / 'calls'}",
            "IDS": ids,
            "REFUSES": refuses,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return (folder / "calls").read_text().splitlines(), ran.stdout


def test_the_first_review_is_a_new_comment(tmp_path: Path) -> None:
    calls, _ = posted(tmp_path)
    assert calls[-1] == (
        "api --silent --method POST repos/team/api/issues/7/comments --field body=@review.md"
    )


def test_the_next_review_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    calls, _ = posted(tmp_path, ids="41 42")
    assert calls[-1] == (
        "api --silent --method PATCH repos/team/api/issues/comments/41 --field body=@review.md"
    )


def test_where_the_token_may_not_write_the_summary_is_pointed_at(tmp_path: Path) -> None:
    _, said = posted(tmp_path, refuses="yes")
    assert said.startswith("::warning::the review can't be posted; it stands in the summary")


def test_no_comment_of_anybody_elses_is_taken_for_ours() -> None:
    step = posting()
    assert MARK in step["run"]
    assert '.user.login == "github-actions[bot]"' in step["run"]


def test_a_pull_request_of_a_fork_is_not_commented() -> None:
    condition = jobs("pull-request.yml")["comment"]["if"]
    assert "head.repo.full_name == github.repository" in condition


STACKS = [
    {"path": "Platform", "is_nested": False, "became": "changed", "routes": []},
    {
        "path": "Prod/GetUser",
        "is_nested": False,
        "became": "code",
        "routes": [{"route": "get-user"}],
    },
    {"path": "Same", "is_nested": False, "became": "same", "routes": [{"route": "same"}]},
    {"path": "Gone", "is_nested": False, "became": "removed", "routes": [{"route": "gone"}]},
    {"path": "A, nested B", "is_nested": True, "became": "changed", "routes": []},
]


@pytest.mark.skipif(shutil.which("jq") is None, reason="GitHub's runners have jq, this has none")
@pytest.mark.parametrize("last", ["", "abc123"], ids=["the first time", "again"])
def test_only_what_changed_since_the_last_whole_run_is_deployed(last: str, tmp_path: Path) -> None:
    (tmp_path / "runner").mkdir()
    for name, script in {
        "gh": f"echo {last}",
        "python": 'echo "$*" > asked; echo "$STACKS"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    [step] = [step for _, step in steps("deploy.yml") if step.get("id") == "stacks"]
    subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "RUNNER_TEMP": f"{tmp_path / 'runner'}",
            "GITHUB_OUTPUT": f"{tmp_path / 'output'}",
            "GITHUB_STEP_SUMMARY": f"{tmp_path / 'summary'}",
            "STACKS": json.dumps({"stacks": STACKS, "markdown": "## A review"}),
        },
        check=True,
    )
    base = last or f"{tmp_path / 'runner' / 'nothing'}"
    assert (tmp_path / "asked").read_text() == f"-m shadowctl review {base} HEAD --json\n"
    assert (tmp_path / "output").read_text().splitlines() == [
        'shared=["Platform"]',
        'routes=["Prod/GetUser"]',
    ]
