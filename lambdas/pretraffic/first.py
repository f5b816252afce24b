"""A first deployment: CodeDeploy shifts nothing then, so what is there at once is asked at once."""

import time
from collections.abc import Mapping
from typing import Any

from custom_resource import answer
from pretraffic.check import Finding, ask, lambda_client, recorded_file
from pretraffic.probe import fault, to_ask
from shadow_runtime.telemetry import logger

PATIENCE_S = 20
"""A new role may do what it was granted within seconds, and a network lets it in about as soon."""

PAUSE_S = 2


class UnfitError(Exception):
    """No user should meet what was deployed: which function, and why."""


def handle(event: Mapping[str, Any], context: Any) -> None:
    """Tells CloudFormation whether a new route answers, so that one that does not is rolled back.

    Of a route that is there already, CodeDeploy's hook asks each new version. A way back is never
    held up.
    """

    def work() -> None:
        if event["RequestType"] == "Create":
            remaining_ms = context.get_remaining_time_in_millis
            found = _in_time(event["ResourceProperties"], remaining_ms, id_=event["RequestId"])
            logger.info("first deployment", is_fit=found.is_fit, found=found.words)
            if not found.is_fit:
                raise UnfitError(found.words)

    failed = "no user should meet what was deployed"
    answer(event, work, resource="first-deployment", failed=failed)


def _in_time(given: Mapping[str, str], remaining_ms: Any, *, id_: str) -> Finding:
    """What is found when everything that a new function needs is there."""
    until = time.monotonic() + PATIENCE_S
    while True:
        found = _find(given, remaining_ms, id_=id_)
        if found.is_fit or time.monotonic() > until:
            return found
        time.sleep(PAUSE_S)


def _find(given: Mapping[str, str], remaining_ms: Any, *, id_: str) -> Finding:
    """The route answers, and its candidate, which nobody is on yet, can be imported."""
    candidate = _name(given["Candidate"])
    found = ask(_name(given["Route"]), remaining_ms, id_=id_)
    if found.is_fit:
        first = to_ask(recorded_file())[0]
        if why := fault(lambda_client(), candidate, first, id_=id_):
            return Finding(False, f"{candidate} {why}")
    return found


def _name(arn: str) -> str:
    return arn.partition(":function:")[2]
