"""What no service can be made of is refused by name: what was given, and what to give."""

import math
import re
from datetime import datetime

from aws_cdk import Duration, Token
from aws_cdk import aws_lambda as lambda_

from shadow_runtime.contract import CONTROL_NEEDS_MS

_EXAMPLES = {
    "Dataset": 'Dataset(stack, "Dataset", name="users", ...)',
    "DatasetCode": 'DatasetCode("src/users")',
    "Duration": "Duration.seconds(10)",
    "Ramp": "Ramp.steps(1, 5, 25, 100, dwell=Duration.hours(24))",
    "RouteCode": 'RouteCode("src/get_user")',
    "Stage": "Stage.canary(percent=1)",
    "Traffic": "Traffic.per_day(100_000, users=5_000)",
    "Window": "Window(period=timedelta(minutes=5))",
    "bool": "True",
    "datetime": "datetime(2030, 1, 7, 9, tzinfo=UTC)",
}
"""By the name of a type."""

_ONE_DAY_S = 86_400
_LONGEST_S = 900
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def check_kind(kind: type, **given: object) -> None:
    """Refuses an argument of another type, a date or a duration as text among them.

    Raises:
        ValueError: which argument, an example, and what was given.

    Example:
        >>> check_kind(bool, dashboard="no")
        Traceback (most recent call last):
        ValueError: dashboard is a bool, such as True; got 'no'
    """
    for name, value in given.items():
        if not isinstance(value, kind):
            raise ValueError(
                f"{name} is a {kind.__name__}, such as {_EXAMPLES[kind.__name__]}; got {value!r}"
            )


def check_name(example: str, **given: object) -> None:
    """Refuses a name that no resource could carry.

    Raises:
        ValueError: which argument, what names look like, and what was given.

    Example:
        >>> check_name("get-user", route="GetUser")
        Traceback (most recent call last):
        ValueError: route names metrics and alarms: up to 40 lower case letters, digits and \
hyphens, a letter first, such as 'get-user'; got 'GetUser'
    """
    for argument, name in given.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name):
            raise ValueError(
                f"{argument} names metrics and alarms: up to 40 lower case letters, digits and "
                f"hyphens, a letter first, such as {example!r}; got {name!r}"
            )


def check_launch(launch: datetime, retire_after: Duration) -> None:
    """Refuses a launch at no moment, and a clean-up at once.

    Raises:
        ValueError: which of both.
    """
    if launch.utcoffset() is None:
        raise ValueError(
            f"launch needs a time zone, such as datetime(2030, 1, 7, 9, tzinfo=UTC); got {launch!r}"
        )
    if retire_after.to_seconds() < _ONE_DAY_S:
        raise ValueError(
            "retire_after must leave a day or more between launch and clean-up, such as "
            f"Duration.days(7); got {retire_after.to_seconds()} seconds"
        )


def check_times(
    *,
    timeout: Duration,
    candidate_deadline: Duration,
    latency_bound: Duration,
    latency_floor: Duration,
) -> None:
    """Refuses times that Lambda has not, that leave control none, or that never pass.

    Raises:
        ValueError: which, and why.
    """
    longest = timeout.to_milliseconds()
    if longest % 1_000 or not 0 < longest <= _LONGEST_S * 1_000:
        raise ValueError(
            f"timeout is in whole seconds, from 1 to {_LONGEST_S}, such as Duration.seconds(10); "
            f"got {longest} ms"
        )
    for name, time in {
        "candidate_deadline": candidate_deadline,
        "latency_bound": latency_bound,
        "latency_floor": latency_floor,
    }.items():
        ms = time.to_milliseconds()
        if not 0 < ms <= longest:
            raise ValueError(
                f"{name} is over 0 and at most the timeout, {longest} ms: nothing takes longer; "
                f"got {ms} ms"
            )
    room = longest - candidate_deadline.to_milliseconds()
    if room < CONTROL_NEEDS_MS:
        raise ValueError(
            f"control must have {CONTROL_NEEDS_MS} ms left after the candidate's deadline; "
            f"candidate_deadline {candidate_deadline.to_milliseconds()} ms of timeout "
            f"{longest} ms leaves {room} ms: lower the one or raise the other"
        )


def check_known(**durations: Duration) -> None:
    """Refuses what is no duration, or one that only a deployment knows: synthesis reckons with it.

    Raises:
        ValueError: which one.
    """
    check_kind(Duration, **durations)
    for name, duration in durations.items():
        if duration.is_unresolved():
            raise ValueError(
                f"{name} must be known at synthesis, which reckons with it, such as "
                f"Duration.seconds(10); got a token, {duration}"
            )


def check_percent(**given: float) -> None:
    """Refuses a share that is always or never passed.

    Raises:
        ValueError: which one.
    """
    for name, percent in given.items():
        if not _is_number(percent) or not 0 < percent < 100:
            raise ValueError(f"{name} is a share, over 0 and under 100, such as 2; got {percent!r}")


def check_ratio(latency_ratio: float) -> None:
    """Refuses what a candidate as fast as control would pass.

    Raises:
        ValueError: what it means.
    """
    if not _is_number(latency_ratio) or not latency_ratio > 1:
        raise ValueError(
            "latency_ratio says how many times control's latency the candidate may take, over 1, "
            f"such as 3; got {latency_ratio!r}"
        )


def check_whole(least: int, most: int | None = None, **given: int | None) -> None:
    """Refuses what Lambda would, except None and what only a deployment knows.

    Raises:
        ValueError: which one.

    Example:
        >>> check_whole(1, shadow_reserved_concurrent_executions=0)
        Traceback (most recent call last):
        ValueError: shadow_reserved_concurrent_executions is a whole number, 1 or more; got 0
    """
    to = f"from {least} to {most}" if most else f"{least} or more"
    for name, value in given.items():
        if value is None or (isinstance(value, float) and _is_token(value)):
            continue
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or value < least or (most is not None and value > most):
            raise ValueError(f"{name} is a whole number, {to}; got {value!r}")


def check_runtime(runtime: lambda_.Runtime) -> None:
    """Refuses a runtime on which the service's code does not run.

    Raises:
        ValueError: which one would do.
    """
    version = re.fullmatch(r"python3\.(\d+)", runtime.name)
    if version is None or int(version[1]) < _OLDEST:
        raise ValueError(
            f"runtime is Python 3.{_OLDEST} or newer, such as Runtime.PYTHON_3_13; got "
            f"{runtime.name}"
        )


_OLDEST = 12
"""The oldest on Amazon Linux 2023, whose C library the layers' wheels are for."""


def _is_number(value: object) -> bool:
    """A number that is known: a token of the CDK's is an impossible one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and not Token.is_unresolved(value)


def _is_token(value: float) -> bool:
    return math.isfinite(value) and Token.is_unresolved(value)
