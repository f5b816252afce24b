"""The templates of a checkout, made offline and without credentials."""

import json
import os
import shutil
import subprocess
import sys
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


def synthesize(source: Path, out: Path) -> None:
    """Writes the assembly of the checkout `source` to `out`, without building layers.

    With this environment's packages; no network and no credentials are used.

    Raises:
        SynthesisError: it does not synthesize.
    """
    context = json.loads((source / "cdk.json").read_text())["context"]
    context["aws:cdk:bundling-stacks"] = []
    ran = subprocess.run(
        [sys.executable, "app.py"],
        cwd=source,
        env={
            **os.environ,
            "PYTHONPATH": "",
            "CDK_OUTDIR": str(out),
            "CDK_CONTEXT_JSON": json.dumps(context),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        shutil.rmtree(out, ignore_errors=True)
        raise SynthesisError(f"{source.name} does not synthesize:\n{ran.stderr[-2_000:]}")
