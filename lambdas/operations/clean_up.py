"""The clean-up: what becomes of a route whose time is over, by what is proven of it. Pure.

It looks on the day of the clean-up, and once a day for seven days more. No look remembers another:
what was done stands in the flag, so that one that is doubled, late or missed is made good.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from judge import Counts, Tolerances, Verdict, judge
from operations.answers import Answers
from operations.transitions import Evidence
from shadow_runtime.contract import CLEAN_UP_DAYS, Stage


class Ending(StrEnum):
    """What comes of a look."""

    RETIRED = "retired"  # marked as deprecated, and serves on
    REARMED = "re-armed"  # looked at again in a day
    OFF = "off"
    STAYED = "stayed"  # where it is, and nobody looks again


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge says of the candidate that users meet, and what it `lacks` for a PASS.

    Example:
        >>> Judged.of({"7": None}, Tolerances()).lacks
        ('INCONCLUSIVE: no pairs yet; about 3,600 good ones would pass',)
    """

    verdict: Verdict
    lacks: tuple[str, ...]

    @classmethod
    def of(cls, counts: Mapping[str, Counts | None], tolerances: Tolerances) -> "Judged":
        """Of each version that answers; while there are two, there is no PASS."""
        judged = [judge(each or Counts(), tolerances) for each in counts.values()]
        lacks = [
            result.message
            for judgement in judged
            for result in judgement.results
            if result.verdict is not Verdict.PASS
        ]
        if any(judgement.verdict is Verdict.FAIL for judgement in judged):
            return cls(Verdict.FAIL, tuple(lacks))
        if len(judged) != 1:
            lacks.append(f"a new version is taking over: {' beside '.join(counts) or 'none'}")
        return cls(Verdict.INCONCLUSIVE if lacks else Verdict.PASS, tuple(lacks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that is decided upon, as it was at one moment.

    Attributes:
        now: that moment.
        due: when the clean-up was to be.
        stage: at which the route acts; None where the flag cannot be read.
        is_running: whether a change of the flag is under way.
        is_paused: whether a person holds the route where it is.
        is_retired: whether this clean-up marked it already.
        judged: its candidate.
        answers: of the last 48 hours; None where nobody could tell.
        red: the guards in ALARM, by name.
        doubts: why a guard could not act, and what could not be seen, each with what to do.
    """

    now: datetime
    due: datetime
    stage: Stage | None
    is_running: bool
    is_paused: bool
    is_retired: bool
    judged: Judged
    answers: Answers | None
    red: Sequence[str]
    doubts: Sequence[str]

    @property
    def day(self) -> int:
        """Days since the clean-up was due."""
        return _days(self.due, self.now)

    @property
    def is_last(self) -> bool:
        """Whether it is not looked at again."""
        return self.day >= CLEAN_UP_DAYS

    @property
    def again(self) -> datetime:
        """When it is looked at next."""
        return self.due + timedelta(days=max(0, self.day) + 1)

    @property
    def is_proven(self) -> bool:
        """Whether it is safe with the users whom the candidate answers now."""
        is_pass = self.judged.verdict is Verdict.PASS
        return is_pass and not (self.red or self.doubts or self.is_running)

    @property
    def is_finished(self) -> bool:
        """Whether control could go: nobody needs it, and nobody holds the route."""
        is_quiet = self.answers is not None and self.answers.are_quiet
        return self.is_retired or (self.is_proven and is_quiet and not self.is_paused)


def is_rearmed(due: datetime, now: datetime) -> bool:
    """Whether `now` is one of the days on which is looked again, or the one to spare after them.

    Example:
        >>> due = datetime.fromisoformat("2030-01-14T09:00Z")
        >>> [day for day in range(-2, 12) if is_rearmed(due, due + timedelta(days=day))]
        [1, 2, 3, 4, 5, 6, 7, 8]
    """
    return 1 <= _days(due, now) <= CLEAN_UP_DAYS + 1


def _days(due: datetime, now: datetime) -> int:
    """A scheduler that is early by seconds is not early."""
    return round((now - due) / timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table: at these stages, and when it `holds`, what is done and why.

    `until_last` is done until the last look, and `at_last` upon that one.

    Example:
        >>> [row.reason for row in TABLE if row.stages == ("off",)]
        ['control answers everybody: there is nothing to prove']
    """

    stages: tuple[str, ...]
    when: str
    holds: Callable[[Seen], bool]
    until_last: Ending
    at_last: Ending
    reason: str

    def __str__(self) -> str:
        """As a row of a table in Markdown."""
        stages = ", ".join(f"`{name}`" for name in self.stages)
        return f"| {stages} | {self.when} | {self.until_last} | {self.at_last} | {self.reason} |"


def _always(_seen: Seen) -> bool:
    return True


def _has_failed(seen: Seen) -> bool:
    return seen.judged.verdict is Verdict.FAIL


_EXPOSED = ("canary", "live", "complete")

TABLE = (
    Row(
        stages=("unreadable",),
        when="",
        holds=_always,
        until_last=Ending.OFF,
        at_last=Ending.OFF,
        reason="control answers where a flag cannot be read; one that can says so to everybody",
    ),
    Row(
        stages=("off",),
        when="",
        holds=_always,
        until_last=Ending.OFF,
        at_last=Ending.OFF,
        reason="control answers everybody: there is nothing to prove",
    ),
    Row(
        stages=("shadow",),
        when="FAIL",
        holds=_has_failed,
        until_last=Ending.OFF,
        at_last=Ending.OFF,
        reason="more copies would prove nothing more",
    ),
    Row(
        stages=("shadow",),
        when="else",
        holds=_always,
        until_last=Ending.REARMED,
        at_last=Ending.OFF,
        reason="nobody is at risk while copies go on; they cost, and nobody waits for them",
    ),
    Row(
        stages=_EXPOSED,
        when="a guard is in ALARM",
        holds=lambda seen: bool(seen.red),
        until_last=Ending.OFF,
        at_last=Ending.OFF,
        reason="users meet failures now; should the alarm not have been heard, this is",
    ),
    Row(
        stages=_EXPOSED,
        when="FAIL",
        holds=_has_failed,
        until_last=Ending.OFF,
        at_last=Ending.OFF,
        reason="it is proven that users meet a worse candidate",
    ),
    Row(
        stages=("canary", "live"),
        when="PASS, each guard can act, no change is under way",
        holds=lambda seen: seen.is_proven,
        until_last=Ending.REARMED,
        at_last=Ending.STAYED,
        reason="the ramp and people have a week more; to take users back who are proven to be as "
        "well off would be a change without a reason",
    ),
    Row(
        stages=("canary", "live"),
        when="else",
        holds=_always,
        until_last=Ending.REARMED,
        at_last=Ending.OFF,
        reason="the pairs that are missing have a week more; then, in doubt, control, which is "
        "compared all the while",
    ),
    Row(
        stages=("complete",),
        when="it was marked; or PASS, for 48 h control answered nobody and the candidate somebody, "
        "each guard can act, no change is under way, not paused",
        holds=lambda seen: seen.is_finished,
        until_last=Ending.RETIRED,
        at_last=Ending.RETIRED,
        reason="nobody needs control: it can be finished",
    ),
    Row(
        stages=("complete",),
        when="else",
        holds=_always,
        until_last=Ending.REARMED,
        at_last=Ending.STAYED,
        reason="a control that has answered nobody lately, and is compared with nothing, is no "
        "safer than the candidate",
    ),
)
"""The first row that holds decides."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, by which row, and what keeps the route from being finished.

    Example:
        >>> Decision(Ending.REARMED, TABLE[-1], ("paused, until a person resumes it",)).outcome
        <Ending.REARMED: 're-armed'>
    """

    outcome: Ending
    row: Row
    lacks: tuple[str, ...]

    @property
    def why(self) -> str:
        """In one line, for the flag's history."""
        return "; ".join([f"clean-up: {self.row.reason}", *self.lacks])

    def evidence(self, seen: Seen) -> Evidence:
        """What it was decided upon, for the same."""
        answers = seen.answers
        return {
            "day": seen.day,
            "verdict": seen.judged.verdict.value,
            "control answered": None if answers is None else answers.control,
            "candidate answered": None if answers is None else answers.candidate,
            "in ALARM": ", ".join(seen.red),
        }


def decide(seen: Seen) -> Decision:
    """What to do upon what was `seen`: nothing else decides, and no answer raises anybody."""
    name = "unreadable" if seen.stage is None else seen.stage.name
    row = next(row for row in TABLE if name in row.stages and row.holds(seen))
    return Decision(row.at_last if seen.is_last else row.until_last, row, tuple(_lacks(seen)))


def _lacks(seen: Seen) -> Iterator[str]:
    if seen.stage is None:
        yield "what the flag says cannot be read"
    elif seen.stage < Stage.COMPLETE:
        yield f"it is at {seen.stage}, not complete"
    if seen.is_running:
        yield "a change of the flag is under way"
    if seen.is_paused:
        yield "it is paused, until a person resumes it"
    yield from seen.judged.lacks
    if seen.red:
        yield f"in ALARM: {', '.join(seen.red)}"
    yield from seen.doubts
    if seen.stage == Stage.COMPLETE:
        answers = seen.answers
        yield from [answers.objection] if answers and answers.objection else []
        if answers is None:
            yield "nobody could tell whether control answered"
