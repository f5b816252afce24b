"""Apps of many routes: how long they synthesize, and how large what they deploy is."""

import contextlib
import json
import shutil
import tempfile
import time
from pathlib import Path

from shadowctl.new_route.command import new_route
from shadowctl.synthesis import synthesize
from tests.checkout import ROOT

ROUTES = (1, 10, 50, 100)


def measure() -> list[tuple[int, float, float, float, int]]:
    """For each number of routes: seconds, KB of all templates, KB of the largest, and resources."""
    found = []
    for number in ROUTES:
        with tempfile.TemporaryDirectory() as folder:
            app = Path(folder, "app")
            app.mkdir()
            (app / "app.py").write_text("import aws_cdk as cdk\n\napp = cdk.App()\napp.synth()\n")
            shutil.copy(ROOT / "cdk.json", app)
            with contextlib.chdir(app):
                for index in range(number):
                    [*new_route(f"orders-{index}", "GET /orders/{id}")]
            began = time.perf_counter()
            synthesize(app, app / "cdk.out")
            seconds = time.perf_counter() - began
            templates = [path.read_text() for path in app.glob("cdk.out/*.template.json")]
            assert len(templates) == number
            resources = sum(len(json.loads(text)["Resources"]) for text in templates)
            sizes = [len(text) / 1024 for text in templates]
            found.append((number, seconds, sum(sizes), max(sizes), resources))
    return found


if __name__ == "__main__":
    for number, seconds, total, largest, resources in measure():
        print(
            f"{number:>4} routes  {seconds:6.1f} s  {seconds / number:5.2f} s a route  "
            f"{total:8.0f} KB of templates, the largest {largest:.0f} KB  {resources:,} resources"
        )
