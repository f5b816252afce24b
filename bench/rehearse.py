"""Rehearsing a rollout: thousands of hours in a second.

`python -m bench.rehearse`, with `constructs` and `lambdas` on the path, prints the table.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.rollout import Rollout
from analysis.simulation.rehearsal import RehearsedCanary, canaries
from analysis.simulation.scenario import Scenario
from bench import plain_rehearsal
from bench.contest import ROOT, Contest, Work, measure, race
from bench.report import Line, line, show
from shadowctl.synthesis import synthesize

TITLE = "(f) Rehearse: 10,000 rollouts of GetUser, an hour each (median)"
INCLUDES = (
    "Both canaries with all six guards, with 20 % of requests failing and once more with none, "
    "for the false rollbacks: 40,000 rollouts in all. The template is read before. The peer is "
    "the same model as a loop over rollouts, minutes and alarms in plain Python with NumPy's "
    "draws, which stops at the first red alarm; it plays 10 and is scaled."
)
ASSEMBLY = "SHADOW_CANARY_BENCH_ASSEMBLY"
NAME, PEER = "10,000 rollouts of an hour", "a loop in plain Python"
FEW = 10
MOST_SECONDS = 1.0


def main() -> list[Line]:
    """Measure, print the table, and return its lines."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = Path(folder, "cdk.out")
        synthesize(ROOT, assembly)
        environment = {ASSEMBLY: str(assembly)}
        [timed] = measure("bench.rehearse", environment, processes=2, values=3)
    scale = Scenario().rollouts / FEW
    asked = f"{MOST_SECONDS:g} s, as asked for"
    lines = [
        line(NAME, timed["ours"], PEER, timed["peer"] * scale),
        line(NAME, timed["ours"], asked, MOST_SECONDS, 1.0),
    ]
    return show(TITLE, INCLUDES, lines)


def contests(rollout: Rollout) -> Iterator[Contest]:
    """The one job."""
    yield Contest(NAME, _ours(rollout), {PEER: _plain(rollout)}, {})


def _ours(rollout: Rollout) -> Work:
    return lambda: [RehearsedCanary.of(canary) for canary in canaries(rollout, Scenario())]


def _plain(rollout: Rollout) -> Work:
    rng = np.random.default_rng(0)
    scenarios = (Scenario(), Scenario().healthy)

    def play() -> object:
        return [
            canary(rollout, scenario, rng)
            for canary in (plain_rehearsal.code_canary, plain_rehearsal.exposure)
            for scenario in scenarios
            for _ in range(FEW)
        ]

    return play


if __name__ == "__main__":
    if len(sys.argv) > 1:
        race("bench.rehearse", contests(Rollout.load(Path(os.environ[ASSEMBLY]), "GetUser")))
    else:
        main()
