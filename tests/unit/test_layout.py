"""Folders are the architecture: who may import whom."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import constructs
import pytest

ROOT = Path(__file__).resolve().parents[2]

MAY_IMPORT = {
    "app.py": {"stacks"},
    "stacks": {"stacks", "shadow_canary", "shadow_runtime"},
    "constructs": {"shadow_canary", "analysis", "dataset", "judge", "shadow_runtime"},
    "analysis": {"analysis", "judge", "shadow_runtime"},
    "lambdas/shadow_runtime": {"shadow_runtime"},
    "lambdas/custom_resource": {"custom_resource", "shadow_runtime"},
    "lambdas/dataset": {"dataset", "shadow_runtime"},
    "lambdas/dataset_runtime": {"dataset", "dataset_runtime", "shadow_runtime"},
    "lambdas/datasets": {"dataset", "dataset_runtime", "datasets", "shadow_runtime"},
    "lambdas/judge": {"judge", "shadow_runtime"},
    "lambdas/operations": {"custom_resource", "dataset", "operations", "judge", "shadow_runtime"},
    "lambdas/pretraffic": {"custom_resource", "pretraffic", "shadow_runtime"},
    "lambdas/routes": {"dataset_runtime", "datasets", "routes", "shadow_runtime"},
    "localaws": {
        *("localaws", "shadowctl", "analysis", "dataset", "judge", "operations", "shadow_runtime"),
    },
    "shadowctl": {
        *("shadowctl", "localaws", "analysis", "dataset", "judge", "operations", "shadow_runtime"),
    },
}
ROOMS = {*("app", "bench", "localaws", "shadowctl", "tests"), *set().union(*MAY_IMPORT.values())}

CDK = {"aws_cdk", "constructs", "cdk_nag"}
AWS = {"boto3", "botocore", "aws_lambda_powertools"}
KNOWS_NOTHING_OF = {
    "stacks": AWS,
    "constructs": AWS,
    "analysis": {*CDK, *AWS},
    "lambdas": CDK,
    "lambdas/dataset": AWS,
    "lambdas/judge": AWS,
}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_one_way(room: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for path, module in imports(ROOT / room)
        if module.partition(".")[0] in ROOMS - MAY_IMPORT[room]
    }
    assert not found


@pytest.mark.parametrize("room", KNOWS_NOTHING_OF)
def test_a_room_knows_nothing_of_what_it_has_no_use_for(room: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for path, module in imports(ROOT / room)
        if module.partition(".")[0] in KNOWS_NOTHING_OF[room]
    }
    assert not found


def test_a_route_imports_no_other_route() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in (ROOT / "lambdas" / "routes").iterdir()
        for path, module in imports(folder)
        if module.startswith("routes") and not module.startswith(f"routes.{folder.name}")
    }
    assert not found


def test_synthesis_and_reckoning_know_nothing_of_the_runtime_but_its_contract() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in ("constructs", "stacks", "analysis", "lambdas/dataset", "lambdas/judge")
        for path, module in imports(ROOT / folder)
        if module.startswith("shadow_runtime") and module != "shadow_runtime.contract"
    }
    assert not found


def test_the_contract_needs_the_standard_library_alone() -> None:
    contract = ROOT / "lambdas" / "shadow_runtime"
    found = {module for path, module in imports(contract) if path.name == "contract.py"}
    assert found
    assert {module.partition(".")[0] for module in found} <= sys.stdlib_module_names


def test_what_a_route_ships_needs_no_package_but_the_aws_sdk() -> None:
    found = {module.partition(".")[0] for _, module in imports(ROOT / "lambdas" / "shadow_runtime")}
    drivers = {"psycopg", "sqlalchemy", "sqlmodel"}  # of database.py alone, see below
    assert found - sys.stdlib_module_names - drivers == {"shadow_runtime", "boto3", "botocore"}


@pytest.mark.parametrize(
    ("package", "not_loaded"),
    [
        ("analysis.power", {"aws_cdk", "jsii", "numpy"}),
        ("analysis.format", {"aws_cdk", "jsii", "numpy"}),
        ("shadow_canary", {"numpy"}),
    ],
)
def test_what_synthesis_reckons_with_loads_neither_the_cdk_nor_numpy(
    package: str, not_loaded: set[str]
) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", f"import {package}, sys; print(*sys.modules)"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([".", "constructs", "lambdas"])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not not_loaded & set(loaded.stdout.split())


def test_the_route_never_imports_a_database_driver() -> None:
    drivers = {"psycopg", "sqlalchemy", "sqlmodel"}
    users = {
        path.name
        for path, module in imports(ROOT / "lambdas")
        if module.partition(".")[0] in drivers
    }
    of_no_asset = {"seed.py", "demo.py"}
    assert users == {"database.py", "candidate.py", "models.py", "sql.py", *of_no_asset}


def test_no_room_edits_where_imports_are_looked_for() -> None:
    rooms = ("analysis", "bench", "constructs", "lambdas", "localaws", "shadowctl", "stacks")
    found = {path for room in rooms for path in (ROOT / room).rglob("*.py")}
    # What a route brings for the embedded AWS imports as the route does, from the team's own root.
    found.remove(ROOT / "localaws" / "route_folder.py")
    assert not [path for path in found if "sys.path" in path.read_text()]


def test_the_folder_constructs_is_no_package_so_that_pypis_is_found() -> None:
    assert not (ROOT / "constructs" / "__init__.py").exists()
    assert constructs.Construct.__module__ == "constructs"
    assert getattr(constructs.Construct, "__jsii_type__") == "constructs.Construct"  # noqa: B009


def imports(room: Path) -> Iterator[tuple[Path, str]]:
    for path in [room] if room.is_file() else room.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    yield from ((path, name.name) for name in names)
                case ast.ImportFrom(module=str(module)):
                    yield path, module
