"""A saved handler answers without a deployment: its code is put where the deployed one is.

By Lambda's own API, as a deployment does it: each function gets the code, a version of it is
published, and the alias is moved there. What CloudFormation made is left as it is; the next
deployment builds on it.
"""

import ast
import io
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import urllib3

from localaws import LocalError, environment
from localaws.route_folder import RouteFolder
from localaws.supervisor import StateFolder
from shadow_runtime.contract import ALIAS, Variable
from shadowctl.deployed import stack_resources

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class DeployedCode:
    """The code that a route's functions run, and the files of this machine that it came from.

    Example:
        >>> code = DeployedCode(aws, RouteFolder.all_of(assembly)[0])  # doctest: +SKIP
        >>> code.reload()  # doctest: +SKIP
    """

    aws: boto3.Session
    route: RouteFolder

    def files(self) -> dict[str, Path]:
        """By their place in the code: what was deployed of them, and modules that are new."""
        functions = self.aws.client("lambda")
        return self._files(_read(functions, self._function()))

    def reload(self) -> None:
        """Puts the files as they are now where the route answers, and where its dataset is kept."""
        functions, function = self.aws.client("lambda"), self._function()
        deployed = _read(functions, function)
        now = self._files(deployed)
        archive = _archive(deployed, now)
        configuration = functions.get_function_configuration(FunctionName=function)
        variables = configuration["Environment"]["Variables"]
        for side in (Variable.CANDIDATE, Variable.SHADOW):
            name, _, version = variables[side].partition(":function:")[2].partition(":")
            functions.update_function_code(FunctionName=name, ZipFile=archive)
            if version:  # else its newest code is called
                published = functions.publish_version(FunctionName=name)
                variables = {**variables, side: published["FunctionArn"]}
        functions.update_function_code(FunctionName=function, ZipFile=archive)
        functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )
        version = functions.publish_version(FunctionName=function)["Version"]
        functions.update_alias(FunctionName=function, Name=ALIAS, FunctionVersion=version)
        if dataset := variables.get(Variable.DATASET):
            package = variables[Variable.DATASET_PACKAGE].replace(".", "/")
            for name in self._keeping(functions, dataset):
                held = _read(functions, name)
                own = {n: p for n, p in now.items() if n in held or n.startswith(f"{package}/")}
                functions.update_function_code(FunctionName=name, ZipFile=_archive(held, own))

    def _files(self, deployed: Iterable[str]) -> dict[str, Path]:
        new = map(self.route.place, self.route.modules())
        return {
            place: origin
            for place in {*deployed, *new}
            if (origin := self.route.origin(place)).is_file()
            and not place.startswith("shadow_runtime/")
        }

    def _keeping(self, functions: "LambdaClient", dataset: str) -> Iterator[str]:
        """The functions of a dataset: they know its dead letters."""
        stack = dataset.partition("/")[0]
        for _, kind, name in stack_resources(self.aws, stack):
            if kind == "AWS::Lambda::Function":
                configuration = functions.get_function_configuration(FunctionName=name)
                known = configuration.get("Environment", {}).get("Variables", {})
                if (
                    known.get(Variable.DATASET) == dataset
                    and Variable.DATASET_DEAD_LETTERS in known
                ):
                    yield name

    def _function(self) -> str:
        """The name of the route's function: its alias says it."""
        [alias] = [
            physical_id
            for logical_id, _, physical_id in stack_resources(self.aws, self.route.stack)
            if logical_id == self.route.alias
        ]
        return alias.partition(":function:")[2].partition(":")[0]


def _read(functions: "LambdaClient", function: str) -> dict[str, bytes]:
    """The code of a function, by file."""
    found = functions.get_function(FunctionName=function)
    archive = urllib3.request("GET", found["Code"]["Location"]).data
    with zipfile.ZipFile(io.BytesIO(archive)) as code:
        return {name: code.read(name) for name in code.namelist()}


def _archive(deployed: Mapping[str, bytes], now: Mapping[str, Path]) -> bytes:
    """The code that was deployed, with files as they are now."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as new:
        for name, text in deployed.items():
            if name not in now:
                new.writestr(name, text)
        for name, path in now.items():
            new.writestr(name, path.read_bytes())
    return archive.getvalue()


def watch(state: StateFolder | None = None) -> Iterator[str]:
    """Reloads whatever is saved, and says so, until it is interrupted.

    A file that does not parse is said, and what ran before runs on.

    Raises:
        LocalError: nothing runs here any more.
    """
    state = state or StateFolder()
    deployed = 0
    seen: list[tuple[DeployedCode, dict[Path, int]]] = []
    while (running := state.read_state()) is not None:
        if (newest := state.written_at()) != deployed:
            deployed, aws = newest, environment.session(running["endpoint"])
            codes = [
                DeployedCode(aws, one) for one in RouteFolder.all_of(Path(running["assembly"]))
            ]
            seen = [(code, _saved(code.files().values())) for code in codes]
            yield "whatever is saved answers; Ctrl-C ends this, and nothing else"
        for code, before in seen:
            now = _saved({*before, *code.route.modules()})
            changed = [path for path, at in now.items() if before.get(path) != at]
            before.update(now)
            broken = [said for path in changed if (said := _why_not(path))]
            yield from broken
            if changed and not broken:
                started = time.monotonic()
                code.reload()
                state.note_reload()
                took = time.monotonic() - started
                names = " and ".join(sorted(path.name for path in changed))
                yield f"{code.route.stack}: {names} in place after {took:.1f} s"
        time.sleep(_LOOK_SECONDS)
    raise LocalError("nothing runs here any more; start it with `shadowctl local up`")


def _saved(files: Iterable[Path]) -> dict[Path, int]:
    """When each was saved, in nanoseconds."""
    return {path: path.stat().st_mtime_ns for path in files if path.is_file()}


def _why_not(path: Path) -> str:
    """Why a file cannot answer; empty where it may."""
    try:
        if path.suffix == ".py":
            ast.parse(path.read_bytes(), filename=path.name)
    except (SyntaxError, ValueError) as error:
        return f"{path.name} does not parse, what ran before runs on: {error}"
    return ""
