"""Apps of many routes: what synthesis takes, and how large what they deploy is.

`PYTHONPATH=.:constructs:lambdas python -m bench.many_routes`, some minutes. Seconds are the CPU's,
of Python and Node together, so that another program beside it changes little.
"""

import contextlib
import json
import resource
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from shadowctl.new_route.command import new_route
from shadowctl.synthesis import synthesize
from tests.checkout import ROOT

ROUTES = (1, 10, 100)


class Synthesized(NamedTuple):
    """An app of so many routes: CPU seconds, bytes of its templates, and their resources."""

    routes: int
    seconds: float
    sizes: list[int]
    resources: int


def synthesized(routes: int) -> Synthesized:
    """Writes an app of `routes` routes, each in a stack of its own, and synthesizes it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        app = Path.cwd()
        (app / "app.py").write_text("import aws_cdk as cdk\n\napp = cdk.App()\napp.synth()\n")
        shutil.copy(ROOT / "cdk.json", app)
        for number in range(routes):
            [*new_route(f"orders-{number}", "GET /orders/{id}")]
        before = _cpu()
        synthesize(app, app / "cdk.out")
        seconds = _cpu() - before
        templates = [path.read_text() for path in app.glob("cdk.out/*.template.json")]
    resources = sum(len(json.loads(text)["Resources"]) for text in templates)
    return Synthesized(routes, seconds, [len(text) for text in templates], resources)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Prints a line for each number of routes."""
    for each in map(synthesized, ROUTES):
        print(
            f"{each.routes:>4} routes: {each.seconds:.1f} s of CPU, {each.resources:,} resources, "
            f"{sum(each.sizes) / 2**20:.2f} MB of templates, the largest {max(each.sizes):,} bytes",
            flush=True,
        )


if __name__ == "__main__":
    main()
