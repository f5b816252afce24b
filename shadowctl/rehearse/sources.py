"""Where the template of a rehearsal comes from."""

import json
import tempfile
from pathlib import Path
from typing import Any

from analysis.rollout.errors import RolloutError
from analysis.rollout.rollout import Rollout
from analysis.rollout.stack import Stack
from analysis.traffic import Traffic
from shadowctl.synthesis import ROOT, check_out, synthesize


def here(stack: str, *, traffic: Traffic | None) -> Rollout:
    """The rollout of the working tree.

    Raises:
        SynthesisError: it does not synthesize.
        RolloutError: something is missing in the template.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "cdk.out")
        synthesize(ROOT, out)
        return Rollout.load(out, stack, traffic=traffic)


def found(stack: str, source: str, *, traffic: Traffic | None) -> Rollout:
    """The rollout of `source`: an assembly's folder, a template, or a commit.

    Raises:
        SynthesisError: it is none of these, or does not synthesize.
        RolloutError: something is missing in the template.
    """
    path = Path(source)
    if path.is_dir():
        return Rollout.load(path, stack, traffic=traffic)
    if path.is_file():
        return Rollout.of(Stack(stack, _template(path)), traffic=traffic)
    with tempfile.TemporaryDirectory() as folder:
        checkout, out = Path(folder, "source"), Path(folder, "cdk.out")
        check_out(source, checkout)
        synthesize(checkout, out)
        return Rollout.load(out, stack, traffic=traffic)


def _template(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise RolloutError(
            f"{path} is no template ({error}); name an assembly's folder, a template in JSON or a "
            "commit"
        ) from error
