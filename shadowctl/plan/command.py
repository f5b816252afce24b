"""`shadowctl plan`: the plan of a route, of this tree or of an assembly."""

import tempfile
from pathlib import Path

from shadowctl.plan.plan import plan
from shadowctl.synthesis import app_folder, synthesize


def planned(
    route: str, *, assembly: Path | None, days: float, control_ms: float, candidate_ms: float
) -> str:
    """The plan of `route` from `assembly`, or from one that is made of this tree.

    Raises:
        SynthesisError: this tree does not synthesize.
        TemplateError: there is no such stack, or something is missing in it; what, and where.
    """
    with tempfile.TemporaryDirectory() as folder:
        if assembly is None:
            assembly = Path(folder, "cdk.out")
            synthesize(app_folder(), assembly)
        return plan(assembly, route, days=days, control_ms=control_ms, candidate_ms=candidate_ms)
