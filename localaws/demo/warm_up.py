"""The candidate's processes start before its users come.

On AWS a raise takes minutes, and they start one by one. Here everybody comes at once, to two cores.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import boto3

from shadow_runtime.contract import Variable
from shadow_runtime.front_doors import HTTP_API, encoded
from shadow_runtime.http import Request

_AT_ONCE = 4
_SOON_SECONDS = 0.5
_MOST_ROUNDS = 20


def warm_up(aws: boto3.Session, stack: str, user: str) -> None:
    """Asks the candidate's version in `stack` for `user` until all answers come soon."""
    functions = aws.client("lambda")
    resource = aws.client("cloudformation").describe_stack_resources(StackName=stack)
    route = next(
        found["PhysicalResourceId"]
        for found in resource["StackResources"]
        if found["ResourceType"] == "AWS::Lambda::Function"
        and "ServiceRoute" in found["LogicalResourceId"]
    )
    settings = functions.get_function_configuration(FunctionName=route)
    candidate = settings["Environment"]["Variables"][Variable.CANDIDATE]
    payload = encoded(HTTP_API.event(Request(method="GET", path="/users/me", user=user)))

    def wait(_: int) -> float:
        started = time.monotonic()
        functions.invoke(FunctionName=candidate, Payload=payload)
        return time.monotonic() - started

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in range(_MOST_ROUNDS):
            if max(threads.map(wait, range(_AT_ONCE))) < _SOON_SECONDS:
                return
