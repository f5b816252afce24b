"""What a branch changes in one stack: `cdk diff` against another commit, offline."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class DiffError(RuntimeError):
    """There is nothing to compare with: why, and what to do."""


def diff(stack: str, *, base: str) -> None:
    """Prints what the working tree changes in `stack`, compared with the commit `base`.

    Both sides are synthesized here, with this environment's packages and without building layers;
    no network and no credentials are used.

    Raises:
        DiffError: `base` is no commit, or a side cannot be synthesized.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        _check_out(base, Path(folder, "source"))
        _synthesize(Path(folder, "source"), before)
        _synthesize(ROOT, after)
        if not (after / f"{stack}.template.json").exists():
            known = ", ".join(sorted(p.name.split(".")[0] for p in after.glob("*.template.json")))
            raise DiffError(f"no stack {stack!r} in app.py; it has {known}")
        template = before / f"{stack}.template.json"
        if not template.exists():
            template.write_text("{}")  # a new stack: everything is an addition
        cli = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
        subprocess.run(
            ["node", cli, "diff", stack, "--app", after, "--template", template, "--no-notices"],
            check=True,
            cwd=folder,
        )


def _check_out(base: str, folder: Path) -> None:
    archive = subprocess.run(["git", "archive", base], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        reason = archive.stderr.decode().strip().splitlines()[-1]
        raise DiffError(f"cannot read {base!r} ({reason}); fetch it, or name another with BASE=")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)


def _synthesize(source: Path, out: Path) -> None:
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
        raise DiffError(f"{source.name} does not synthesize:\n{ran.stderr[-2_000:]}")
