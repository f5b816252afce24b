"""Where a function's code comes from: the team's folder, the runtime, and the wheels of a lock."""

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct

import shadow_runtime.contract as contract
from analysis.lock import locked
from analysis.template import LOCK
from shadow_canary.imports import Files, defined, imported, left_out
from shadow_canary.metadata import add_metadata

RUNTIME = Path(contract.__file__).parent
LOCKS = RUNTIME / "requirements"
PYTHON = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
RECORDED = "requests.jsonl"
"""Recorded requests, in a route's folder: the hook asks them, no route ships them."""

_NOT_SHIPPED = ("test_*.py", "*_test.py", "conftest.py", "seed.py", "demo.py")
_OF_A_DATASET = ("dataset", "dataset_runtime")
"""Of the runtime, what is shipped with code that imports some of it."""

_TAKEN = frozenset({"custom_resource", *_OF_A_DATASET, "pretraffic", "shadow_runtime"})
"""Names of what runs beside a route's code, or beside its recorded requests."""

_FOLDERS_NOT_SHIPPED = frozenset({"__pycache__", "node_modules", "test", "tests", "venv"})


class RouteCode:
    """The code of one route: a folder with `control.py` and `candidate.py`.

    The asset holds the folder's Python files, those of `packages`, what `data` names, and the
    runtime; a dataset's runtime too where one of these imports it. Tests, `seed.py`, `demo.py`,
    `requests.jsonl` and whatever else lies there are left out, so that they publish no version.

    Args:
        folder: of the route, relative to where the app runs, as for any asset of the CDK.
        root: the folder above it where its imports start - where the app runs. With `root="src"`
            the folder `src/orders/get_order` is imported as `orders.get_order`.
        packages: further folders or modules that the route imports. One below `root` keeps its path
            from there as its import name, one elsewhere its own name.
        data: names or patterns of other files, beside the modules, that these read: `*.json`.

    Attributes:
        package: the import name.
        folder: from where the app runs.
        root: likewise.
        packages: likewise.
        asset: for the functions.
        recorded: the recorded requests, None where the folder has none.

    Example:
        >>> users = ["lambdas/datasets/users"]
        >>> RouteCode("lambdas/routes/get_user", root="lambdas", packages=users).package
        'routes.get_user'

    Raises:
        ValueError: a file or a handler is missing, a module is imported that would not be shipped,
            a name cannot be imported, or a file does not parse.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        root: str | Path = ".",
        packages: Sequence[str | Path] = (),
        data: Sequence[str] = (),
    ) -> None:
        self.folder, self.root = _from_app(folder), _from_app(root)
        _check_handlers(Path(folder), "control.py", "candidate.py")
        at = _import_path(Path(folder), Path(root))
        self.package = ".".join(at.parts)
        files = _files(Path(folder), Path(root), packages, data)
        _check_imports(files, [at / "control.py", at / "candidate.py"], root=self.root)
        self.asset = lambda_.Code.from_asset(_together(files))
        recorded = Path(folder, RECORDED)
        self.recorded: Files = {at / RECORDED: recorded} if recorded.is_file() else {}
        self.packages = [_from_app(path) for path in packages]
        self._holds = {".".join(place.parts) for file in files for place in file.parents}

    def ships(self, package: str) -> bool:
        """Whether a package of that import name is in the asset."""
        return package in self._holds

    @classmethod
    def finished(
        cls,
        folder: str | Path,
        *,
        root: str | Path = ".",
        packages: Sequence[str | Path] = (),
        data: Sequence[str] = (),
    ) -> lambda_.AssetCode:
        """What a plain function ships when the migration is over: the folder without a control.

        Its handler is `<package>.candidate.handler`. The arguments, and what is raised, are those
        of `RouteCode`.

        Example:
            >>> RouteCode.finished("lambdas/routes/get_user", root="lambdas")  # doctest: +SKIP
        """
        _check_handlers(Path(folder), "candidate.py")
        at = _import_path(Path(folder), Path(root))
        files = _files(Path(folder), Path(root), packages, data)
        _check_imports(files, [at / "candidate.py"], root=_from_app(root))
        return lambda_.Code.from_asset(_together(files))

    def to_metadata(self) -> dict[str, Any]:
        """As a template holds it, for whoever runs the route elsewhere than on AWS."""
        return {
            "folder": self.folder,
            "root": self.root,
            "package": self.package,
            "packages": self.packages,
        }


class DatasetCode:
    """The code of one dataset: a folder with `records.py`, `control.py` and `candidate.py`.

    `records.py` says whose data a request is about, and how a record of one side looks in the
    other: `keys`, `translate`, `inverse`. In the other two stands the `store` of each side. Routes
    that read or write the dataset ship the folder, as one of their `packages`.

    Args:
        folder: of the dataset, relative to where the app runs.
        root: the folder above it where its imports start - where the app runs. It is that of the
            routes, too.
        packages: further folders or modules that it imports, as of `RouteCode`.
        data: names or patterns of other files, beside the modules, that these read.

    Attributes:
        package: the import name.
        folder: from where the app runs.
        asset: for the functions.

    Example:
        >>> DatasetCode("src/users").package  # doctest: +SKIP
        'src.users'

    Raises:
        ValueError: a file, or what it must define, is missing; and what `RouteCode` raises.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        root: str | Path = ".",
        packages: Sequence[str | Path] = (),
        data: Sequence[str] = (),
    ) -> None:
        self.folder = _from_app(folder)
        _check_dataset(Path(folder))
        at = _import_path(Path(folder), Path(root))
        self.package = ".".join(at.parts)
        files = {
            **_of_runtime(*_OF_A_DATASET),
            **_files(Path(folder), Path(root), packages, data),
        }
        _check_imports(files, [at / name for name in _OF_DATASETS], root=_from_app(root))
        self.asset = lambda_.Code.from_asset(_together(files))


def source(*packages: str, also: Files | None = None) -> lambda_.AssetCode:
    """An asset of the runtime, of packages beside it, and of the files in `also`."""
    packages = ("shadow_runtime", *packages)
    folder = _together({**_of_runtime(*packages), **also}) if also else _of_every_route(*packages)
    return lambda_.Code.from_asset(folder)


@cache
def _of_every_route(*packages: str) -> str:
    """The folder of what is no route's own, once for all of an app: the CDK reads it once, too."""
    return _together(_of_runtime(*packages))


def _files(folder: Path, root: Path, packages: Sequence[str | Path], data: Sequence[str]) -> Files:
    """What is shipped of a route: its folder, its packages, its data and the runtime."""
    at = _import_path(folder, root)
    own = {
        **_initializers(root, at),
        **{at / path: folder / path for path in _modules(folder)},
    }
    for package in map(Path, packages):
        own |= _package(package, root)
    return {**_of_runtime("shadow_runtime", *_needed(own)), **own, **_data(own, data)}


def _needed(own: Files) -> tuple[str, ...]:
    """What of the runtime the team's code asks for by an import."""
    modules = {PurePosixPath(*module.split(".")) for _, _, module in imported(own, own)}
    ours = (module for module in modules if module.parts[0] in _OF_A_DATASET)
    is_asked_for = any((RUNTIME.parent / m).with_suffix(".py").is_file() for m in ours)
    return _OF_A_DATASET if is_asked_for else ()


def _check_imports(files: Files, handlers: Sequence[PurePosixPath], *, root: str) -> None:
    """What the handlers import of the team's own code is in the asset; raises ValueError."""
    for path, line, module in imported(files, handlers):
        if (missing := left_out(module, files, Path(root))) is not None:
            raise ValueError(
                f"{files[path]}, line {line}, imports {module}, which the route would not ship; "
                f"give packages=[{missing.as_posix()!r}]"
            )


def _from_app(path: str | Path) -> str:
    return Path(os.path.relpath(path)).as_posix()


def _of_runtime(*packages: str) -> Files:
    root = RUNTIME.parent
    return {
        PurePosixPath(package) / path: root / package / path
        for package in packages
        for path in _modules(root / package)
    }


def _together(files: Files) -> str:
    """A folder of exactly `files`, which ends with the process."""
    folder = tempfile.mkdtemp(prefix="shadow-canary-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path, origin in files.items():
        to = Path(folder, path)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, to)
    return folder


def _modules(folder: Path) -> Iterator[PurePosixPath]:
    """The Python files of a folder that are shipped, relative to it."""
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder)
        hidden = any(p.startswith(".") or p in _FOLDERS_NOT_SHIPPED for p in relative.parts[:-1])
        if not hidden and not any(path.match(pattern) for pattern in _NOT_SHIPPED):
            yield PurePosixPath(relative.as_posix())


def _data(modules: Files, patterns: Iterable[str]) -> Files:
    """What `patterns` match beside `modules`; raises ValueError where one matches nothing."""
    folders = {at.parent: path.parent for at, path in modules.items()}
    found = dict[PurePosixPath, Path]()
    for pattern in patterns:
        matching = {
            at / path.name: path
            for at, folder in folders.items()
            for path in sorted(folder.glob(pattern))
            if path.is_file()
        }
        if not matching:
            raise ValueError(
                f"data: {pattern!r} matches no file beside the modules of the route and of its "
                "packages; name a file that is there, such as 'rates.json', or leave it out"
            )
        found |= matching
    return found


def _check_handlers(folder: Path, *files: str) -> None:
    """The files are there, and each has its `handler`; raises ValueError."""
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"RouteCode({folder.as_posix()!r}) needs {' and '.join(missing)} in that folder, "
            "relative to where the app runs: control.py holds the old code, candidate.py the new"
        )
    for name in files:
        if "handler" not in defined(folder / name):
            raise ValueError(
                f"{folder / name} has no `handler`: call the function that answers so, or import it"
            )


_OF_DATASETS = {
    "records.py": ("keys", "translate", "inverse"),
    "control.py": ("store",),
    "candidate.py": ("store",),
}
"""The files of a dataset, and what each defines."""


def _check_dataset(folder: Path) -> None:
    """The files are there, and define what they must; raises ValueError."""
    missing = [name for name in _OF_DATASETS if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"DatasetCode({folder.as_posix()!r}) needs {' and '.join(missing)} in that folder, "
            "relative to where the app runs: records.py says whose data a request is about, "
            "control.py and candidate.py hold the store of each side"
        )
    for name, wanted in _OF_DATASETS.items():
        lacking = [each for each in wanted if each not in defined(folder / name)]
        if lacking:
            raise ValueError(
                f"{folder / name} does not define {' and '.join(lacking)}; define it, or import it"
            )


def _import_path(folder: Path, root: Path) -> PurePosixPath:
    """Where `folder` stands below `root`; raises ValueError where that is no name to import."""
    try:
        relative = PurePosixPath(folder.resolve().relative_to(root.resolve()).as_posix())
    except ValueError:
        raise ValueError(
            f"{folder} is not below root={str(root)!r}, where its imports start; give a root above"
        ) from None
    if not relative.parts or not all(part.isidentifier() for part in relative.parts):
        raise ValueError(
            f"{str(relative)!r} cannot be imported from root={str(root)!r}: each folder's name "
            "must be a Python identifier; rename it, or give a root further down"
        )
    if relative.parts[0] in _TAKEN | sys.stdlib_module_names:
        raise ValueError(
            f"the name {relative.parts[0]!r} is taken where the code runs; rename the folder"
        )
    return relative


def _initializers(root: Path, at: PurePosixPath) -> Files:
    """What Python runs on its way down to the package `at`."""
    found = (parent / "__init__.py" for parent in at.parents)
    return {path: root / path for path in found if path.parts[1:] and (root / path).is_file()}


def _package(package: Path, root: Path) -> Files:
    """A package or module that a route shares with others, under its import name."""
    if not package.exists():
        raise ValueError(
            f"packages: there is no {package.as_posix()!r}, relative to where the app runs"
        )
    above = root if package.resolve().is_relative_to(root.resolve()) else package.parent
    at = _import_path(package.with_suffix(""), above)
    if package.is_file():
        return {**_initializers(above, at), at.with_suffix(".py"): package}
    return {
        **_initializers(above, at),
        **{at / path: package / path for path in _modules(package)},
    }


class LockedLayer(lambda_.LayerVersion):
    """The wheels that a lock file names, for the functions' platform.

    uv downloads them, without Docker, when an assembly is deployed. The asset's hash is that of
    the lock file, so that tests and `cdk diff` build nothing.

    Args:
        scope: the stack, or what needs it.
        id_: role noun.
        lock: requirements with hashes, as `uv pip compile --generate-hashes` writes them, relative
            to where the app runs.
        runtime: of the functions, Python 3.12 or newer - Python 3.13.
        architecture: of the functions - arm64.

    Attributes:
        lock: the file.
        lock_hash: of what the layer is built from: the lock's text and the platform.
        pins: the version of each package.

    Raises:
        ValueError: there is no such file, or it does not lock every package by version and hash.

    Example:
        >>> LockedLayer(stack, "Layer", lock="requirements.txt")  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lock: str | Path,
        runtime: lambda_.Runtime = PYTHON,
        architecture: lambda_.Architecture = ARCHITECTURE,
    ) -> None:
        lock = Path(lock)
        self.lock = lock
        self.pins = {each.name: each.version for each in locked(lock)}
        platform = f"{_MACHINES[architecture.name]}-manylinux_2_28"
        inputs = [lock.read_text(), platform, runtime.name]
        self.lock_hash = hashlib.sha256("\n".join(inputs).encode()).hexdigest()
        super().__init__(
            scope,
            id_,
            description=f"{lock.name} for {runtime.name} on {architecture.name}",
            compatible_runtimes=[runtime],
            compatible_architectures=[architecture],
            code=lambda_.Code.from_asset(
                str(lock.parent),
                asset_hash=self.lock_hash,
                bundling=cdk.BundlingOptions(
                    image=cdk.DockerImage.from_registry("unused"),
                    local=_Wheels(lock, platform, runtime.name.removeprefix("python")),
                ),
            ),
        )
        is_ours = lock.parent == LOCKS
        add_metadata(self, LOCK, lock.name if is_ours else f"./{_from_app(lock)}")
        same_in_every_environment(self)


_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Architectures of Lambda, as wheels name them."""


def layers_of_team(
    given: Iterable[lambda_.ILayerVersion],
    requirements: str | Path | None,
    *,
    beside: Sequence[LockedLayer],
    layer: Callable[[str, str | Path], LockedLayer],
) -> list[lambda_.ILayerVersion]:
    """A team's own layers; first the one that `layer` makes of `requirements`, if there are any.

    Raises:
        ValueError: `requirements` and a layer `beside` lock a package in two versions.
    """
    layers = [*given]
    for each in layers:
        same_in_every_environment(each)
    if requirements is None:
        return layers
    own = layer("RequirementsLayer", requirements)
    _check_alike(own, *beside)
    return [own, *layers]


def _check_alike(layer: LockedLayer, *others: LockedLayer) -> None:
    """Refuses a package of two layers in two versions: Lambda lays one over the other.

    Raises:
        ValueError: which package, with its versions.
    """
    for other in others:
        for name in layer.pins.keys() & other.pins.keys():
            if layer.pins[name] != other.pins[name]:
                raise ValueError(
                    f"requirements has {name} {layer.pins[name]}, and a layer of the service "
                    f"{other.pins[name]}: Lambda would mix the two. Lock yours with `-c "
                    f"{_from_app(other.lock)}`"
                )


def same_in_every_environment(resource: IConstruct) -> None:
    """Spells the bucket of an asset alike with and without an `env=` of the stack.

    The version of a function is named after a hash of its template. An account and a region that
    become known would change it, and Lambda refuses to publish what did not change.
    """
    asset: Any
    match child := resource.node.default_child:
        case lambda_.CfnFunction():
            code, asset = "Code", child.code
        case lambda_.CfnLayerVersion():
            code, asset = "Content", child.content
        case _:  # imported
            return
    stack = cdk.Stack.of(child)
    match stack.resolve(asset).get("s3Bucket"):
        case str(bucket) | {"Fn::Sub": str(bucket)}:
            spelled = bucket.replace(stack.account, "${AWS::AccountId}")
            spelled = spelled.replace(stack.region, "${AWS::Region}")
            if "${AWS::" in spelled:
                child.add_property_override(f"{code}.S3Bucket", {"Fn::Sub": spelled})


@jsii.implements(cdk.ILocalBundling)
class _Wheels:
    def __init__(self, lock: Path, platform: str, python: str) -> None:
        self._lock = lock
        self._platform = platform
        self._python = python

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Installs the locked wheels; never falls back to Docker, which would hide the reason."""
        command: Sequence[str] = (
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"),
            *("--python-platform", self._platform, "--python-version", self._python),
            *("--only-binary", ":all:", "--no-compile-bytecode"),
            *("--target", f"{output_dir}/python", "-r", str(self._lock)),
        )
        subprocess.run(command, check=True)
        return True
