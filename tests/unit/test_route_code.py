"""A route's asset: what it imports and nothing else, whoever wrote it, wherever it stands."""

from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from shadow_canary import RouteCode

HANDLER = "def handler(event, context): ...\n"

Write = Callable[..., Path]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a team's app runs, with one route in `src/orders/get_order`."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, **{"src/orders/get_order/control.py": HANDLER})
    write(tmp_path, **{"src/orders/get_order/candidate.py": HANDLER})
    return tmp_path


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def shipped(code: RouteCode | lambda_.AssetCode, tmp_path: Path) -> set[str]:
    """What of the asset is not the runtime."""
    before = {*(tmp_path / "cdk.out").glob("asset.*")}
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path / "cdk.out")), "Stack")
    lambda_.Function(
        stack,
        "Route",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="x.y",
        code=code.asset if isinstance(code, RouteCode) else code,
    )
    [asset] = {*(tmp_path / "cdk.out").glob("asset.*")} - before
    files = {path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file()}
    return {path for path in files if not path.startswith("shadow_runtime/")}


OWN = {"src/orders/get_order/control.py", "src/orders/get_order/candidate.py"}


def test_a_folder_is_found_from_where_the_app_runs_and_imported_by_that_path(app: Path) -> None:
    code = RouteCode("src/orders/get_order")
    assert code.package == "src.orders.get_order"
    assert shipped(code, app) == OWN


def test_imports_start_at_the_root(app: Path) -> None:
    code = RouteCode("src/orders/get_order", root="src")
    assert code.package == "orders.get_order"
    assert shipped(code, app) == {path.removeprefix("src/") for path in OWN}


def test_the_initializers_on_the_way_down_are_shipped(app: Path) -> None:
    write(app, **{"src/orders/__init__.py": "", "src/__init__.py": "", "__init__.py": ""})
    assert shipped(RouteCode("src/orders/get_order"), app) == OWN | {
        "src/__init__.py",
        "src/orders/__init__.py",
    }


@pytest.mark.parametrize(
    "stray",
    [
        *(".DS_Store", ".env", "secrets.env", "README.md", "notes.txt", "control.pyc"),
        *("test_control.py", "control_test.py", "conftest.py", "tests/helper.py"),
        *(".venv/lib/thing.py", ".ipynb_checkpoints/control.py", "venv/thing.py"),
        *("__pycache__/control.cpython-313.pyc", "seed.py", "demo.py", "requests.jsonl"),
    ],
)
def test_what_lies_beside_a_handler_by_chance_is_not_shipped(app: Path, stray: str) -> None:
    write(app, **{f"src/orders/get_order/{stray}": "stray = 1\n"})
    assert shipped(RouteCode("src/orders/get_order"), app) == OWN


def test_a_package_keeps_its_import_name(app: Path) -> None:
    write(app, **{"src/shared/money.py": "", "src/shared/deep/er.py": "", "libs/acme/x.py": ""})
    write(app, **{"src/clock.py": ""})
    given = ["src/shared", "libs/acme", "src/clock.py"]
    code = RouteCode("src/orders/get_order", root="src", packages=given)
    own = {path.removeprefix("src/") for path in OWN}
    assert shipped(code, app) == own | {
        *("shared/money.py", "shared/deep/er.py", "acme/x.py", "clock.py")
    }


OF_A_DATASET = ("dataset/", "dataset_runtime/")


@pytest.mark.parametrize("by", ["src/orders/get_order/near.py", "src/shared/orders.py"])
def test_a_datasets_runtime_is_shipped_with_code_that_imports_it(app: Path, by: str) -> None:
    write(app, **{"src/shared/money.py": ""})
    code = RouteCode("src/orders/get_order", packages=["src/shared"])
    assert not [path for path in shipped(code, app) if path.startswith(OF_A_DATASET)]
    write(app, **{by: "def late():\n    from dataset_runtime.operation import attempt_of\n"})
    found = shipped(RouteCode("src/orders/get_order", packages=["src/shared"]), app)
    assert {"dataset/steps.py", "dataset_runtime/operation.py"} <= found


def test_other_files_are_shipped_when_they_are_named(app: Path) -> None:
    write(app, **{"src/orders/get_order/rates.json": "{}", "src/orders/get_order/other.txt": ""})
    code = RouteCode("src/orders/get_order", data=["*.json"])
    assert shipped(code, app) == OWN | {"src/orders/get_order/rates.json"}


@pytest.mark.parametrize(
    ("line", "module", "give"),
    [
        ("from orders.models import Order", "orders.models", "src/orders/models.py"),
        ("from orders import models", "orders.models", "src/orders/models.py"),
        ("import orders.models as m", "orders.models", "src/orders/models.py"),
        ("from ..models import Order", "orders.models", "src/orders/models.py"),
        ("from .. import models", "orders.models", "src/orders/models.py"),
        ("from shared import money", "shared", "src/shared"),
        ("import shared.money", "shared.money", "src/shared/money.py"),
        ("def late():\n    from shared.money import Euro", "shared.money", "src/shared/money.py"),
        ("from .near import far", "shared", "src/shared"),
    ],
)
def test_a_module_that_would_be_missing_on_aws_is_an_error_here(
    app: Path, line: str, module: str, give: str
) -> None:
    write(app, **{"src/orders/models.py": "", "src/shared/money.py": ""})
    write(app, **{"src/orders/get_order/near.py": "import shared as far\n"})
    write(app, **{"src/orders/get_order/control.py": f"{line}\n{HANDLER}"})
    with pytest.raises(ValueError, match=rf"imports {module}, which .* give packages=\['{give}'\]"):
        RouteCode("src/orders/get_order", root="src")
    RouteCode("src/orders/get_order", root="src", packages=[give, "src/shared"])


@pytest.mark.parametrize(
    "line",
    [
        "import json, boto3, sqlmodel",
        "from shadow_runtime.http import Request",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shared.money import Euro",
        "import typing\nif typing.TYPE_CHECKING:\n    import shared",
        "try:\n    import shared\nexcept ImportError:\n    shared = None",
        "from . import near, candidate",
        "from .near import far",
        "import docs",
    ],
)
def test_what_is_there_or_is_not_needed_is_no_error(app: Path, line: str) -> None:
    write(app, **{"src/shared/money.py": "", "src/docs/page.md": ""})
    write(app, **{"src/orders/get_order/near.py": "far = 1\n"})
    write(app, **{"src/orders/get_order/control.py": f"{line}\n{HANDLER}"})
    RouteCode("src/orders/get_order", root="src")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"folder": "src/orders/gone"}, "needs control.py and candidate.py in that folder"),
        ({"folder": "src/orders/get_order", "root": "lib"}, "not below root='lib'"),
        ({"folder": "src/orders/get_order", "root": "src/orders/get_order"}, "cannot be imported"),
        ({"folder": "src/get-order"}, "Python identifier"),
        ({"folder": "src/json", "root": "src"}, "'json' is taken"),
        ({"folder": "src/orders/get_order", "packages": ["shared"]}, "there is no 'shared'"),
        ({"folder": "src/orders/get_order", "data": ["*.yaml"]}, "'.*yaml' matches no file"),
        ({"folder": "src/no_handler"}, "no_handler/control.py has no `handler`"),
        ({"folder": "src/broken"}, "broken/control.py does not parse"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(
    app: Path, given: dict[str, object], said: str
) -> None:
    for folder, text in {
        "get-order": HANDLER,
        "json": HANDLER,
        "no_handler": "def handle(): ...",
        "broken": "def handler(:",
    }.items():
        write(app, **{f"src/{folder}/control.py": text, f"src/{folder}/candidate.py": HANDLER})
    with pytest.raises(ValueError, match=said):
        RouteCode(**given)  # type: ignore[arg-type]


def test_a_handler_may_be_imported_or_assigned(app: Path) -> None:
    write(app, **{"src/orders/get_order/control.py": "from .candidate import handler\n"})
    RouteCode("src/orders/get_order")
    write(app, **{"src/orders/get_order/control.py": "class App: ...\nhandler = App()\n"})
    RouteCode("src/orders/get_order")


def test_equal_files_make_an_equal_asset_wherever_they_stand(app: Path) -> None:
    before = RouteCode("src/orders/get_order", root="src")
    (app / "lib").mkdir()
    (app / "src/orders").rename(app / "lib/orders")
    after = RouteCode("lib/orders/get_order", root="lib")
    hashes = set[str]()
    for number, code in enumerate((before, after)):
        out = app / f"cdk.out{number}"
        stack = cdk.Stack(cdk.App(outdir=str(out)), "Stack")
        lambda_.Function(
            stack, "Route", runtime=lambda_.Runtime.PYTHON_3_13, handler="x.y", code=code.asset
        )
        hashes |= {path.name for path in out.glob("asset.*")}
    assert len(hashes) == 1


def test_when_the_migration_is_over_a_plain_function_ships_the_candidate_alone(app: Path) -> None:
    (app / "src/orders/get_order/control.py").unlink()
    write(app, **{"src/money/__init__.py": "", "src/money/rates.json": "{}"})
    candidate = app / "src/orders/get_order/candidate.py"
    candidate.write_text(f"import money\n{HANDLER}")
    with pytest.raises(ValueError, match=r"needs control\.py"):
        RouteCode("src/orders/get_order", root="src", packages=["src/money"])
    with pytest.raises(ValueError, match=r"candidate.py, line 1, .*give packages=\['src/money'\]"):
        RouteCode.finished("src/orders/get_order", root="src")
    code = RouteCode.finished(
        "src/orders/get_order", root="src", packages=["src/money"], data=["rates.json"]
    )
    assert shipped(code, app) == {
        "orders/get_order/candidate.py",
        "money/__init__.py",
        "money/rates.json",
    }
    candidate.write_text("")
    with pytest.raises(ValueError, match="has no `handler`"):
        RouteCode.finished("src/orders/get_order", root="src")
