"""The ramp, played: how soon a good candidate is at its last step, and whom a bad one meets.

The decision is the very one that operations takes, upon counts that are drawn; the guards are the
template's, played at each step as for a canary of that size.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from analysis.rollout import Rollout
from analysis.simulation.canaries import SimulatedExposure
from analysis.simulation.scenario import Scenario
from judge import Counts, Outcome, Ramp, Scores, Seen, Verdict, decide, pairs_needed
from shadow_runtime.contract import Stage

ROLLOUTS = 50
"""Of each candidate: enough for a median, and for a share within 14 points."""

DAYS = 14
"""After which a rollout is left where it is."""

ASSUMED = (
    "The ramp is played an hour at a time, from the raise to shadow on, with traffic that is even. "
    "Its decision is the one of operations.",
    "What fails by chance when all is well does not when it is asked again, and is no mismatch.",
    "A failure is there from the first copy on, or from the first user on: then only requests of "
    "users fail, and their copies with them, as under load.",
    "At each step the guards are played as for a canary of that size, for the minutes of the "
    "rehearsal. What they do not see by then they are taken never to see; the judge may.",
)
"""How a ramp is played."""

_BEGUN = datetime(2030, 1, 7, tzinfo=UTC)
"""Any moment."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RampSummary:
    """What came of so many rollouts of a ramp.

    Attributes:
        candidate: which one was played.
        done: the share of them that reached the last step.
        days_p50: until then, of those; None where none did.
        days_p95: the same for the slowest of 20.
        rolled_back: the share of them that went back to `off`.
        furthest: the stage that the furthest of them reached.
        users: users harmed, as in `Summary`.
        one_step: users harmed where the last step is the first one, by a person.
    """

    candidate: str
    done: float
    days_p50: float | None
    days_p95: float | None
    rolled_back: float
    furthest: str
    users: float
    one_step: float


@dataclass(slots=True)
class _Climb:
    """One rollout: where it is, and what was counted."""

    stage: Stage = Stage.SHADOW
    since: int = 0
    pairs: int = 0
    worse: int = 0
    asked: int = 0
    faults: int = 0
    pairs_here: int = 0
    users: float = 0.0
    is_back: bool = False

    def advance(self, to: Stage, hour: int, is_back: bool, harmed: float) -> None:
        """Takes a step, at which guards may act."""
        self.stage, self.since, self.pairs_here = to, hour, 0
        self.is_back, self.users = is_back, self.users + harmed

    def seen(self, hour: int, ceiling: Stage) -> Seen:
        counts = Counts(
            compared=(Scores(self.pairs, worse=self.worse),),
            asked=Scores(self.asked, worse=self.faults),
        )
        return Seen(
            now=_BEGUN + hour * _HOUR,
            stage=self.stage,
            ceiling=ceiling,
            is_paused=False,
            since=_BEGUN + self.since * _HOUR,
            lowered="",
            counts={"1": counts},
            pairs=self.pairs_here,
            objections=[],
        )


@dataclass(frozen=True, slots=True)
class _Guarded:
    """What the guards do at a step: for each rollout whether they act, and who is harmed."""

    acts: list[bool]
    harmed: list[float]


@dataclass(frozen=True, slots=True)
class SimulatedRamp:
    """A rollout's ramp, with a candidate of that scenario.

    `is_seen_in_shadow` says that the failure is there from the first copy on.

    Example:
        >>> SimulatedRamp(rollout, ramp, Scenario()).summary(one_step=0.0).done  # doctest: +SKIP
        0.0
    """

    rollout: Rollout
    ramp: Ramp
    scenario: Scenario
    is_seen_in_shadow: bool = True

    @classmethod
    def played(cls, rollout: Rollout, scenario: Scenario) -> list[RampSummary]:
        """A good candidate, one that fails from the first copy on, and one that fails with users.

        Nothing where no ramp is declared. The ceiling is taken for the last step.
        """
        if rollout.ramp is None:
            return []
        ramp = rollout.ramp
        whole = replace(rollout, ceiling=ramp.stages[-1])
        fewer = replace(scenario, rollouts=ROLLOUTS)
        good = cls(whole, ramp, fewer.healthy)
        bad = cls(whole, ramp, fewer)
        late = cls(whole, ramp, fewer, is_seen_in_shadow=False)
        at_once = good._harmed_at_once(), bad._harmed_at_once()
        return [
            good.summary("good", one_step=at_once[0]),
            bad.summary("bad from the first copy on", one_step=at_once[1]),
            late.summary("bad from the first user on", one_step=at_once[1]),
        ]

    def summary(self, candidate: str, *, one_step: float) -> RampSummary:
        """Plays all of the scenario's rollouts; `one_step` is told beside it."""
        rng = np.random.Generator(np.random.SFC64(self.scenario.seed))
        guarded = {step: self._guarded(step, rng) for step in self.ramp.stages}
        climbs = []
        for number in range(self.scenario.rollouts):
            of_it = {
                step: (each.acts[number], each.harmed[number]) for step, each in guarded.items()
            }
            climbs.append(self._climbed(rng, of_it.__getitem__))
        last = self.ramp.stages[-1]
        ended = [climb.since for climb in climbs if climb.stage == last and not climb.is_back]
        days = np.array(ended, dtype=float) / 24
        return RampSummary(
            candidate=candidate,
            done=len(ended) / len(climbs),
            days_p50=float(np.percentile(days, 50)) if ended else None,
            days_p95=float(np.percentile(days, 95)) if ended else None,
            rolled_back=float(np.mean([climb.is_back for climb in climbs])),
            furthest=str(max(climb.stage for climb in climbs)),
            users=float(np.mean([climb.users for climb in climbs])),
            one_step=one_step,
        )

    def _climbed(
        self, rng: np.random.Generator, guards: Callable[[Stage], tuple[bool, float]]
    ) -> _Climb:
        """One rollout, to its end."""
        climb, last = _Climb(), self.ramp.stages[-1]
        for hour in range(1, 24 * DAYS + 1):
            self._count(climb, rng)
            if not self._may_decide(climb, hour):
                continue
            decision = decide(self.ramp, climb.seen(hour, self.rollout.ceiling))
            match decision.outcome, decision.to:
                case Outcome.ADVANCE, Stage() as to:
                    climb.advance(to, hour, *guards(to))
                case Outcome.ROLL_BACK, _:
                    climb.is_back = True
            is_held = decision.evidence["verdict"] == Verdict.FAIL
            if climb.is_back or is_held or climb.stage == last:
                return climb
        return climb

    def _may_decide(self, climb: _Climb, hour: int) -> bool:
        """Whether anything else than to hold is possible; the judge takes its time."""
        ramp = self.ramp
        if climb.worse > ramp.mismatch_percent / 100 * climb.pairs:
            return True
        if climb.faults > ramp.fault_percent / 100 * climb.asked:
            return True
        enough = pairs_needed(ramp.mismatch_percent)
        users = pairs_needed(ramp.fault_percent) if climb.stage > Stage.SHADOW else 0
        return (
            (hour - climb.since) * _HOUR >= ramp.dwell
            and climb.pairs >= enough
            and climb.asked >= users
            and climb.pairs_here >= ramp.minimum_pairs
        )

    def _count(self, climb: _Climb, rng: np.random.Generator) -> None:
        """What an hour adds to the counts."""
        requests = int(rng.poisson(60 * self.rollout.traffic.per_minute))
        asked = int(rng.binomial(requests, climb.stage.candidate_percent / 100))
        faults = int(rng.binomial(asked, self.scenario.failing_percent / 100))
        answered = asked - faults
        copies = requests - asked
        wrong = int(rng.binomial(answered, self.scenario.mismatch_percent / 100))
        missed = int(rng.binomial(copies, self._bad_copies)) if self.is_seen_in_shadow else 0
        climb.asked += asked
        climb.faults += faults
        climb.pairs += answered + copies
        climb.worse += wrong + missed
        climb.pairs_here += answered if asked else copies

    @property
    def _bad_copies(self) -> float:
        """The share of copies that the candidate fails, twice, or answers otherwise."""
        failing = self.scenario.failing_percent / 100
        lasting = failing if failing > self.scenario.healthy_percent / 100 else 0.0
        return lasting + (1 - lasting) * self.scenario.mismatch_percent / 100

    def _guarded(self, step: Stage, rng: np.random.Generator) -> _Guarded:
        """Of each rollout whether a guard acts at that step, and how many are harmed by then."""
        samples = self._exposure(step).sample(self.scenario.rollouts, rng)
        return _Guarded((samples.guard >= 0).tolist(), samples.users.tolist())

    def _exposure(self, step: Stage) -> SimulatedExposure:
        return SimulatedExposure(replace(self.rollout, ceiling=step), self.scenario)

    def _harmed_at_once(self) -> float:
        """The users harmed where the last step is the only one."""
        rng = np.random.Generator(np.random.SFC64(self.scenario.seed))
        whole = self._exposure(self.ramp.stages[-1])
        return float(whole.sample(self.scenario.rollouts, rng).users.mean())
