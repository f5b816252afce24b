"""Contests: one job done by us and by peers, timed by pyperf in processes of their own."""

import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.report import Line, console, line

ROOT = Path(__file__).parent.parent

Work = Callable[[], object]


class Contest(NamedTuple):
    """One job, done by us and by each peer; `asked` is the highest ratio asked for, by peer."""

    name: str
    ours: Work
    peers: Mapping[str, Work]
    asked: Mapping[str, float]


def peer(name: str) -> Any:
    """A peer's module, by name: none is installed where types are checked."""
    return importlib.import_module(name)


def is_installed(name: str) -> bool:
    """Whether the peer can take part."""
    return importlib.util.find_spec(name) is not None


def race(module: str, contests: Iterable[Contest]) -> None:
    """Times every work of `contests`, as pyperf's command line says.

    pyperf starts `module` anew for every process, so that module must call this when it has
    arguments.
    """
    runner = peer("pyperf").Runner(program_args=("-m", module))
    for contest in contests:
        about: dict[str, str | float] = {"contest": contest.name}
        runner.bench_func(contest.name, contest.ours, metadata=about)
        for rival, work in contest.peers.items():
            told = about | {"peer": rival}
            if rival in contest.asked:
                told["asked"] = contest.asked[rival]
            runner.bench_func(f"{contest.name}, {rival}", work, metadata=told)


def measure(
    module: str,
    environment: Mapping[str, str] | None = None,
    *,
    processes: int = 2,
    values: int = 3,
    warmups: int = 1,
) -> list[Line]:
    """The lines of the contests that `module` races; times are medians in seconds."""
    given = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "lambdas")])}
    given |= environment or {}
    with tempfile.TemporaryDirectory() as folder:
        # Every process imports all: from bytecode, which the tree and its packages do not hold.
        given |= {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        suite = Path(folder, "suite.json")
        command = [
            *(sys.executable, "-m", module, "--quiet", f"--output={suite}"),
            *(
                f"--processes={processes}",
                f"--values={values}",
                f"--warmups={warmups}",
                "--min-time=0.02",
            ),
            f"--inherit-environ={','.join(given)}",
        ]
        _watched(module, command, {**os.environ, **given, "PYTHONUNBUFFERED": "1"})
        return _lines(peer("pyperf").BenchmarkSuite.load(str(suite)))


def progress() -> Progress:
    """A bar that leaves nothing behind."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _watched(module: str, command: list[str], environment: Mapping[str, str]) -> None:
    """pyperf writes a line for each work that it has timed."""
    with (
        progress() as bar,
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as child,
    ):
        task = bar.add_task(module, total=None)
        for text in child.stdout or ():
            if ": " in text:
                bar.advance(task)
        if child.wait():
            errors.seek(0)
            raise SystemExit(f"{module} failed:\n{errors.read()}")


def _lines(suite: Iterable[Any]) -> list[Line]:
    ours: dict[str, float] = {}
    lines: list[Line] = []
    for benchmark in suite:
        about, median = benchmark.get_metadata(), benchmark.median()
        name = about["contest"]
        if "peer" in about:
            lines.append(line(name, ours[name], about["peer"], median, about.get("asked")))
        else:
            ours[name] = median
    return lines
