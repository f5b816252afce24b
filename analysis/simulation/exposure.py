"""The flag takes users to the candidate, and alarms take them back."""

from dataclasses import replace
from typing import Self

import numpy as np

from analysis.alarms.operations import Series
from analysis.rollout.guards import Alarms
from analysis.rollout.rollout import Rollout
from analysis.simulation.arrivals import Counts, expected, poisson, some_of
from analysis.simulation.canary import Canary
from analysis.simulation.guards import first, until
from analysis.simulation.latency import Latencies, Latency
from analysis.simulation.recorded import Key, Recorded, by_function, by_route, written
from analysis.simulation.runs import Runs, distinct
from analysis.simulation.scenario import Scenario
from shadow_runtime.contract import Dimension, MetricName, Stage, Variant


class Exposure(Canary):
    """The data-source canary: users up to the ceiling are on a candidate that fails.

    Example:
        >>> Exposure(rollout, Scenario()).play(100, np.random.default_rng(0))  # doctest: +SKIP
    """

    title = "data-source canary"
    under_way = "users on the candidate"

    def __init__(self, rollout: Rollout, scenario: Scenario) -> None:
        super().__init__(rollout, scenario)
        usual = {"p50_ms": scenario.control_p50_ms, "p95_ms": scenario.control_p95_ms}
        deadline_ms = rollout.candidate_deadline.total_seconds() * 1_000
        self._usual = Latencies.around(**usual)
        self._candidates = Latencies.around(
            **usual, slow_times=scenario.slow_times, most_ms=deadline_ms
        )
        times = np.arange(self.minutes)
        self._requests = expected(rollout, scenario)
        self._exposed = np.array([rollout.raising.percent_after(float(t)) for t in times]) / 100
        self._slow = times >= scenario.failure_starts
        late = self._slow * self._candidates.over(deadline_ms)
        self._faults = 1 - (1 - scenario.failing()) * (1 - late)

    @property
    def alarms(self) -> Alarms:
        """Those which the operations function hears."""
        return self.rollout.exposure_alarms

    @property
    def setting(self) -> str:
        """The ceiling, and how long the flag takes to be there."""
        return f"{self.percent:g} % of users, within {self.rollout.raising.minutes:g} minutes"

    @property
    def percent(self) -> float:
        """Of the users."""
        return self.rollout.ceiling.candidate_percent

    @property
    def minutes(self) -> int:
        """All of them: the alarms stand until the clean-up."""
        return self.scenario.minutes

    def at(self, percent: float) -> Self:
        """The same with another ceiling."""
        ceiling = Stage.canary(percent=percent)
        return type(self)(replace(self.rollout, ceiling=ceiling), self.scenario)

    def play(self, rollouts: int, chance: np.random.Generator) -> Runs:
        """What becomes of so many rollouts."""
        everyone = self.rollout.traffic.users
        users = chance.binomial(everyone, self.rollout.ceiling.candidate_percent / 100, rollouts)
        share = users[:, np.newaxis] / everyone * self._exposed
        asked = poisson(chance, share * self._requests, rollouts)
        faults = some_of(chance, asked, self._faults)
        mismatched = some_of(chance, asked - faults, self.scenario.mismatching())
        on_control = poisson(chance, (self._exposed - share) * self._requests, rollouts)
        unaware = poisson(chance, (1 - self._exposed) * self._requests, rollouts)
        recorded = Recorded(
            self._asked(asked, faults, on_control + unaware)
            | self._compared(asked - faults, mismatched, on_control, chance)
            | self._of_lambda(asked + on_control + unaware, chance),
            self._latencies(asked, on_control + unaware),
            chance,
        )
        found = first(
            self.alarms,
            recorded,
            delay=self.scenario.delay_minutes,
            until=self.minutes,
        )
        leaves_after, all_left_after = _way_back(self.rollout, self.scenario)
        leaves = found.red_at + leaves_after
        failed = until(faults, leaves)
        errors = failed * (self.rollout.ceiling == Stage.COMPLETE)
        return Runs(
            guards=tuple(self.alarms),
            guard=found.guard,
            red_at=found.red_at,
            back_at=found.red_at + all_left_after,
            errors=errors,
            users=distinct(errors, users.astype(float)),
            fallbacks=failed - errors,
            wrong=until(mismatched, leaves),
        )

    def _asked(self, asked: Counts, faults: Counts, on_control: Counts) -> dict[Key, Series]:
        route = self.rollout.route
        candidate = {Dimension.VARIANT: Variant.CANDIDATE.value}
        control = {Dimension.VARIANT: Variant.CONTROL.value}
        return {
            by_route(MetricName.REQUESTS, route, **candidate): written(asked),
            by_route(MetricName.FAULTS, route, **candidate): written(faults),
            by_route(MetricName.REQUESTS, route, **control): written(on_control),
            by_route(MetricName.SHORT_CIRCUITED, route): written(0 * asked),
        }

    def _compared(
        self, answered: Counts, mismatched: Counts, on_control: Counts, chance: np.random.Generator
    ) -> dict[Key, Series]:
        """What the shadow makes of the copies: the candidate's answers, and those of control."""
        failed = some_of(chance, on_control, self.scenario.failing())
        differ = some_of(chance, on_control - failed, self.scenario.mismatching())
        is_compared = Stage.SHADOW < self.rollout.ceiling < Stage.COMPLETE
        counts = {
            MetricName.COMPARED: answered + on_control,
            MetricName.MISMATCHED: mismatched + differ,
            MetricName.CANDIDATE_ERRORS: failed,
        }
        return {
            by_route(name, self.rollout.route, **{Dimension.EXPOSED: "true"}): written(
                count * is_compared
            )
            for name, count in counts.items()
        }

    def _of_lambda(self, invoked: Counts, chance: np.random.Generator) -> dict[Key, Series]:
        """The whole function's: it does not fail when its candidate does."""
        function = self.rollout.versions.function
        errors = some_of(chance, invoked, self.scenario.healthy_percent / 100)
        return {
            by_function("Invocations", function): written(invoked),
            by_function("Errors", function): written(errors, invoked),
        }

    def _latencies(self, asked: Counts, on_control: Counts) -> dict[Key, Latency]:
        candidate, control = (
            by_route(MetricName.LATENCY, self.rollout.route, **{Dimension.VARIANT: variant.value})
            for variant in (Variant.CANDIDATE, Variant.CONTROL)
        )
        return {
            candidate: Latency(asked, asked * self._slow, self._candidates),
            control: Latency(on_control, 0 * on_control, self._usual),
        }


def _way_back(rollout: Rollout, scenario: Scenario) -> tuple[float, float]:
    """Minutes from a red alarm until a user leaves, on average, and until all have left."""
    said, poll = scenario.operations_seconds / 60, rollout.poll_interval.total_seconds() / 60
    lowering = rollout.lowering
    return said + poll / 2 + lowering.mean_minutes, said + poll + lowering.minutes
