"""Whether a version may meet users: a few recorded requests decide."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pretraffic.deployment import brought_by
from pretraffic.probe import NOTHING, fault, named, to_ask
from shadow_runtime.contract import Variable
from shadow_runtime.recorded import RecordingError
from shadow_runtime.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

WAIT_S = 30
"""For one answer: an HTTP API waits no longer, so no user would see a later one."""

REPORT_S = 20
"""Kept for the report, should CodeDeploy refuse it at first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a version may meet users, and why, in words."""

    is_fit: bool
    words: str


def check(codedeploy: Any, deployment: str, remaining_ms: Callable[[], int]) -> Finding:
    """Asks the version that `deployment` brings. A way back is never held up."""
    version = _version(codedeploy, deployment)
    if version is None:
        return Finding(True, "a way back: nothing was asked")
    return ask(version, remaining_ms, id_=deployment)


def ask(version: str, remaining_ms: Callable[[], int], *, id_: str) -> Finding:
    """Asks `version` what is recorded, one request after the other.

    The first bad answer decides, and so does a lack of time. `id_` is in the version's log.
    """
    try:
        requests = to_ask(recorded_file())
    except RecordingError as error:
        return Finding(False, str(error))
    functions = lambda_client()
    for number, request in enumerate(requests, 1):
        asked = f"request {number} of {len(requests)} ({named(request)})"
        if remaining_ms() < (1 + WAIT_S + REPORT_S) * 1_000:
            return Finding(False, f"{version} left no time for {asked}")
        if why := fault(functions, version, request, id_=f"{id_}-{number}"):
            return Finding(False, f"{version} {why} on {asked}")
    if requests == [NOTHING]:
        return Finding(
            True,
            f"{version} can be imported; no more is proven, as nothing is recorded to be asked",
        )
    return Finding(True, f"{version} answered {len(requests)} of {len(requests)} requests")


def recorded_file() -> Path:
    """Where the route's recorded requests are, if there are any."""
    folder = os.environ[Variable.ROUTE_PACKAGE].replace(".", "/")
    return Path(__file__).parents[1] / folder / "requests.jsonl"


def lambda_client() -> "LambdaClient":
    """What asks once, and waits no longer than a user would."""
    return boto3.client(
        "lambda",
        config=Config(connect_timeout=1, read_timeout=WAIT_S, retries={"total_max_attempts": 1}),
    )


def _version(codedeploy: Any, deployment: str) -> str | None:
    """What CodeDeploy says that it brings; the newest when it does not say."""
    try:
        return brought_by(codedeploy, deployment)
    except (BotoCoreError, ClientError, KeyError, ValueError) as error:
        logger.warning("CodeDeploy names no version", error=str(error))
        return os.environ[Variable.VERSION]
