"""What a branch changes in one stack: `cdk diff` against another commit, offline."""

import subprocess
import tempfile
from pathlib import Path

from shadow_runtime.contract import ShadowCanaryError
from shadowctl.synthesis import app_folder, cdk, check_out, synthesize


class DiffError(ShadowCanaryError):
    """There is nothing to compare with: why, and what to do."""


def diff(stack: str, *, base: str) -> None:
    """Prints what the working tree changes in `stack`, compared with the commit `base`.

    Both sides are synthesized here, with this environment's packages and without building layers;
    no network and no credentials are used.

    Raises:
        DiffError: there is no such stack.
        SynthesisError: `base` is no commit, or a side cannot be synthesized.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        check_out(base, Path(folder, "source"))
        synthesize(Path(folder, "source"), before)
        synthesize(app_folder(), after)
        if not (after / f"{stack}.template.json").exists():
            known = ", ".join(sorted(p.name.split(".")[0] for p in after.glob("*.template.json")))
            raise DiffError(f"no stack {stack!r} in app.py; it has {known}")
        template = before / f"{stack}.template.json"
        if not template.exists():
            template.write_text("{}")  # a new stack: everything is an addition
        subprocess.run(
            [*cdk(), "diff", stack, "--app", after, "--template", template, "--no-notices"],
            check=True,
            cwd=folder,
        )
