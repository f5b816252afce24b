"""The sample is an example: everything else stands without it."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowctl.new_route.names import Names
from shadowctl.synthesis import offline

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("analysis", "constructs", "lambdas", "localaws", "shadowctl", "stacks")
SAMPLE = (
    "lambdas/datasets",
    "lambdas/routes",
    "stacks/get_user.py",
    "stacks/list_posts.py",
    "stacks/update_user.py",
    "stacks/users.py",
)
OF_THE_SAMPLE = (
    "tests/audit",
    "tests/local",
    "tests/routes",
    "tests/snapshot",
    "tests/runtime/front_doors/test_counts.py",
    "tests/unit/test_readme.py",
)
"""Its own tests: what its routes answer, what its stacks hold, how it behaves, how it is shown."""

IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout without the sample and its own tests."""
    copy = tmp_path_factory.mktemp("rest")
    for name in (*ROOMS, "bench", "docs", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("cdk.json", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    for name in (*SAMPLE, *OF_THE_SAMPLE):
        path = copy / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    stacks = [Path(name).stem for name in SAMPLE if name.startswith("stacks")]
    named = "|".join(name for each in stacks for name in (each, Names.of(each).stack))
    app = [line for line in lines(ROOT / "app.py") if not re.search(named, line)]
    assert len(app) == len(lines(ROOT / "app.py")) - 2 * len(stacks)
    (copy / "app.py").write_text("".join(app))
    return copy


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def run(rest: Path, *arguments: str, **variables: str) -> str:
    """Runs Python in the copy, where no module of this checkout is found; what it printed."""
    roots = [rest, rest / "constructs", rest / "lambdas", Path(sysconfig.get_path("purelib"))]
    ran = subprocess.run(
        [sys.executable, "-S", *arguments],  # without the .pth file that names this checkout
        cwd=rest,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots)), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def modules(rest: Path) -> Iterator[str]:
    for room in ROOMS:
        root = rest / room if room in ("constructs", "lambdas") else rest
        for path in (rest / room).rglob("*.py"):
            if path.name not in ("__init__.py", "__main__.py"):
                yield ".".join(path.relative_to(root).with_suffix("").parts)


def test_every_module_imports(rest: Path) -> None:
    found = [*modules(rest)]
    assert {"localaws.demo", "localaws.up", "shadowctl.cli", "shadow_runtime.tee"} <= {*found}
    run(rest, "-c", IMPORT_ALL, *found)


@pytest.fixture(scope="module")
def assembly(rest: Path) -> Path:
    run(rest, "app.py", **offline(rest, rest / "cdk.out"))
    return rest / "cdk.out"


def test_the_app_synthesizes(assembly: Path) -> None:
    stacks = {path.name for path in assembly.glob("*.template.json")}
    assert stacks == {"Platform.template.json"}


def test_every_other_test_can_be_collected(rest: Path) -> None:
    collect = ("-m", "pytest", "--collect-only", "--assert=plain", "-q", "tests")
    assert "test_tee.py" in run(rest, *collect)


def test_the_demo_says_that_there_is_nothing_to_show(rest: Path, assembly: Path) -> None:
    imports = "from pathlib import Path; from localaws.demo import samples_of"
    said = run(
        rest,
        "-c",
        f"""
{imports}
try: samples_of(Path({str(assembly)!r}))
except Exception as e: print(e)
""",
    )
    assert said.startswith("there is no sample to show")
    assert said.count("\n") == 1
