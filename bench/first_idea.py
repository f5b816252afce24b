"""The alarm that one would write first, over all of a function's invocations, beside ours."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from analysis.alarms.alarm import Alarm, Metric
from analysis.alarms.comparison import Comparison
from analysis.alarms.formula import Formula
from analysis.alarms.states import TreatMissing
from analysis.rollout.rollout import Rollout
from analysis.simulation.canary import Canary
from analysis.simulation.code_canary import CodeCanary
from analysis.simulation.exposure import Exposure
from analysis.simulation.outcome import Outcome
from analysis.simulation.playing import played
from analysis.simulation.scenario import Scenario
from bench.rehearsed_routes import Case
from shadowctl.rehearse import words

FAILURES = {
    "20 % crash": Scenario(failing_percent=20),
    "all crash": Scenario(failing_percent=100),
    "20 % of the answers are wrong": Scenario(failing_percent=0, mismatch_percent=20),
    "nothing": Scenario(failing_percent=0),
}
HANDLED = {"20 % answer 500": Scenario(failing_percent=20, handled=True)}
"""Of a version alone: how a candidate fails makes no difference, since control answers."""


def print_table(cases: Sequence[Case]) -> None:
    """Each of `cases` with each failure, for an hour, as Markdown."""
    for make, failures in ((CodeCanary, FAILURES | HANDLED), (Exposure, FAILURES)):
        print(f"\n## Over the whole function / ours: {make.title}\n")
        print("| requests a day | what fails | goes back | after, median | requests harmed, mean |")
        print("|--:|---|--:|--:|--:|")
        for case in cases:
            for failure, scenario in failures.items():
                both = [
                    _outcome(make(rollout, scenario))
                    for rollout in (with_first_idea(case.rollout), case.rollout)
                ]
                said = (" / ".join(column) for column in zip(*map(_said, both), strict=True))
                print(f"| {case.a_day:,} | {failure} | {' | '.join(said)} |")


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
        comparison=Comparison.GREATER,
        treat_missing=TreatMissing.NOT_BREACHING,
        actions=(),
    )


def _outcome(canary: Canary) -> Outcome:
    return Outcome.of(played(canary), canary.scenario)


def _said(outcome: Outcome) -> Iterator[str]:
    yield words.percent(outcome.rolled_back)
    yield words.minutes(outcome.minutes_p50)
    yield words.count(outcome.errors + outcome.fallbacks + outcome.wrong)
