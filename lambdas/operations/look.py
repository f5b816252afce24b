"""What the clean-up decides upon, as it is now: what cannot be seen is a doubt, and no failure."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from judge import Tolerances, Verdict
from operations.answers import Answers
from operations.clean_up import Judged, Seen
from operations.counts import candidate_versions, counted
from operations.flag import HostedFlag
from operations.guards import Guards, objections
from operations.settings import OperationsSettings
from shadow_runtime.contract import Stage

T = TypeVar("T")


def look(
    aws: boto3.Session,
    flag: HostedFlag,
    settings: OperationsSettings,
    *,
    function: str,
    due: datetime,
    now: datetime,
) -> Seen:
    """At one route, whose operations function is `function`, by ARN.

    Nobody asks CloudWatch where the flag is at `off`, or cannot be read.

    Raises:
        FlagWriterError: nothing was ever deployed.
        botocore.exceptions.ClientError: AppConfig does not answer.
    """
    deployed = flag.deployed()
    stage = min(deployed.position.stage, settings.ceiling) if deployed.is_ours else None
    judged, doubts = Judged(Verdict.INCONCLUSIVE, ()), list[str]()
    answers: Answers | None = None
    red: list[str] = []

    def asked(what: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except (BotoCoreError, ClientError) as error:
            doubts.append(f"{what} cannot be seen: {error}")
            return otherwise

    if stage is not None and stage > Stage.OFF:
        cloudwatch, lambda_ = aws.client("cloudwatch"), aws.client("lambda")

        def judge() -> Judged:
            versions = candidate_versions(lambda_, settings.function)
            found = {each: counted(cloudwatch, settings.route, version=each) for each in versions}
            counts = {each: f.counts if f else None for each, f in found.items()}
            return Judged.of(counts, Tolerances())

        def guards() -> Guards | None:
            return Guards.read(
                cloudwatch,
                aws.client("sns"),
                names=settings.exposure_alarms,
                topic=settings.topic,
                function=function,
            )

        judged = asked("what was counted", judge, judged)
        answers = asked(
            "who answered", lambda: Answers.read(cloudwatch, settings.route, until=now), None
        )
        guarded = asked("the guards", guards, None)
        if guarded is not None:
            red = guarded.in_alarm
            doubts += [] if red else objections(guarded)
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
