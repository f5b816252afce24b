"""`shadowctl finish`: that a route may be finished, and the diff that does it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import boto3

from analysis.template import CODE, Stack
from operations import dataset_needs
from operations.answers import Answers
from operations.dataset_function import DatasetFunction
from operations.flag import HostedFlag
from shadow_runtime.contract import Stage
from shadowctl.deployed import RouteError
from shadowctl.finish.control import Control
from shadowctl.finish.function import PlainFunction, is_acceptable
from shadowctl.finish.patch import patch, top_of
from shadowctl.finish.proof import Files, prove
from shadowctl.finish.source import FinishError
from shadowctl.finish.statement import Statement, find, idle_parameters
from shadowctl.finish.uses import function_name
from shadowctl.route import Route
from shadowctl.synthesis import SynthesisError, app_folder, synthesize

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Finish:
    """A unified diff that `git apply` takes, and what of the app it leaves to people.

    Example:
        >>> Finish(diff="", left=[]).left
        []
    """

    diff: str
    left: list[str]


def finish(
    route: str, aws: boto3.Session, *, assembly: Path | None, override: str, say: Say
) -> Finish:
    """Checks that `route` is complete and quiet, and makes the diff that ends its migration.

    Nothing is changed: the diff is applied to a copy of the app, and synthesized there.

    Args:
        route: as commands name it.
        aws: where it is deployed.
        assembly: of the app as it is - one is made of this tree.
        override: why it is finished although something speaks against it; empty refuses then.
        say: told what is overridden, and what to do by hand where the diff cannot be made.

    Raises:
        RouteError: there is no such route.
        FinishError: something speaks against it, or the app's sources have a shape that is not
            understood.
        SynthesisError: the app does not synthesize as it is.
    """
    app = app_folder().resolve()
    against = _objections(route, aws)
    with tempfile.TemporaryDirectory() as folder:
        if assembly is None:
            assembly = Path(folder, "before")
            synthesize(app, assembly)
        against += _of_others(assembly, _code(assembly, route), aws)
        if against and not override.strip():
            raise FinishError(
                f"{'; '.join(against)}. Where you know better, --override takes the reason"
            )
        for objection in against:
            say(f"overridden, {override}: {objection}")
        return ending(app, assembly, route, folder=Path(folder, "after"), say=say)


def objections(
    route: str,
    flag: HostedFlag,
    ceiling: Stage,
    answers: Callable[[], Answers],
    dataset: DatasetFunction | None = None,
) -> list[str]:
    """Why a deployed route may not lose its control.

    `answers`, and the dataset, are asked for where it matters: as long as control may become the
    authority again, a route must know it.
    """
    deployed = flag.deployed()
    stage = min(deployed.position.stage, ceiling)
    if not deployed.is_ours:
        return [f"{route}: what the flag says cannot be read; move it to off first"]
    if stage < Stage.COMPLETE:
        return [f"{route} is at {stage}, and only what is complete can be finished"]
    if deployed.is_running:
        return [f"{route}: a change of the flag is under way ({deployed.state}); wait for it"]
    found = [answers().objection, *dataset_needs.objections(dataset, Stage.COMPLETE)]
    return [f"{route}: {objection}" for objection in found if objection]


def _objections(route: str, aws: boto3.Session) -> list[str]:
    found = Route.find(route, aws)
    cloudwatch = aws.client("cloudwatch")

    def answers() -> Answers:
        return Answers.read(cloudwatch, found.name, until=datetime.now(UTC))

    return objections(found.name, found.flag, found.ceiling, answers, found.dataset)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    """A route of the assembly: the path of its stack, and what its alias says of its code."""

    stack: str
    route: str
    folder: str
    root: str
    package: str
    packages: list[str]


def _codes(assembly: Path) -> Iterator[_Code]:
    for stack in Stack.all_of(assembly):
        for alias in stack.all("AWS::Lambda::Alias"):
            if (held := alias.metadata(CODE)) is not None:
                yield _Code(stack=stack.path, **held)


def _code(assembly: Path, route: str) -> _Code:
    stack = Stack.load(assembly, route)
    found = [each for each in _codes(assembly) if each.stack == stack.path]
    [name] = stack.routes or [""]
    [code] = [each for each in found if each.route == name]
    return code


def _of_others(assembly: Path, code: _Code, aws: boto3.Session) -> Iterator[str]:
    """Objections of the routes of other Stages, which the same statement makes."""
    for other in _codes(assembly):
        if other.stack == code.stack or (other.route, other.folder) != (code.route, code.folder):
            continue
        path = f"{other.stack}:{other.route}"
        try:
            yield from _objections(path, aws)
        except RouteError:
            yield (
                f"{other.stack} is of the same code, and not in {aws.region_name} of this account: "
                f"`shadowctl finish {path}` checks it where it is"
            )


def ending(app: Path, assembly: Path, route: str, *, folder: Path, say: Say) -> Finish:
    """The diff that ends the migration of a route of `assembly`, which is that of `app`.

    Copies of the app are made in `folder`. What to do by hand is told to `say` where the diff
    cannot be made.

    Raises:
        FinishError: why it cannot.
        TemplateError: there is no such route.
    """
    code = _code(assembly, route)
    package = code.package
    root = (app / code.root).resolve()
    control = Control((app / code.folder).resolve() / "control.py", f"{package}.control", root)
    function = PlainFunction(id=_construct_id(code.route), handler=f"{package}.candidate.handler")
    try:
        statement = find(app, code.route)
        after = control.removed(app)
        files = _proven(app, code, statement, function, after.files, folder)
    except FinishError as error:
        say(f"by hand, as docs/operate.md shows it under Finish:\n{_by_hand(code, function)}")
        raise FinishError(f"no diff for {code.route}: {error}") from error
    recorded = control.path.with_name("requests.jsonl")
    if recorded.is_file():
        after.left.append(
            f"{recorded.relative_to(top_of(app))} is read by nothing of ours any more"
        )
    moved = [
        f"{statement.where}, has a function URL: another one afterwards; tell its callers"
        for text in [files[statement.source.path] or ""]
        if f"{function_name(statement)}.add_function_url(" in text
    ]
    idle = idle_parameters(statement, files[statement.source.path] or "")
    return Finish(patch(files, top_of(app)), [*after.left, *moved, *idle])


def _by_hand(code: _Code, function: PlainFunction) -> str:
    return (
        f"  delete {code.folder}/control.py, and what imports it\n"
        f"  in the place of the service put a lambda_.Function with handler={function.handler!r},\n"
        f"  code=RouteCode.finished({code.folder!r}, root={code.root!r}), its memory and timeout\n"
        "  give it what service.alias and service.candidate had; delete every other use of it"
    )


def _proven(
    app: Path,
    code: _Code,
    statement: Statement,
    function: PlainFunction,
    others: Files,
    folder: Path,
) -> Files:
    """All files that change, once a copy with them has synthesized.

    What cdk-nag finds in any plain function is acknowledged where it looks at the app.

    Raises:
        FinishError: it does not synthesize, or cannot be made.
    """
    path = statement.source.path
    top = Path(os.path.commonpath([app, path, *others]))

    def proven(function: PlainFunction) -> Files:
        files = {**others, path: function.replaces(statement).text}
        attempt = folder / str(len(function.findings))
        prove(app, top, files, stack=code.stack, route=code.route, folder=attempt)
        return files

    try:
        try:
            return proven(function)
        except SynthesisError as error:
            own = [each for each in error.findings if each.is_below(function.id)]
            found = sorted({each.rule for each in own if is_acceptable(each.rule)})
            if not found or len(own) < len(error.findings):
                raise
        return proven(replace(function, findings=found))
    except SynthesisError as error:
        last = str(error).strip().splitlines()[-1].strip()
        raise FinishError(f"without the service the app does not synthesize: {last}") from error


def _construct_id(route: str) -> str:
    """`get-user` is `GetUser`."""
    return "".join(word.capitalize() for word in route.split("-"))
