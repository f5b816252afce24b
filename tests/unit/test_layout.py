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

OPERATORS = {"shadowctl", "localaws"}
FUNCTIONS = {"routes", "operations", "pretraffic"}
CDK = {"aws_cdk", "constructs", "shadow_canary", "stacks", "app"}
AWS = {"boto3", "botocore", "aws_lambda_powertools", "sqlmodel"}

MAY_NOT_IMPORT = {
    "stacks": {"app", "analysis", *OPERATORS, *FUNCTIONS, "boto3"},
    "constructs": {"app", "stacks", *OPERATORS, *FUNCTIONS, "boto3"},
    "analysis": {*CDK, *OPERATORS, *FUNCTIONS, *AWS},
    "lambdas": {*CDK, *OPERATORS, "analysis"},
    "lambdas/shadow_runtime": {"judge", *FUNCTIONS},
    "lambdas/judge": {"shadow_runtime", *FUNCTIONS, *AWS},
    "lambdas/pretraffic": {"judge", "operations"},
    "lambdas/routes": {"judge", "operations", "pretraffic"},
}


@pytest.mark.parametrize("folder", MAY_NOT_IMPORT)
def test_imports_point_one_way(folder: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for path, module in imports(ROOT / folder)
        if module.partition(".")[0] in MAY_NOT_IMPORT[folder]
    }
    assert not found


def test_synthesis_and_reckoning_know_nothing_of_the_runtime_but_its_contract() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in ("constructs", "stacks", "analysis")
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
    assert found - sys.stdlib_module_names - drivers == {
        *("shadow_runtime", "boto3", "botocore"),
        *("mypy_boto3_appconfigdata", "mypy_boto3_lambda"),
    }


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
    assert users == {"database.py", "candidate.py", "models.py"}


def test_the_folder_constructs_is_no_package_so_that_pypis_is_found() -> None:
    assert not (ROOT / "constructs" / "__init__.py").exists()
    assert constructs.Construct.__module__ == "constructs"
    assert getattr(constructs.Construct, "__jsii_type__") == "constructs.Construct"  # noqa: B009


def imports(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    yield from ((path, name.name) for name in names)
                case ast.ImportFrom(module=str(module)):
                    yield path, module
