"""What the clean-up decides upon, as it is now: what cannot be seen is a doubt, and no failure."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from judge import Tolerances, Verdict
from operations.answers import Answers
from operations.clean_up import Judged, Seen
from operations.guards import objections
from operations.observer import Observer
from shadow_runtime.contract import Stage

T = TypeVar("T")


def look(observer: Observer, *, due: datetime, now: datetime) -> Seen:
    """At a route whose clean-up is `due`; nobody asks CloudWatch where it is at `off`.

    Raises:
        FlagWriterError: nothing was ever deployed.
        botocore.exceptions.ClientError: AppConfig does not answer.
    """
    settings, deployed = observer.settings, observer.flag.deployed()
    stage = min(deployed.position.stage, settings.ceiling) if deployed.is_ours else None
    judged, answers, guards = Judged(Verdict.INCONCLUSIVE, ()), None, None
    doubts = list[str]()

    def asked(what: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except (BotoCoreError, ClientError) as error:
            doubts.append(f"{what} cannot be seen: {error}")
            return otherwise

    def judge() -> Judged:
        tolerances = settings.ramp.tolerances if settings.ramp else Tolerances()
        return Judged.of(observer.proof(stage, None).counts, tolerances)

    def who_answered() -> Answers | None:
        return Answers.read(observer.aws.client("cloudwatch"), settings.route, until=now)

    if stage is not None and stage > Stage.OFF:
        judged = asked("what was counted", judge, judged)
        answers = asked("who answered", who_answered, None)
        guards = asked("the guards", observer.guards, None)
    red = guards.in_alarm if guards else []
    if guards and not red:
        doubts += objections(guards)
    return Seen(
        now=now,
        due=due,
        stage=stage,
        is_running=deployed.is_running,
        is_paused=deployed.is_paused,
        is_retired=deployed.deprecated_on >= f"{due:%Y-%m-%d}",
        judged=judged,
        answers=answers,
        red=red,
        doubts=doubts,
    )
