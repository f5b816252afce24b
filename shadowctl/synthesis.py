"""The templates of a checkout, made offline and without credentials."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from shadow_runtime.contract import ShadowCanaryError

ROOT = Path(__file__).resolve().parents[1]


class SynthesisError(ShadowCanaryError):
    """There is no assembly: why, and what to do."""


def check_out(commit: str, folder: Path) -> None:
    """Puts the files of `commit` into a new `folder`.

    Raises:
        SynthesisError: it is no commit.
    """
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        reason = archive.stderr.decode().strip().splitlines()[-1]
        raise SynthesisError(
            f"cannot read {commit!r} ({reason}); fetch it, or name another (BASE= of make diff)"
        )
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)


def offline(source: Path, out: Path) -> dict[str, str]:
    """The variables with which `app.py` of `source` writes its assembly to `out`.

    As the CDK CLI sets them, except that no layer is built.
    """
    context = json.loads((source / "cdk.json").read_text())["context"]
    context["aws:cdk:bundling-stacks"] = []
    return {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)}


def synthesize(source: Path, out: Path, environment: Mapping[str, str] | None = None) -> str:
    """Writes the assembly of the checkout `source` to `out`; returns what it warned of.

    With this interpreter's packages, and this process's environment unless another is given; no
    network and no credentials are used.

    Raises:
        SynthesisError: it does not synthesize.
    """
    ran = subprocess.run(
        [sys.executable, "app.py"],
        cwd=source,
        env={**(environment or {**os.environ, "PYTHONPATH": ""}), **offline(source, out)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        shutil.rmtree(out, ignore_errors=True)
        raise SynthesisError(f"{source.name} does not synthesize:\n{ran.stderr[-2_000:]}")
    return ran.stderr
