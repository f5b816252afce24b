"""What a cold start pays: importing the route's code, and its size.

`python -m bench.cold_start`, with `lambdas` on the path, prints the tables.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distribution
from statistics import median

from bench.contest import ROOT, progress
from bench.deployed import ENVIRONMENT, played_appconfig
from bench.report import Line, line, megabytes, show

LAMBDAS = ROOT / "lambdas"
RUNS = 15
MOST, MOST_SIZE = 1.1, 1.25
NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}

BARE = """
import boto3
from aws_lambda_powertools import Logger
Logger(service="route")
"""
OURS, IMPORTED = "ours", "boto3 + Powertools' Logger, imported"
CLIENTS = "the same, with two clients"
WAYS = {
    OURS: "import routes.get_user.control",
    IMPORTED: BARE,
    CLIENTS: BARE + 'boto3.client("appconfigdata"), boto3.client("lambda")',
}
ASKED = {IMPORTED: MOST, CLIENTS: MOST}
TITLE = f"(d) Importing the route's code (median of {RUNS} fresh interpreters)"
INCLUDES = (
    "Ours is the route with all that it holds: log, metrics, traces, both services of AWS that it "
    "asks, and the first poll of the flag, from an AppConfig played on this machine. The second "
    "peer makes the two clients that do the same. Bytecode is cached in the first group; a "
    "deployed layer holds none, as in the second."
)
SIZE_TITLE = "(d) Installed size of the route's layer and code"
SIZE_INCLUDES = "All files but bytecode: the wheels that runtime.txt locks, our runtime, the route."


def main() -> list[Line]:
    """Measure, print the tables, and return their lines."""
    return show(TITLE, INCLUDES, _imports()) + show(
        SIZE_TITLE, SIZE_INCLUDES, [_size()], unit=megabytes
    )


def _imports() -> list[Line]:
    with tempfile.TemporaryDirectory() as cache, progress() as bar, played_appconfig() as url:
        task = bar.add_task("bench.cold_start", total=(len(WAYS) + 2) * RUNS)
        cached, none = f"{cache}/cached", f"{cache}/none"
        groups = {
            "import, bytecode cached": ({"PYTHONPYCACHEPREFIX": cached}, [*WAYS]),
            # The clients cost the same here, so the peer that makes them is left out.
            "import, no bytecode": ({"PYTHONPYCACHEPREFIX": none, **NO_BYTECODE}, [OURS, IMPORTED]),
        }
        lines = []
        for name, (settings, ways) in groups.items():
            times: dict[str, list[float]] = {way: [] for way in ways}
            for run in range(1 + RUNS):  # in turns, so that a busy moment meets all
                for way in ways:
                    served = settings | {"AWS_ENDPOINT_URL_APPCONFIGDATA": url}
                    seconds = _seconds(WAYS[way], served)
                    if run > 0:  # the first fills the caches
                        times[way].append(seconds)
                        bar.advance(task)
            medians = {way: median(each) for way, each in times.items()}
            ours = medians.pop(OURS)
            lines += [line(name, ours, way, medians[way], ASKED.get(way)) for way in medians]
    return lines


def _seconds(code: str, settings: Mapping[str, str]) -> float:
    """How long `code` runs in an interpreter that has imported nothing yet."""
    timed = f"import time\nstart = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(LAMBDAS), **ENVIRONMENT}
    child = subprocess.run(
        [sys.executable, "-c", timed],
        env={**environment, **settings},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(child.stdout)


def _size() -> Line:
    lock = (LAMBDAS / "shadow_runtime/requirements/runtime.txt").read_text()
    layer = _installed(re.findall(r"^([\w.-]+)==", lock, flags=re.MULTILINE))
    code = sum(
        file.stat().st_size
        for folder in ("dataset", "dataset_runtime", "shadow_runtime", "routes/get_user")
        for file in (LAMBDAS / folder).rglob("*.py")
    )
    bare = _installed(_closure("boto3", "aws-lambda-powertools"))
    return line("size of layer and code", layer + code, "boto3 + Powertools", bare, MOST_SIZE)


def _installed(names: Iterable[str]) -> int:
    return sum(_files(name) for name in names)


def _files(name: str) -> int:
    return sum(file.size or 0 for file in distribution(name).files or () if file.suffix != ".pyc")


def _closure(*names: str) -> set[str]:
    """`names` and all that they require, extras aside."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _required(name)
    return found


def _required(name: str) -> Iterator[str]:
    for requirement in distribution(name).requires or ():
        text, _, marker = requirement.partition(";")
        if "extra" not in marker and "python_version <" not in marker:
            yield re.split(r"[^\w.-]", text.strip())[0].lower()


if __name__ == "__main__":
    main()
