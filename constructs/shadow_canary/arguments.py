"""What makes no sense is refused at construction: what was given, and what to give."""

import re
from datetime import datetime

from aws_cdk import Duration

from analysis.traffic import Traffic
from shadow_runtime.contract import CONTROL_NEEDS_MS, Stage

_ONE_DAY_S = 86_400


def check_identity(
    route: str, launch: datetime, ceiling: Stage, traffic: Traffic, retire_after: Duration
) -> None:
    """Whose migration it is, from when, how far, and for how long; raises ValueError."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", route):
        raise ValueError(
            "route names metrics and alarms: up to 40 lower case letters, digits and hyphens, "
            f"a letter first, such as 'get-user'; got {route!r}"
        )
    if launch.tzinfo is None:
        raise ValueError(
            f"launch needs a time zone, such as datetime(2030, 1, 7, 9, tzinfo=UTC); got {launch!r}"
        )
    if not isinstance(ceiling, Stage):
        raise ValueError(f"ceiling is a Stage, such as Stage.canary(percent=1); got {ceiling!r}")
    if not isinstance(traffic, Traffic):
        raise ValueError(
            "expected_traffic is a Traffic, such as Traffic.per_day(100_000, users=5_000); got "
            f"{traffic!r}"
        )
    if retire_after.to_seconds() < _ONE_DAY_S:
        raise ValueError(
            "retire_after must leave a day or more between launch and clean-up, such as "
            f"Duration.days(7); got {retire_after.to_seconds()} seconds"
        )


def check_times(timeout: Duration, candidate_deadline: Duration) -> None:
    """What is left for control when the candidate is late; raises ValueError."""
    room = timeout.to_milliseconds() - candidate_deadline.to_milliseconds()
    if room < CONTROL_NEEDS_MS:
        raise ValueError(
            f"control must have {CONTROL_NEEDS_MS} ms left after the candidate's deadline; "
            f"candidate_deadline {candidate_deadline.to_milliseconds()} ms of timeout "
            f"{timeout.to_milliseconds()} ms leaves {room} ms: lower the one or raise the other"
        )


def check_thresholds(
    *, error_rate_percent: float, mismatch_percent: float, latency_ratio: float
) -> None:
    """Thresholds that would always or never be passed raise ValueError."""
    for name, percent in (
        ("error_rate_percent", error_rate_percent),
        ("mismatch_percent", mismatch_percent),
    ):
        if not 0 < percent < 100:
            raise ValueError(f"{name} is a share, over 0 and under 100, such as 2; got {percent!r}")
    if not latency_ratio > 1:
        raise ValueError(
            "latency_ratio says how many times control's latency the candidate may take, over 1, "
            f"such as 3; got {latency_ratio!r}"
        )
