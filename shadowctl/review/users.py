"""What a change of a route's rollout is for its users."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from analysis.alarms import Alarm
from analysis.format import chance, count, duration, moment
from analysis.power.played import Failure
from analysis.rollout import Alarms, Rollout
from analysis.simulation.rehearsal import RehearsedCanary, canaries
from analysis.simulation.scenario import RehearsalError, Scenario
from analysis.template import Stack, TemplateError
from shadow_runtime.contract import ShadowCanaryError, Stage, Variable
from shadowctl.plan.chances import Chances, seen_by
from shadowctl.plan.cost import Total, usd
from shadowctl.plan.markdown import table
from shadowctl.plan.size import VARIABLES
from shadowctl.plan.usage import Month
from shadowctl.review.findings import ODD
from shadowctl.review.markdown import bullets, code

_FAILING = 5
"""Percent of the requests that fail, where a chance is told."""

ROLLOUTS = 2_000
"""That are rehearsed: a chance is then right within about 2 points."""


@dataclass(frozen=True)
class Route:
    """A route on one side: its stack's part of it, and the rollout that this describes."""

    stack: Stack

    @cached_property
    def rollout(self) -> Rollout | None:
        """None where the template does not say all of it."""
        return self._read[0]

    @cached_property
    def unread(self) -> str:
        """What it does not say, if anything."""
        return self._read[1]

    @property
    def has_dataset(self) -> bool:
        """Whether it reads or writes one."""
        functions = self.stack.all("AWS::Lambda::Function")
        return any(each.get(*VARIABLES, Variable.DATASET) for each in functions)

    @cached_property
    def _read(self) -> tuple[Rollout | None, str]:
        try:
            return Rollout.of(self.stack), ""
        except (ShadowCanaryError, *ODD) as error:
            return None, str(error)  # a template is anybody's


@dataclass(frozen=True)
class Exposure:
    """One route, before and after; None where there is none."""

    name: str
    before: Route | None
    after: Route | None

    @property
    def sides(self) -> tuple[Rollout | None, Rollout | None]:
        """The rollouts, as far as they can be read."""
        before, after = (each.rollout if each else None for each in (self.before, self.after))
        return before, after

    @property
    def is_same(self) -> bool:
        """Whether users meet the same, under the same guards."""
        before, after = self.sides
        return before is not None and before == after

    @property
    def more_users(self) -> float:
        """Users a day whom the candidate may answer more, or fewer, than before."""
        before, after = map(_exposed, self.sides)
        return after - before

    @property
    def users_in_words(self) -> str:
        """How many more, with a sign."""
        return f"{_signed(self.more_users)} users a day"

    def told(self, *, is_played: bool = True) -> str:
        """In Markdown: who sees what, what takes users back, what it costs.

        What takes a second or more to be played is left out where it is not asked for.
        """
        before, after = self.sides
        for side, when in ((self.before, "before"), (self.after, "now")):
            if side and side.unread:
                told = f"The rollout of {code(self.name)} can't be read as it is {when}"
                return bullets([f"{told}: {code(side.unread)}"])
        if before == after:
            return bullets(["Who is answered by whom, and what takes them back, is as it was."])
        facts = bullets([*self._who(), *_moved(before, after), *self._cost()])
        parts = [facts, *_guards(before, after)]
        if is_played:
            parts += [*_likely(before, after), *_rehearsed(before, after)]
        return "\n\n".join(filter(None, parts))

    def _who(self) -> Iterator[str]:
        before, after = self.sides
        if after is None:
            yield "The route is no longer here: whether it still serves is for its own code to say."
            return
        was, users = before.ceiling if before else Stage.OFF, after.traffic.users
        if self.more_users:
            yield (
                f"**{self.users_in_words} may be answered by the candidate** "
                f"({_percent(was)} → {_percent(after.ceiling)} of {count(users)} users: "
                f"{count(_exposed(before))} → {count(_exposed(after))}). A deploy moves nobody: "
                f"people{' or the ramp' if after.ramp else ''} move the flag, up to the ceiling."
            )
        if was != after.ceiling or before is None:
            old = f"{code(was)} → " if before else ""
            yield f"Ceiling: {old}{code(after.ceiling)}{_meaning(was, after.ceiling)}"

    def _cost(self) -> Iterator[str]:
        totals = [_total(each) for each in (self.before, self.after)]
        if totals[0] != totals[1]:
            before, after = (each.list_price if each else 0.0 for each in totals)
            yield (
                f"Cost of a month at the ceiling: {usd(before)} → {usd(after)} USD "
                f"({after - before:+,.2f}), at list prices{self._apart}"
            )

    @property
    def _apart(self) -> str:
        """What is in other stacks is not looked at here."""
        has_dataset = any(each and each.has_dataset for each in (self.before, self.after))
        return "; without its dataset, which `shadowctl plan` counts" if has_dataset else ""


def _exposed(rollout: Rollout | None) -> float:
    return rollout.traffic.users * rollout.ceiling.candidate_percent / 100 if rollout else 0.0


def _signed(number: float) -> str:
    return f"{'+' if number > 0 else '-'}{count(abs(number))}"


def _percent(stage: Stage) -> str:
    return f"{stage.candidate_percent:g} %"


def _meaning(was: Stage, now: Stage) -> str:
    """What a stage brings beside the users that it exposes."""
    told = []
    if was < Stage.SHADOW <= now < Stage.COMPLETE:
        told.append("copies of requests go to the candidate")
    if now < Stage.SHADOW <= was:
        told.append("no copies go to the candidate any more")
    if was < Stage.COMPLETE <= now:
        told.append("**no control is left to fall back to**, and nothing is compared")
    return f": {'; '.join(told)}" if told else ""


def _moved(before: Rollout | None, after: Rollout | None) -> Iterator[str]:
    """Each thing that a rollout says otherwise, but for its ceiling and its alarms."""
    if after is None:
        return
    names: Mapping[str, Callable[[Rollout], str]] = {
        "Ramp": _ramp,
        "Clean-up": lambda r: moment(r.clean_up),
        "Expected": lambda r: (
            f"{count(r.traffic.requests_per_day)} requests a day of {count(r.traffic.users)} users"
        ),
        "A new version": lambda r: r.shift.description,
        "Before its first user": lambda r: "the hook asks it" if r.has_hook else "nobody asks it",
        "The candidate's deadline": lambda r: duration(r.candidate_deadline.total_seconds() / 60),
        "A raise takes": lambda r: duration(r.raising.minutes),
        "The way back takes": lambda r: duration(r.lowering.minutes),
        "The team's own alarms": lambda r: ", ".join(map(code, r.rollback_alarms)) or "none",
    }
    for name, say in names.items():
        now, was = say(after), say(before) if before else None
        if was is None:
            yield f"{name}: {now}"
        elif was != now:
            yield f"{name}: {was} → {now}"


def _ramp(rollout: Rollout) -> str:
    if rollout.ramp is None:
        return "none; people move the flag"
    steps = ", ".join(map(str, rollout.ramp.stages))
    ramp = rollout.ramp
    return (
        f"{steps}, each after {duration(ramp.dwell.total_seconds() / 60)}, {ramp.minimum_pairs} "
        f"pairs, under {ramp.mismatch_percent:g} % mismatches and {ramp.fault_percent:g} % faults"
    )


def _total(route: Route | None) -> Total | None:
    if route is None or route.rollout is None:
        return None
    try:
        return Total.of(Month.of(route.stack, route.rollout).lines())
    except (ShadowCanaryError, *ODD):  # a machine that has no price here
        return None


def _guards(before: Rollout | None, after: Rollout | None) -> Iterator[str]:
    """What takes users back, before and after."""
    if after is None:
        return
    if changed := [*_alarms(before, after)]:
        yield "What takes users back, or tells people:"
        yield bullets(changed)
    elif before:
        yield "What takes users back is as it was."


def _likely(before: Rollout | None, after: Rollout | None) -> Iterator[str]:
    """How likely it does."""
    if after is None:
        return
    yield f"The chance that it does, while {_FAILING} % of the requests fail:"
    yield table("<>>", ["what fails", "before", "now"], [*_chances(before, after)])


def _alarms(before: Rollout | None, after: Rollout) -> Iterator[str]:
    for of in ("code_alarms", "exposure_alarms", "operational_alarms"):
        old: Alarms = getattr(before, of) if before else {}
        new: Alarms = getattr(after, of)
        for name in dict.fromkeys([*old, *new]):
            was, now = old.get(name), new.get(name)
            if was is None and now is not None:
                yield f"{code(name)}{': ' if before is None else ' is new: '}{_said(now)}"
            elif was is not None and now is None:
                yield f"{code(name)} is **gone**; it was: {_said(was)}"
            elif was is not None and now is not None and was != now:
                yield f"{code(name)}: {_said(was)} → {_said(now)}"


def _said(alarm: Alarm) -> str:
    return code(alarm.rule.summary if alarm.rule else alarm.description)


def _chances(before: Rollout | None, after: Rollout) -> Iterator[list[str]]:
    seen = [_seen(each) if each else ["none"] * len(_WHAT) for each in (before, after)]
    for what, *shares in zip(_WHAT, *seen, strict=True):
        yield [what, *shares]


_WHAT = (
    "a new version, in its shift",
    "the candidate, in a day, by its users' requests",
    "the candidate, in a day, by copies",
    "the candidate, in a day, by either",
)


def _seen(rollout: Rollout) -> list[str]:
    failure = Failure(_FAILING)
    try:
        chances = Chances.of(rollout)
    except TemplateError:
        return ["not known"] * len(_WHAT)
    users = chances.of_users(failure)
    exposed = rollout.ceiling.candidate_percent > 0
    of_users = [users.errors, users.mismatches, users.either]
    return [
        seen_by(chances.of_code(failure)),
        *((seen_by(each) if exposed else "nobody exposed") for each in of_users),
    ]


def _rehearsed(before: Rollout | None, after: Rollout | None) -> Iterator[str]:
    """The headline of a rehearsal of both canaries."""
    if after is None:
        return
    scenario = Scenario(rollouts=ROLLOUTS)
    try:
        old, new = (_played(each, scenario) if each else {} for each in (before, after))
    except RehearsalError as error:
        yield f"Not rehearsed: {code(error)}"
        return
    failing = f"{scenario.failing_percent:g} % of the requests fail"
    yield f"Rehearsed {ROLLOUTS:,} times for an hour, in which {failing}, before → now:"
    yield table(
        "<>>>>",
        ["", *_TOLD],
        [
            [
                title,
                *(
                    _beside(tell(old[title]) if title in old else None, tell(now))
                    for tell in _TOLD.values()
                ),
            ]
            for title, now in new.items()
        ],
    )


_TOLD: Mapping[str, Callable[[RehearsedCanary], str]] = {
    "rolled back": lambda each: chance(each.summary.rolled_back),
    "all back after (p50)": lambda each: _minutes(each.summary.minutes_p50),
    "users harmed (mean)": lambda each: count(each.summary.users),
    "false rollbacks": lambda each: chance(each.false_rollbacks),
}


def _beside(before: str | None, now: str) -> str:
    return now if before in (None, now) else f"{before} → {now}"


def _minutes(minutes: float | None) -> str:
    return "never" if minutes is None else duration(minutes, decimals=1)


def _played(rollout: Rollout, scenario: Scenario) -> dict[str, RehearsedCanary]:
    return {each.title: RehearsedCanary.of(each) for each in canaries(rollout, scenario)}


def exposures(before: Stack | None, after: Stack | None) -> list[Exposure]:
    """Every route of a stack on either side, by its name; both comparable."""
    old, new = (
        {name: Route(s.only(name)) for name in s.routes} if s else {} for s in (before, after)
    )
    return [Exposure(name, old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
