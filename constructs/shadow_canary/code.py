"""Where a function's code comes from: one filtered asset per route, one layer per lock file."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from shadow_canary.metadata import add_metadata

LAMBDAS = Path(__file__).resolve().parents[2] / "lambdas"
PYTHON = lambda_.Runtime.PYTHON_3_13
RECORDED = "requests.jsonl"
"""Recorded requests, in a route's folder."""
ARCHITECTURE = lambda_.Architecture.ARM_64


class RouteCode:
    """The code of one route: `control.py` and `candidate.py` in `routes/<package>`.

    Only that folder and the runtime enter the asset, so editing one route changes one stack.

    Example:
        >>> RouteCode("get_user").package
        'get_user'

    Raises:
        ValueError: `control.py` or `candidate.py` is missing.
    """

    def __init__(self, package: str, *, root: Path = LAMBDAS) -> None:
        folder = root / "routes" / package
        missing = [n for n in ("control.py", "candidate.py") if not (folder / n).is_file()]
        if missing:
            raise ValueError(
                f"RouteCode({package!r}) needs {' and '.join(missing)} in routes/{package} "
                "of the lambdas folder: control.py holds the old code, candidate.py the new"
            )
        self.package = package
        # What the hook asks and what the embedded AWS is filled with must not publish versions.
        without = (RECORDED, "seed.py", "demo.py")
        self.asset = source(f"routes/{package}", without=without, root=root)


def source(*paths: str, without: Sequence[str] = (), root: Path = LAMBDAS) -> lambda_.AssetCode:
    """An asset of the runtime and `paths`, and of nothing else below `root`."""
    kept = {"shadow_runtime", *paths}
    parents = {str(p) for f in kept for p in Path(f).parents if p != Path()}
    return lambda_.Code.from_asset(
        str(root),
        exclude=[
            "*",
            *(f"!{path}" for path in sorted(kept | parents)),
            *(f"!{path}/**" for path in sorted(kept)),
            *without,
            "__pycache__",
            "*.pyc",
        ],
        ignore_mode=cdk.IgnoreMode.GIT,
    )


class LockedLayer(lambda_.LayerVersion):
    """The wheels that `lambdas/requirements/<name>.txt` locks, for the functions' platform.

    uv downloads them, without Docker, when an assembly is deployed. The asset's hash is that of
    the lock file, so that tests and `cdk diff` build nothing.

    Example:
        >>> LockedLayer(stack, "Layer", name="database")  # doctest: +SKIP
    """

    def __init__(self, scope: Construct, id_: str, *, name: str) -> None:
        lock = LAMBDAS / "requirements" / f"{name}.txt"
        platform = "aarch64-manylinux_2_28"
        inputs = [lock.read_text(), platform, PYTHON.name]
        super().__init__(
            scope,
            id_,
            description=f"{name}.txt for {PYTHON.name} on arm64",
            compatible_runtimes=[PYTHON],
            compatible_architectures=[ARCHITECTURE],
            code=lambda_.Code.from_asset(
                str(lock.parent),
                asset_hash=hashlib.sha256("\n".join(inputs).encode()).hexdigest(),
                bundling=cdk.BundlingOptions(
                    image=cdk.DockerImage.from_registry("unused"),
                    local=_Wheels(lock, platform),
                ),
            ),
        )
        add_metadata(self, "shadow-canary:lock", lock.name)


@jsii.implements(cdk.ILocalBundling)
class _Wheels:
    def __init__(self, lock: Path, platform: str) -> None:
        self._lock = lock
        self._platform = platform

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Installs the locked wheels; never falls back to Docker, which would hide the reason."""
        command: Sequence[str] = (
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"),
            *("--python-platform", self._platform),
            *("--python-version", PYTHON.name.removeprefix("python")),
            *("--only-binary", ":all:", "--no-compile-bytecode"),
            *("--target", f"{output_dir}/python", "-r", str(self._lock)),
        )
        subprocess.run(command, check=True)
        return True
