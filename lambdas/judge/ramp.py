"""The ramp: when a route climbs to its next step, by what is proven of its candidate. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

from judge.verdict import DEFAULT, Counts, Judgement, Tolerances, Verdict, judge
from shadow_runtime.contract import Stage

Evidence = Mapping[str, str | float]
"""What a decision was taken upon, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """The steps by which a route climbs by itself, and what each of them must prove first.

    Attributes:
        percents: of the users, for the candidate; each step over the one before, 100 is `live`.
        dwell: the least time at a stage before the next one, from when everybody had it.
        minimum_pairs: compared at a stage before the next one - 100. In a canary those of users
            whom the candidate answered: what nobody met proves nothing.
        mismatch_percent: share of the pairs that may differ, over control's own noise - 0.1.
        fault_percent: share of its requests that the candidate may fail, over control's - 1.

    Example:
        >>> ramp = Ramp(percents=(1, 5, 25, 100), dwell=timedelta(days=1))
        >>> ramp.stages
        (canary(1%), canary(5%), canary(25%), live)
        >>> Ramp.parse(str(ramp)) == ramp
        True

    Raises:
        ValueError: steps that do not climb, or are no percentages; a dwell that is no time.
    """

    percents: tuple[float, ...]
    dwell: timedelta
    minimum_pairs: int = 100
    mismatch_percent: float = DEFAULT.mismatch_percent
    fault_percent: float = DEFAULT.fault_percent

    def __post_init__(self) -> None:
        if not self.percents or not all(map(_is_share, self.percents)):
            raise ValueError(
                "a ramp's steps are percentages of the users, over 0 and at most 100, such as "
                f"1, 5, 25, 100; got {_listed(self.percents)}"
            )
        if any(before >= after for before, after in pairwise(self.percents)):
            raise ValueError(
                "a ramp climbs: each step is over the one before, such as 1, 5, 25, 100; got "
                f"{_listed(self.percents)}"
            )
        if self.dwell <= timedelta():
            raise ValueError(f"a ramp's dwell is a time, such as a day; got {self.dwell}")
        if type(self.minimum_pairs) is not int or self.minimum_pairs < 1:
            raise ValueError(
                f"minimum_pairs is a whole number, 1 or more, such as 100; got "
                f"{self.minimum_pairs!r}"
            )
        _ = self.stages, self.tolerances  # which refuse what they cannot be

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The steps as stages of the flag."""
        return tuple(
            Stage.LIVE if percent == 100 else Stage.canary(percent=percent)
            for percent in self.percents
        )

    @property
    def tolerances(self) -> Tolerances:
        """How much worse than control the candidate may be."""
        return Tolerances(mismatch_percent=self.mismatch_percent, fault_percent=self.fault_percent)

    def to_metadata(self) -> dict[str, Any]:
        """As a template holds it."""
        return {
            "percents": [*self.percents],
            "dwell_seconds": self.dwell.total_seconds(),
            "minimum_pairs": self.minimum_pairs,
            "mismatch_percent": self.mismatch_percent,
            "fault_percent": self.fault_percent,
        }

    def __str__(self) -> str:
        """As an environment variable holds it."""
        return json.dumps(self.to_metadata())

    @classmethod
    def parse(cls, text: str) -> Self:
        """The ramp whose `str` is `text`."""
        held = json.loads(text)
        percents, seconds = tuple(held.pop("percents")), held.pop("dwell_seconds")
        return cls(percents=percents, dwell=timedelta(seconds=seconds), **held)


def step_after(steps: Iterable[Stage], stage: Stage) -> Stage | None:
    """The lowest of a ramp's steps over `stage`; None where there is no further one."""
    return min((step for step in steps if step > stage), default=None)


def _is_share(percent: object) -> bool:
    if isinstance(percent, bool) or not isinstance(percent, int | float):
        return False
    return 0 < percent <= 100


def _listed(percents: Sequence[object]) -> str:
    return ", ".join(map(repr, percents)) or "none"


class Outcome(StrEnum):
    """What comes of a look."""

    ADVANCE = "advance"
    HOLD = "hold"
    ROLL_BACK = "roll back"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the ramp does with the flag, why, and the stage in which that leaves it.

    Example:
        >>> print(Decision(Outcome.HOLD, None, "paused"))
        hold: paused
    """

    outcome: Outcome
    to: Stage | None
    why: str
    evidence: Evidence = field(default_factory=dict)

    def __str__(self) -> str:
        towards = f" to {self.to}" if self.to is not None else ""
        return f"{self.outcome}{towards}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that a decision is taken upon, as it was at one moment.

    Attributes:
        now: that moment.
        stage: what the flag says; None where it cannot be read.
        ceiling: how far it may go.
        is_paused: whether a person holds the ramp.
        since: from when everybody has that stage; None while a deployment is under way.
        lowered: who moved the flag last, and why, where that was down; empty where it was up.
        counts: of each version of the candidate that a request may meet, the newest first; None of
            one that was not asked yet.
        pairs: compared at this stage, of the newest version.
        objections: why nobody may be moved to the candidate, each with what to do.
    """

    now: datetime
    stage: Stage | None
    ceiling: Stage
    is_paused: bool
    since: datetime | None
    lowered: str
    counts: Mapping[str, Counts | None]
    pairs: int
    objections: Sequence[str]

    @property
    def is_exposed(self) -> bool:
        """Whether the candidate answers users, and control is still there to compare it with."""
        return self.stage is not None and (
            Stage.SHADOW < min(self.stage, self.ceiling) < Stage.COMPLETE
        )


def decide(ramp: Ramp, seen: Seen) -> Decision:
    """What to do upon what was `seen`: nothing else decides, and it remembers nothing.

    The same look twice decides the same, and one that is missed is made good by the next: what was
    done stands in the flag, and whoever was faster is seen there. It goes one step up at most, and
    by itself only after its last move was up: what a person, a rollback or a deployment lowered
    waits for a person. Takes users back where the judge says FAIL.

    Example:
        >>> begun = datetime.fromisoformat("2030-01-07T09:00Z")
        >>> ramp = Ramp(percents=(1, 5), dwell=timedelta(hours=6))
        >>> print(decide(ramp, Seen(
        ...     now=begun + timedelta(hours=1), stage=Stage.SHADOW, ceiling=Stage.LIVE,
        ...     is_paused=False, since=begun, lowered="", counts={"7": Counts()}, pairs=0,
        ...     objections=[])))
        hold: not before 2030-01-07 15:00 UTC; 0 of 100 pairs compared at this stage; \
INCONCLUSIVE: no pairs yet; about 3,600 good ones would pass
    """
    judged = {
        version: judge(counts or Counts(), ramp.tolerances)
        for version, counts in seen.counts.items()
    }
    evidence = _evidence(seen, judged)

    def decided(outcome: Outcome, to: Stage | None, *why: str) -> Decision:
        return Decision(outcome, to, "; ".join(why), evidence)

    failed = [*_failed(judged)]
    if seen.stage is None:
        return decided(Outcome.HOLD, None, "what the flag says cannot be read: move it to off")
    if seen.is_paused:
        return decided(Outcome.HOLD, None, "paused, until a person resumes it")
    if seen.is_exposed and failed:
        return decided(Outcome.ROLL_BACK, Stage.OFF, *failed)
    step = step_after(ramp.stages, seen.stage)
    if step is None:
        return decided(Outcome.DONE, None, f"no step is over {seen.stage}")
    if unmet := [*_unmet(ramp, seen, step), *_unproven(ramp, seen, judged)]:
        return decided(Outcome.HOLD, None, *unmet)
    return decided(Outcome.ADVANCE, step, *_proven(seen))


def _unmet(ramp: Ramp, seen: Seen, step: Stage) -> Iterator[str]:
    """What of the flag and the guards keeps a route from its next step."""
    if seen.stage == Stage.OFF:
        yield f"{seen.lowered or 'off'}: a person begins, and moves it to shadow"
    elif seen.lowered:
        yield f"{seen.lowered}: a person raises it when the cause is known"
    if step > seen.ceiling:
        yield f"{step} is over the ceiling, {seen.ceiling}: raise it in the route's stack"
    if seen.since is None:
        yield "a change of the flag is under way"
    elif seen.now < seen.since + ramp.dwell:
        yield f"not before {seen.since + ramp.dwell:%Y-%m-%d %H:%M} UTC"
    yield from seen.objections


def _unproven(ramp: Ramp, seen: Seen, judged: Mapping[str, Judgement]) -> Iterator[str]:
    """What is not known of the candidate that users would meet."""
    if len(judged) != 1:
        yield f"a new version is taking over: {' beside '.join(judged) or 'none answers'}"
    if seen.pairs < ramp.minimum_pairs:
        yield f"{seen.pairs:,} of {ramp.minimum_pairs:,} pairs compared at this stage"
    for judgement in judged.values():
        yield from _of(judgement, Verdict.FAIL, Verdict.INCONCLUSIVE)


def _failed(judged: Mapping[str, Judgement]) -> Iterator[str]:
    for version, judgement in judged.items():
        for message in _of(judgement, Verdict.FAIL):
            yield f"version {version}: {message}"


def _of(judgement: Judgement, *verdicts: Verdict) -> list[str]:
    return [result.message for result in judgement.results if result.verdict in verdicts]


def _proven(seen: Seen) -> Iterator[str]:
    for version in seen.counts:
        yield f"PASS of version {version}"
    yield f"{seen.pairs:,} pairs at {seen.stage} since {seen.since:%Y-%m-%d %H:%M} UTC"
    yield "no guard is red"


def _evidence(seen: Seen, judged: Mapping[str, Judgement]) -> Evidence:
    """Of the newest version, which is the one that stays."""
    if not judged:
        return {}
    version, judgement = next(iter(judged.items()))
    known = evidence(version, seen.counts[version] or Counts(), judgement)
    return {**known, "pairs at this stage": seen.pairs}


def evidence(version: str, counts: Counts, judgement: Judgement) -> Evidence:
    """What is known of a version of the candidate, as a change of the flag keeps it."""
    return {
        "version": version,
        "verdict": judgement.verdict.value,
        "pairs": counts.pairs,
        "mismatches": counts.mismatches,
        "requests": counts.asked.total,
        "faults": counts.asked.worse,
    }
