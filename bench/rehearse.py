"""Rehearsing a rollout: thousands of hours in a second.

`python -m bench.rehearse`, with `constructs` and `lambdas` on the path, prints the table.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np

from analysis.power import (
    ExposureRates,
    RateAlarm,
    underpowered_code,
    underpowered_exposure,
)
from analysis.power.played import Failure, exposure_seen
from analysis.rollout import Rollout
from analysis.rules import CanaryWindows, Window
from analysis.simulation.rehearsal import RehearsedCanary, canaries
from analysis.simulation.scenario import Scenario
from analysis.traffic import Shift, Traffic
from bench import plain_rehearsal
from bench.contest import ROOT, Contest, Work, measure, race
from bench.report import Line, line, show
from shadowctl.synthesis import synthesize

TITLE = "(f) Rehearse: 10,000 rollouts of GetUser, an hour each; what alarms see at least (median)"
INCLUDES = (
    "Both canaries with all six guards, with 20 % of requests failing and once more with none, "
    "for the false rollbacks: 40,000 rollouts in all. The template is read before. The peer is "
    "the same model as a loop over rollouts, minutes and alarms in plain Python with NumPy's "
    "draws, which stops at the first red alarm; it plays 10 and is scaled. What synthesis computes "
    "is both warnings of the route that takes the most work of 100 random ones, with 54 shifts and "
    "6 percentages to advise. Its peer is no equal: what plan plays of one failure of 1 %, of a "
    "route with a million requests a day."
)
ASSEMBLY = "SHADOW_CANARY_BENCH_ASSEMBLY"
NAME, PEER = "10,000 rollouts of an hour", "a loop in plain Python"
FEW = 10
MOST_SECONDS = 1.0
COMPUTED, PLAYED = "what alarms see, computed at synthesis", "a day of a busy route, played by plan"
MOST_SECONDS_AT_SYNTHESIS = 0.05

BUSY, HEAVY = Traffic.per_day(1_000_000, users=50_000), Traffic.per_day(909, users=1_030)
SIX_HOURS = Window(
    period=timedelta(hours=6),
    evaluation_periods=2,
    datapoints_to_alarm=2,
    minimum_requests=1_000,
    minimum_failures=1,
)
RATES = ExposureRates(RateAlarm(2, SIX_HOURS), RateAlarm(2, SIX_HOURS))


def main() -> list[Line]:
    """Measure, print the table, and return its lines."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = Path(folder, "cdk.out")
        synthesize(ROOT, assembly)
        environment = {ASSEMBLY: str(assembly)}
        timed, computed = measure("bench.rehearse", environment, processes=2, values=3)
    scale = Scenario().rollouts / FEW
    asked = f"{MOST_SECONDS:g} s, as asked for"
    at_synthesis = f"{1_000 * MOST_SECONDS_AT_SYNTHESIS:g} ms, as asked for"
    lines = [
        line(NAME, timed["ours"], PEER, timed["peer"] * scale),
        line(NAME, timed["ours"], asked, MOST_SECONDS, 1.0),
        computed,
        line(COMPUTED, computed["ours"], at_synthesis, MOST_SECONDS_AT_SYNTHESIS, 1.0),
    ]
    return show(TITLE, INCLUDES, lines)


def contests(rollout: Rollout) -> Iterator[Contest]:
    """A rehearsal, and what is said of a canary without one."""
    yield Contest(NAME, _ours(rollout), {PEER: _plain(rollout)}, {})
    yield Contest(COMPUTED, _warnings, {PLAYED: _played}, {})


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


def _warnings() -> object:
    shift = Shift.canary(minutes=10, percent=1)
    return (
        underpowered_code(RATES.errors, HEAVY, shift, given=SIX_HOURS),
        underpowered_exposure(RATES, HEAVY, 5, within=timedelta(days=7), given=SIX_HOURS),
    )


def _played() -> object:
    windows = CanaryWindows.for_exposure(BUSY, 2, within=timedelta(days=7))
    rates = ExposureRates(RateAlarm(2, windows.error_rate), RateAlarm(2, windows.mismatch_rate))
    a_day = np.full(1_440, BUSY.per_minute)
    return exposure_seen(a_day, BUSY, 2, rates, Failure(1))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        race("bench.rehearse", contests(Rollout.load(Path(os.environ[ASSEMBLY]), "GetUser")))
    else:
        main()
