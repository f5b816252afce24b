"""The two canaries: some of the invocations, or of the users, meet something new that may fail."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from analysis.metric_math import Series
from analysis.rollout import Alarms, Rollout
from analysis.simulation.metrics import (
    Key,
    Latencies,
    Latency,
    RequestCounts,
    SimulatedMetrics,
    by_function,
    by_route,
    expected,
    first_red,
    poisson,
    some_of,
    sum_until,
    written,
)
from analysis.simulation.scenario import PerMinute, Scenario
from analysis.users import Draw, Numbers
from shadow_runtime.contract import Dimension, MetricName, Stage, Variant


@dataclass(frozen=True, slots=True)
class Samples:
    """Rollouts of one canary, one entry each.

    Attributes:
        guards: the alarms that may take a rollout back.
        guard: which one did, by its place in `guards`; -1 for none.
        red_at: minutes from the start until it was red; infinite for none.
        back_at: minutes from the start until everybody is back; infinite for none.
        errors: requests whose user saw an error.
        users: users harmed: who saw an error, waited for a candidate that failed, or got a wrong
            answer.
        fallbacks: requests that control answered for a candidate that failed.
        wrong: wrong answers that were served.
    """

    guards: tuple[str, ...]
    guard: NDArray[np.int8]
    red_at: Numbers
    back_at: Numbers
    errors: Numbers
    users: Numbers
    fallbacks: Numbers
    wrong: Numbers

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All rollouts of `parts`, in their order."""
        _, *arrays = (field.name for field in fields(cls))
        whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
        return cls(parts[0].guards, **whole)


def distinct(events: Numbers, among: Numbers | float) -> Numbers:
    """How many of `among` users have one of so many events, each of which may be anybody's."""
    among = np.maximum(among, 1)
    return among * -np.expm1(events * np.log1p(-1 / np.maximum(among, 1 + 1e-9)))


class SimulatedCanary(ABC):
    """Some of the users, or of the invocations, meet something new that may fail."""

    title: ClassVar[str]
    under_way: ClassVar[str]
    """What a rollout is doing that has not gone back."""

    def __init__(self, rollout: Rollout, scenario: Scenario) -> None:
        self.rollout = rollout
        self.scenario = scenario

    @property
    @abstractmethod
    def alarms(self) -> Alarms:
        """Its guards."""

    @property
    @abstractmethod
    def setting(self) -> str:
        """What the template asks for, in a few words."""

    @property
    @abstractmethod
    def percent(self) -> float:
        """How much of all there is it starts with."""

    @property
    @abstractmethod
    def minutes(self) -> int:
        """How many minutes are played one by one."""

    @abstractmethod
    def sample(self, rollouts: int, rng: np.random.Generator) -> Samples:
        """What becomes of so many rollouts."""

    @abstractmethod
    def at(self, percent: float) -> Self:
        """The same with another `percent`, and with the same alarms."""

    def when(self, scenario: Scenario) -> Self:
        """The same in another scenario."""
        return type(self)(self.rollout, scenario)


class SimulatedCodeCanary(SimulatedCanary):
    """CodeDeploy shifts to a new version that fails.

    Example:
        >>> canary = SimulatedCodeCanary(rollout, Scenario())  # doctest: +SKIP
        >>> canary.sample(100, np.random.default_rng(0)).errors.mean()  # doctest: +SKIP
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

    def _share(self) -> PerMinute:
        """The new version's part of the invocations in each minute, from 0 to 1."""
        steps = self.rollout.shift.steps
        shifting = np.repeat([percent / 100 for _, percent in steps], [each for each, _ in steps])
        share = np.ones(self.scenario.minutes)
        share[: shifting.size] = shifting[: share.size]
        return share

    def sample(self, rollouts: int, rng: np.random.Generator) -> Samples:
        """What becomes of so many rollouts."""
        shifting, later = slice(self.minutes), slice(self.minutes, None)
        everybody = self.scenario.draw(self.rollout.traffic, 100, rollouts, rng)
        failing = self.scenario.failing(everybody.failing[0])
        mismatching = self.scenario.mismatching(everybody.failing[1])
        new = poisson(rng, self._new[shifting], rollouts)
        bad = some_of(rng, new, failing[:, shifting])
        mismatched = some_of(rng, new - bad, mismatching[:, shifting])
        recorded = SimulatedMetrics(
            self._of_lambda(new, bad, rng) | self._of_ours(new, bad, mismatched, rng),
            self._durations(new),
            rng,
        )
        found = first_red(
            self.alarms,
            recorded,
            delay=self.scenario.delay_minutes,
            until=self.rollout.shift.minutes,
        )
        stays = np.isinf(found.red_at)
        errors = sum_until(bad, found.red_at)
        errors += stays * rng.poisson((self._new * failing)[:, later].sum(axis=1), rollouts)
        wrong = sum_until(mismatched, found.red_at)
        wrong += stays * rng.poisson((self._new * mismatching)[:, later].sum(axis=1), rollouts)
        wrong *= self._on_candidate
        return Samples(
            guards=tuple(self.alarms),
            guard=found.guard,
            red_at=found.red_at,
            back_at=found.red_at,
            errors=errors,
            users=distinct(errors + wrong, self.scenario.harmed(everybody)),
            fallbacks=np.zeros(rollouts),
            wrong=wrong,
        )

    def _of_lambda(
        self, new: RequestCounts, bad: RequestCounts, rng: np.random.Generator
    ) -> dict[Key, Series]:
        function = self.rollout.versions.function
        executed = {"ExecutedVersion": self.rollout.versions.route}
        old = poisson(rng, self._old[: self.minutes], new.shape[0])
        crashed = 0 * bad if self.scenario.handled else bad
        both = crashed + some_of(rng, old, self.scenario.healthy_percent / 100)
        return {
            by_function("Invocations", function, **executed): written(new),
            by_function("Invocations", function): written(new + old),
            by_function("Errors", function, **executed): written(crashed, new),
            by_function("Errors", function): written(both, new + old),
        }

    def _of_ours(
        self,
        new: RequestCounts,
        bad: RequestCounts,
        mismatched: RequestCounts,
        rng: np.random.Generator,
    ) -> dict[Key, Series]:
        route, versions = self.rollout.route, self.rollout.versions
        healthy = self.scenario.healthy_percent / 100
        fell_back = some_of(rng, new, healthy * self._on_candidate)
        failed = some_of(rng, new - bad - mismatched, healthy * (1 - self._on_candidate))
        is_compared = Stage.SHADOW < self.rollout.ceiling < Stage.COMPLETE
        counts = {
            MetricName.FAILED: (versions.route, bad * self.scenario.handled + fell_back),
            MetricName.COMPARED: (versions.shadow, (new - bad) * is_compared),
            MetricName.WRONG: (versions.shadow, (mismatched + failed) * is_compared),
        }
        return {
            by_route(name, route, **{Dimension.VERSION: version}): written(count)
            for name, (version, count) in counts.items()
        }

    def _durations(self, new: RequestCounts) -> dict[Key, Latency]:
        versions = self.rollout.versions
        slow = np.arange(self.minutes) >= self.scenario.failure_starts
        key = by_function("Duration", versions.function, ExecutedVersion=versions.route)
        return {key: Latency(new, new * slow, self._latencies)}


class SimulatedExposure(SimulatedCanary):
    """The data-source canary: users up to the ceiling are on a candidate that fails.

    Example:
        >>> canary = SimulatedExposure(rollout, Scenario())  # doctest: +SKIP
        >>> canary.sample(100, np.random.default_rng(0)).errors.mean()  # doctest: +SKIP
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
        self._late = self._slow * self._candidates.over(deadline_ms)

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

    def sample(self, rollouts: int, rng: np.random.Generator) -> Samples:
        """What becomes of so many rollouts."""
        scenario = self.scenario
        held = scenario.draw(self.rollout.traffic, self.percent, rollouts, rng)
        failing, wrong = held.failing
        share = held.part[:, np.newaxis] * self._exposed
        asked = poisson(rng, share * self._requests, rollouts)
        in_time = (1 - scenario.failing(failing)) * (1 - self._late)
        faults = some_of(rng, asked, 1 - in_time)
        mismatched = some_of(rng, asked - faults, scenario.mismatching(wrong))
        on_control = poisson(rng, (self._exposed - share) * self._requests, rollouts)
        unaware = poisson(rng, (1 - self._exposed) * self._requests, rollouts)
        recorded = SimulatedMetrics(
            self._asked(asked, faults, on_control + unaware)
            | self._compared(asked - faults, mismatched, on_control, held, rng)
            | self._of_lambda(asked + on_control + unaware, rng),
            self._latencies(asked, on_control + unaware),
            rng,
        )
        found = first_red(
            self.alarms,
            recorded,
            delay=self.scenario.delay_minutes,
            until=self.minutes,
        )
        leaves_after, all_left_after = _way_back(self.rollout, self.scenario)
        leaves = found.red_at + leaves_after
        failed = sum_until(faults, leaves)
        errors = failed * (self.rollout.ceiling == Stage.COMPLETE)
        served_wrong = sum_until(mismatched, leaves)
        return Samples(
            guards=tuple(self.alarms),
            guard=found.guard,
            red_at=found.red_at,
            back_at=found.red_at + all_left_after,
            errors=errors,
            users=distinct(failed + served_wrong, scenario.harmed(held)),
            fallbacks=failed - errors,
            wrong=served_wrong,
        )

    def _asked(
        self, asked: RequestCounts, faults: RequestCounts, on_control: RequestCounts
    ) -> dict[Key, Series]:
        route = self.rollout.route
        candidate = {Dimension.VARIANT: Variant.CANDIDATE.value}
        control = {Dimension.VARIANT: Variant.CONTROL.value}
        return {
            by_route(MetricName.REQUESTS, route, **candidate): written(asked),
            by_route(MetricName.FAULTS, route, **candidate): written(faults),
            by_route(MetricName.REQUESTS, route, **control): written(on_control),
        }

    def _compared(
        self,
        answered: RequestCounts,
        mismatched: RequestCounts,
        on_control: RequestCounts,
        held: Draw,
        rng: np.random.Generator,
    ) -> dict[Key, Series]:
        """What the shadow makes of the copies: the candidate's answers, and those of control."""
        failing, wrong = held.failing_others
        failed = some_of(rng, on_control, self.scenario.failing(failing))
        differ = some_of(rng, on_control - failed, self.scenario.mismatching(wrong))
        is_compared = Stage.SHADOW < self.rollout.ceiling < Stage.COMPLETE
        counts = {
            MetricName.COMPARED: answered + on_control,
            MetricName.WRONG: mismatched + differ + failed,
        }
        return {
            by_route(name, self.rollout.route, **{Dimension.EXPOSED: "true"}): written(
                count * is_compared
            )
            for name, count in counts.items()
        }

    def _of_lambda(self, invoked: RequestCounts, rng: np.random.Generator) -> dict[Key, Series]:
        """The whole function's: it does not fail when its candidate does."""
        function = self.rollout.versions.function
        errors = some_of(rng, invoked, self.scenario.healthy_percent / 100)
        return {
            by_function("Invocations", function): written(invoked),
            by_function("Errors", function): written(errors, invoked),
        }

    def _latencies(self, asked: RequestCounts, on_control: RequestCounts) -> dict[Key, Latency]:
        candidate, control = (
            by_route(MetricName.LATENCY, self.rollout.route, **{Dimension.VARIANT: variant.value})
            for variant in (Variant.CANDIDATE, Variant.CONTROL)
        )
        return {
            candidate: Latency(asked, asked * self._slow, self._candidates),
            control: Latency(on_control, 0 * on_control, self._usual),
        }


def _way_back(rollout: Rollout, scenario: Scenario) -> tuple[float, float]:
    """PerMinute from a red alarm until a user leaves, on average, and until all have left."""
    said, poll = scenario.operations_seconds / 60, rollout.poll_interval.total_seconds() / 60
    lowering = rollout.lowering
    return said + poll / 2 + lowering.mean_minutes, said + poll + lowering.minutes
