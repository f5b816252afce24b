"""The alarm that one would write first, over all of a function's invocations, beside ours."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from analysis.alarms import Alarm, ComparisonOperator, Metric, TreatMissing
from analysis.format import count
from analysis.metric_math import Formula
from analysis.rollout import Rollout
from analysis.simulation.canaries import SimulatedCanary, SimulatedCodeCanary, SimulatedExposure
from analysis.simulation.rehearsal import Summary, simulate
from analysis.simulation.scenario import Scenario
from bench.rehearsed_routes import Route
from shadowctl.rehearse import screen

FAILURES = {
    "20 % crash": Scenario(failing_percent=20),
    "all crash": Scenario(failing_percent=100),
    "20 % of the answers are wrong": Scenario(failing_percent=0, mismatch_percent=20),
    "nothing": Scenario(failing_percent=0),
}
HANDLED = {"20 % answer 500": Scenario(failing_percent=20, handled=True)}
"""Of a version alone: how a candidate fails makes no difference, since control answers."""


def print_table(routes: Mapping[Route, Rollout]) -> None:
    """Each of `routes` with each failure, for an hour, as Markdown."""
    for make, failures in (
        (SimulatedCodeCanary, FAILURES | HANDLED),
        (SimulatedExposure, FAILURES),
    ):
        print(f"\n## Over the whole function / ours: {make.title}\n")
        print("| requests a day | what fails | goes back | after, median | requests harmed, mean |")
        print("|--:|---|--:|--:|--:|")
        for route, ours in routes.items():
            for failure, scenario in failures.items():
                both = [
                    _outcome(make(rollout, scenario)) for rollout in (with_first_idea(ours), ours)
                ]
                said = (" / ".join(column) for column in zip(*map(_said, both), strict=True))
                print(
                    f"| {count(route.traffic.requests_per_day)} | {failure} | {' | '.join(said)} |"
                )


def with_first_idea(rollout: Rollout) -> Rollout:
    """The rollout with that alarm in the place of all guards."""
    alarm = {"errors": _alarm(rollout.versions.function)}
    return replace(rollout, code_alarms=alarm, exposure_alarms=alarm)


def _alarm(function: str) -> Alarm:
    """Over 2 % of the function's invocations failed in 3 of 5 minutes."""
    dimensions = frozenset({("FunctionName", function)})
    return Alarm(
        name=None,
        description="",
        rule=None,
        metrics={
            name.lower(): Metric(
                namespace="AWS/Lambda", name=name, dimensions=dimensions, statistic="Sum"
            )
            for name in ("Errors", "Invocations")
        },
        formula=Formula.parse("100 * errors / invocations"),
        period=60,
        evaluation_periods=5,
        datapoints_to_alarm=3,
        threshold=2,
        comparison=ComparisonOperator.GREATER,
        treat_missing=TreatMissing.NOT_BREACHING,
        actions=(),
    )


def _outcome(canary: SimulatedCanary) -> Summary:
    return Summary.of(simulate(canary), canary.scenario)


def _said(outcome: Summary) -> Iterator[str]:
    yield screen.percent(outcome.rolled_back)
    yield screen.minutes(outcome.minutes_p50)
    yield count(outcome.errors + outcome.fallbacks + outcome.wrong)
