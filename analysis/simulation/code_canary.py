"""A new version of the route takes its share of the invocations, step by step."""

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
from analysis.simulation.scenario import Minutes, Scenario
from shadow_runtime.contract import Dimension, MetricName, Stage


class CodeCanary(Canary):
    """CodeDeploy shifts to a new version that fails.

    Example:
        >>> CodeCanary(rollout, Scenario()).play(100, np.random.default_rng(0))  # doctest: +SKIP
    """

    title = "code canary"
    under_way = "in the shift, watched"

    def __init__(self, rollout: Rollout, scenario: Scenario) -> None:
        super().__init__(rollout, scenario)
        self._latencies = Latencies.around(
            p50_ms=scenario.control_p50_ms,
            p95_ms=scenario.control_p95_ms,
            slow_times=scenario.slow_times,
        )
        requests = expected(rollout, scenario)
        self._new = requests * self._share()
        self._old = requests - self._new
        self._on_candidate = rollout.ceiling.candidate_percent / 100

    @property
    def alarms(self) -> Alarms:
        """CodeDeploy's."""
        return self.rollout.code_alarms

    @property
    def setting(self) -> str:
        """The shift."""
        return self.rollout.shift.description

    @property
    def percent(self) -> float:
        """Of the invocations."""
        return self.rollout.shift.first_percent

    @property
    def minutes(self) -> int:
        """The shift's: CodeDeploy does not look later."""
        return max(1, min(self.rollout.shift.minutes, self.scenario.minutes))

    def at(self, percent: float) -> Self:
        """The same with steps of another height."""
        shift = self.rollout.shift.at(int(percent))
        return type(self)(replace(self.rollout, shift=shift), self.scenario)

    def _share(self) -> Minutes:
        """The new version's part of the invocations in each minute, from 0 to 1."""
        steps = self.rollout.shift.steps
        shifting = np.repeat([percent / 100 for _, percent in steps], [each for each, _ in steps])
        share = np.ones(self.scenario.minutes)
        share[: shifting.size] = shifting[: share.size]
        return share

    def play(self, rollouts: int, chance: np.random.Generator) -> Runs:
        """What becomes of so many rollouts."""
        shifting, later = slice(self.minutes), slice(self.minutes, None)
        failing, mismatching = self.scenario.failing(), self.scenario.mismatching()
        new = poisson(chance, self._new[shifting], rollouts)
        bad = some_of(chance, new, failing[shifting])
        mismatched = some_of(chance, new - bad, mismatching[shifting])
        recorded = Recorded(
            self._of_lambda(new, bad, chance) | self._of_ours(new, bad, mismatched, chance),
            self._durations(new),
            chance,
        )
        found = first(
            self.alarms,
            recorded,
            delay=self.scenario.delay_minutes,
            until=self.rollout.shift.minutes,
        )
        stays = np.isinf(found.red_at)
        errors = until(bad, found.red_at)
        errors += stays * chance.poisson((self._new * failing)[later].sum(), rollouts)
        wrong = until(mismatched, found.red_at)
        wrong += stays * chance.poisson((self._new * mismatching)[later].sum(), rollouts)
        return Runs(
            guards=tuple(self.alarms),
            guard=found.guard,
            red_at=found.red_at,
            back_at=found.red_at,
            errors=errors,
            users=distinct(errors, self.rollout.traffic.users),
            fallbacks=np.zeros(rollouts),
            wrong=wrong * self._on_candidate,
        )

    def _of_lambda(
        self, new: Counts, bad: Counts, chance: np.random.Generator
    ) -> dict[Key, Series]:
        function = self.rollout.versions.function
        executed = {"ExecutedVersion": self.rollout.versions.route}
        old = poisson(chance, self._old[: self.minutes], new.shape[0])
        crashed = 0 * bad if self.scenario.handled else bad
        both = crashed + some_of(chance, old, self.scenario.healthy_percent / 100)
        return {
            by_function("Invocations", function, **executed): written(new),
            by_function("Invocations", function): written(new + old),
            by_function("Errors", function, **executed): written(crashed, new),
            by_function("Errors", function): written(both, new + old),
        }

    def _of_ours(
        self, new: Counts, bad: Counts, mismatched: Counts, chance: np.random.Generator
    ) -> dict[Key, Series]:
        route, versions = self.rollout.route, self.rollout.versions
        healthy = self.scenario.healthy_percent / 100
        fell_back = some_of(chance, new, healthy * self._on_candidate)
        failed = some_of(chance, new - bad - mismatched, healthy * (1 - self._on_candidate))
        is_compared = Stage.SHADOW < self.rollout.ceiling < Stage.COMPLETE
        counts = {
            MetricName.FAULTS: (versions.route, bad * self.scenario.handled),
            MetricName.FALLBACKS: (versions.route, fell_back),
            MetricName.COMPARED: (versions.shadow, (new - bad) * is_compared),
            MetricName.MISMATCHED: (versions.shadow, mismatched * is_compared),
            MetricName.CANDIDATE_ERRORS: (versions.shadow, failed * is_compared),
        }
        return {
            by_route(name, route, **{Dimension.VERSION: version}): written(count)
            for name, (version, count) in counts.items()
        }

    def _durations(self, new: Counts) -> dict[Key, Latency]:
        versions = self.rollout.versions
        slow = np.arange(self.minutes) >= self.scenario.failure_starts
        key = by_function("Duration", versions.function, ExecutedVersion=versions.route)
        return {key: Latency(new, new * slow, self._latencies)}
