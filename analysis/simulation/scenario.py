"""What goes wrong in a rehearsal, and what is assumed of all the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from analysis.rules import VISIBLE_AFTER
from analysis.traffic import Traffic
from analysis.users import Draw, Numbers, Users
from shadow_runtime.contract import ShadowCanaryError


class RehearsalError(ShadowCanaryError):
    """What was asked for and cannot be simulated: what, and why."""


PerMinute = NDArray[np.float64]
"""One number for each minute of a rollout, or of each rollout."""

ASSUMED = (
    "At minute 0 a new version starts with its share of the invocations, in the one canary; in the "
    "other the flag is raised to the ceiling. The two are played apart.",
    "Requests come by chance (Poisson), each on its own. In the code canary each invocation is "
    "drawn, as Lambda draws it; in the other each user is, once.",
    "A bad request is one by chance, and so is a wrong answer; by record, some users' always are. "
    "What fails when all is well is anybody's. The code canary's are the new version's own: users "
    "see an error. The data source's are the candidate's: control answers "
    "instead, while there is one, and the candidate fails copies at the same rate. A wrong answer "
    "is served to whom the candidate answers.",
    "All copies arrive, of every request. They are compared while users are exposed: from canary "
    "on, and before complete. What the candidate answered is compared with control's answer too.",
    "The breaker is left out: a request that it keeps from the candidate counts as bad as well.",
    "The hook is left out: a version that fails each recorded request never meets a user.",
    "Latencies are lognormal around control's. A candidate later than its deadline has failed.",
    "Alarms look at the end of each minute, at what is then visible. Nothing is counted before "
    "minute 0; alarms over all versions start empty too, which makes them quicker than they are.",
    "A red alarm turns the alias back at once while the shift lasts. Afterwards CodeDeploy does "
    "not look, and the new version stays to the end.",
    "After a rollback nobody tries again. The clean-up comes later than the last minute.",
)
"""What is not in the template, and how it is played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A failure, and the world around it.

    Traffic, users, alarms, shift and strategies are read from the template; `ASSUMED` says how the
    rest is played. Time goes by in minutes.

    Attributes:
        rollouts: how many are played.
        minutes: length of each.
        failing_percent: requests that fail.
        mismatch_percent: answers that are wrong.
        slow_times: how many times control's latency is needed.
        healthy_percent: requests that fail when all is well.
        by_record: that share of the users always fails, or gets wrong answers, and no one else;
            otherwise that share of everybody's requests.
        unequal_users: a fifth of them make four fifths of the requests; otherwise all are equal.
        failure_starts: minute from which all this is so; before, all is well.
        handled: what fails answers 500; it crashes otherwise, which Lambda counts itself.
        daily_curve: traffic is most at 15:00 and least at 3:00, its trough; it is even otherwise.
            The rehearsal starts at the hour of the clean-up, as the launch did.
        delay_minutes: until a datapoint can be seen.
        operations_seconds: from a red alarm to the flag's deployment.
        control_p50_ms: control's median.
        control_p95_ms: control's 95th percentile.
        seed: of chance; the same seed gives the same numbers.

    Example:
        >>> scenario = Scenario(minutes=3, failure_starts=1)
        >>> scenario.failing(np.array([0.2]))
        array([[0.001, 0.2  , 0.2  ]])

    Raises:
        RehearsalError: a number that makes no sense.
    """

    rollouts: int = 10_000
    minutes: int = 60
    failing_percent: float = 20
    mismatch_percent: float = 0
    slow_times: float = 1
    by_record: bool = False
    unequal_users: bool = False
    healthy_percent: float = 0.1
    failure_starts: int = 0
    handled: bool = False
    daily_curve: bool = False
    delay_minutes: int = VISIBLE_AFTER // timedelta(minutes=1)
    operations_seconds: float = 5
    control_p50_ms: float = 40
    control_p95_ms: float = 110
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("failing_percent", "mismatch_percent", "healthy_percent"):
            if not 0 <= getattr(self, name) <= 100:
                raise RehearsalError(f"{name} is from 0 to 100; got {getattr(self, name):g}")
        for name in ("rollouts", "minutes"):
            if getattr(self, name) < 1:
                raise RehearsalError(f"{name} is 1 or more; got {getattr(self, name)}")
        if not 0 <= self.failure_starts < self.minutes:
            raise RehearsalError(
                f"a failure starts in one of the {self.minutes} minutes that are played, from 0 "
                f"on; got minute {self.failure_starts}"
            )
        if self.slow_times <= 0:
            raise RehearsalError(f"slow_times is over 0; got {self.slow_times:g}")

    @property
    def healthy(self) -> Self:
        """The same without a failure."""
        return replace(
            self, failing_percent=self.healthy_percent, mismatch_percent=0.0, slow_times=1.0
        )

    @property
    def description(self) -> str:
        """The failure, as one would say it."""
        parts = [
            self._failing if self.failing_percent else "",
            self._wrong if self.mismatch_percent else "",
            f"answers take {self.slow_times:g} times as long" if self.slow_times != 1 else "",
        ]
        said = ", ".join(filter(None, parts)) or "nothing fails"
        return f"{said}, from minute {self.failure_starts} on"

    @property
    def _failing(self) -> str:
        many = f"{self.failing_percent:g} %"
        return f"{many} of users always fail" if self.by_record else f"{many} of requests fail"

    @property
    def _wrong(self) -> str:
        many = f"{self.mismatch_percent:g} %"
        if self.by_record:
            return f"{many} of users always get wrong answers"
        return f"{many} of answers are wrong"

    @property
    def facts(self) -> Sequence[str]:
        """What is assumed in numbers."""
        return (
            f"{self.healthy_percent:g} % of requests fail when all is well.",
            f"A datapoint can be seen {self.delay_minutes} minutes after its minute is over.",
            f"From a red alarm to the flag's deployment it takes {self.operations_seconds:g} "
            "seconds; then each execution environment hears of it at its next poll.",
            f"Control's median is {self.control_p50_ms:g} ms, its 95th percentile "
            f"{self.control_p95_ms:g} ms.",
            "Traffic is most at 15:00 and least at 3:00."
            if self.daily_curve
            else "Traffic is even over the day.",
            "A fifth of the users make four fifths of the requests."
            if self.unequal_users
            else "Users make equally many requests.",
        )

    def draw(
        self, traffic: Traffic, percent: float, rollouts: int, rng: np.random.Generator
    ) -> Draw:
        """Whom a canary holds; whose requests fail, and in a second row whose answers are wrong."""
        users = (Users.unequal if self.unequal_users else Users.equal)(traffic.users)
        shares = self.failing_percent / 100, self.mismatch_percent / 100
        return users.draw(rollouts, rng, *shares, percent=percent, by_record=self.by_record)

    def harmed(self, drawn: Draw) -> Numbers:
        """Those of a canary's users whom the failure may meet: by record, not all of them."""
        meets = np.minimum(1, drawn.failing.sum(axis=0))
        return drawn.users * np.where(self.by_record & (meets > 0), meets, 1)

    def failing(self, share: Numbers) -> PerMinute:
        """The share of requests that fail in each minute, where `share` do of each rollout."""
        healthy = self.healthy_percent / 100
        return self._from_the_start(healthy, np.maximum(share, healthy))

    def mismatching(self, share: Numbers) -> PerMinute:
        """The share of answers that are wrong in each minute."""
        return self._from_the_start(0.0, share)

    def _from_the_start(self, before: float, after: Numbers) -> PerMinute:
        is_well = np.arange(self.minutes) < self.failure_starts
        return np.where(is_well, before, after[:, np.newaxis])
