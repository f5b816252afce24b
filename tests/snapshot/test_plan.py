"""A plan is read in a pull request: it is whole, stable, and without what nobody can read."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from shadow_runtime.contract import Dimension, MetricName, Stage
from shadowctl.plan.plan import plan
from shadowctl.plan.usage import OF_ROUTE, OF_SHADOW, By
from shadowctl.plan.usage import written as paid_for
from tests.checkout import ROOT
from tests.reading import Template
from tests.snapshot.written import shape


class Markdown(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "md"


@pytest.fixture(scope="session")
def get_users(assembly: Path) -> str:
    return plan(assembly, "GetUser")


def test_the_plan_of_the_sample(get_users: str, snapshot: SnapshotAssertion) -> None:
    assert get_users == snapshot(name="GetUser", extension_class=Markdown)


@pytest.mark.usefixtures("few_plays")
def test_the_plan_of_a_route_that_writes_says_what_a_write_takes(assembly: Path) -> None:
    shown = " ".join(plan(assembly, "UpdateUser").split())
    assert "The route writes `Users/users`, which it shares with `GetUser/get-user`." in shown
    assert "from `dual` on also a message to the reconciler, and a copy" in shown
    assert "A write costs more than a read by 4.46 USD a million: 3 read units of" in shown


def test_a_plan_is_a_pure_function_of_the_assembly(assembly: Path, get_users: str) -> None:
    elsewhere = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C.UTF-8"}
    ran = subprocess.run(
        [sys.executable, "-m", "shadowctl", "plan", "GetUser", "--cdk-out", assembly],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **elsewhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.returncode) == (f"{get_users}\n", 0), ran.stderr


def test_a_plan_holds_no_hash_and_no_logical_id(get_users: str, get_user: Template) -> None:
    words = set(re.findall(r"\w+", get_users))
    assert not words & set(get_user["Resources"])
    assert not [word for word in words if re.fullmatch(r"(?=.*[a-f])(?=.*\d)[0-9a-fA-F]{8,}", word)]


def test_a_plan_fits_into_100_columns(get_users: str) -> None:
    assert max(map(len, get_users.splitlines())) <= 100


def test_a_plan_names_every_alarm_once(get_users: str) -> None:
    named = re.findall(r"^- `([a-z-]+)`: ", get_users, re.MULTILINE)
    assert named == [
        *("code-error-rate", "code-latency", "code-mismatch-rate"),
        *("candidate-error-rate", "candidate-latency-ratio", "candidate-mismatch-rate"),
        *("copies-lost", "flag-age", "operations-dead-letters", "shadow-dead"),
    ]


@pytest.mark.usefixtures("few_plays")
@pytest.mark.parametrize(
    ("ceiling", "stages"),
    [
        ("off", ["off"]),
        ("shadow", ["off", "shadow"]),
        ("canary(5%)", ["off", "shadow", "canary(5%)"]),
        ("live", ["off", "shadow", "canary(1%)", "live"]),
        ("complete", ["off", "shadow", "canary(1%)", "live", "complete"]),
    ],
)
def test_a_plan_shows_no_stage_beyond_the_ceiling(
    ceiling: str, stages: list[str], assembly: Path, tmp_path: Path
) -> None:
    template = (assembly / "GetUser.template.json").read_text()
    text, ceilings = re.subn(r'(?<="SHADOW_CANARY_CEILING": ")[^"]+', ceiling, template)
    assert ceilings == 3
    (tmp_path / "GetUser.template.json").write_text(text)
    shutil.copy(assembly / "Users.template.json", tmp_path)  # of its dataset
    shown = plan(tmp_path, "GetUser")
    [table] = re.findall(r"\n\| stage .*\n\|-.*\n((?:\|.*\n)+)", shown)
    assert [row.split()[1] for row in table.splitlines()] == stages


def test_every_metric_that_the_runtime_writes_is_paid_for(written: set[str]) -> None:
    kinds = {
        shape(name, _dimensions(by))
        for of in (OF_ROUTE, OF_SHADOW)
        for name, by in paid_for(of, Stage.COMPLETE)
    }
    assert written - kinds == set()
    rare = {shape(MetricName.NOISE, {"Route": "GetUser/get-user", "Path": "$.a"})}
    assert kinds - written == rare


def _dimensions(by: By) -> dict[str, str]:
    return {Dimension.ROUTE.value: "GetUser/get-user"} | {
        name.value: each or "1" for name, each in by
    }
