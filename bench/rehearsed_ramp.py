"""The ramp of a route, rehearsed: when a good candidate is everybody's, and whom a bad one meets.

`PYTHONPATH=.:constructs:lambdas python -m bench.rehearsed_ramp` prints the table of
`docs/rehearsal.md`.
"""

from dataclasses import replace
from datetime import timedelta

from analysis.format import count
from analysis.simulation.ramp import SimulatedRamp
from analysis.simulation.scenario import Scenario
from analysis.traffic import Traffic
from bench.rehearsed_routes import Route, rollouts
from judge import Ramp
from shadow_runtime.contract import Stage

RAMP = Ramp(percents=(1, 5, 25, 100), dwell=timedelta(days=1))


REQUESTS_A_DAY = (10_000, 100_000, 1_000_000)
COLUMNS = (
    *("requests a day", "candidate", "at `live`", "after, median"),
    *("goes to", "users harmed", "by one step"),
)


def main() -> None:
    traffic = (Traffic.per_day(a_day, users=a_day // 20) for a_day in REQUESTS_A_DAY)
    routes = [Route(each, percent=1) for each in traffic]
    print(f"| {' | '.join(COLUMNS)} |")
    print("|--:|---|--:|--:|---|--:|--:|")
    for a_day, read in zip(REQUESTS_A_DAY, rollouts(routes), strict=True):
        rollout = replace(read, ramp=RAMP, ceiling=Stage.LIVE)
        for each in SimulatedRamp.played(rollout, Scenario()):
            days = "never" if each.days_p50 is None else f"{each.days_p50:.1f} days"
            print(
                f"| {a_day:,} | {each.candidate} | {100 * each.done:g} % | {days} | "
                f"`{each.furthest}` | {count(each.users)} | {count(each.one_step)} |"
            )


if __name__ == "__main__":
    main()
