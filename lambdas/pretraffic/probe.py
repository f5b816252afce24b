"""Recorded requests, asked of a version one by one, as a front door would ask its alias."""

import json
import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shadow_runtime.contract import SAFE_METHODS
from shadow_runtime.front_doors import HTTP_API, MalformedError, encoded, front_door
from shadow_runtime.handlers import MARK
from shadow_runtime.recorded import Recorded, recorded

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

MOST = 20
"""Recorded requests that are asked; more would prove little more."""

NOTHING = Recorded({})
"""What a version answers by itself, without its handler: it can be imported, with its settings."""

_REFUSED = (401, 403)


def to_ask(file: Path) -> list[Recorded]:
    """The first requests recorded in `file` that only read; `NOTHING` where there are none.

    What may change data would change it, at each deployment anew.

    Raises:
        RecordingError: a line is no request; says which.
    """
    found = recorded(file) if file.is_file() else ()
    reads = (each for each in found if front_door(each.event).method(each.event) in SAFE_METHODS)
    return [*islice(reads, MOST)] or [NOTHING]


def named(asked: Recorded) -> str:
    """Which route a request is for, in words."""
    if not asked.event:
        return "nothing recorded"
    request = front_door(asked.event).request(asked.event)
    return request.route_key or request.method


def fault(functions: "LambdaClient", version: str, asked: Recorded, *, id_: str) -> str:
    """Why no user should see how `version` answers; empty when one may.

    A refusal (401, 403) is what a user may see only if it was recorded: else a version that refuses
    everybody would be fit. The words hold statuses and names of errors, nothing of a body. `id_` is
    the request's id in the version's log.
    """
    try:
        invoked = functions.invoke(FunctionName=version, Payload=encoded(probe(asked, id_=id_)))
        payload = json.loads(invoked["Payload"].read())
        if "FunctionError" in invoked:
            return f"failed with {_failure({'errorType': invoked['FunctionError'], **payload})}"
        door = front_door(asked.event) if asked.event else HTTP_API
        response = door.response(payload)
    except ClientError as error:
        return f"could not be asked ({error.response['Error']['Code']})"
    except MalformedError as error:
        return f"gave no answer: {error}"
    except (BotoCoreError, ValueError, RecursionError) as error:
        return f"gave no answer ({type(error).__name__})"
    unexpected = response.status in _REFUSED and response.status != asked.status
    return f"answered {response.status}" if response.is_fault or unexpected else ""


def _failure(payload: dict[str, Any]) -> str:
    """What was raised, and where or for lack of what: nothing that a request or a secret says."""
    trace = payload.get("stackTrace") or [""]
    if place := _PLACE.search(str(trace[-1])):
        return f"{payload['errorType']} at {place['file']}:{place['line']}"
    lack = _LACK.search(str(payload.get("errorMessage")))
    return f"{payload['errorType']}{f' ({lack[0]})' if lack else ''}"


_PLACE = re.compile(r'File "(?:[^"]*/)?(?P<file>[^"]+)", line (?P<line>\d+)')
"""In a line of a stack trace, as Lambda returns it."""

_LACK = re.compile(
    r"No module named '[\w.]+'|cannot import name '\w+'|\w+\.py, line \d+|Handler '\w+' missing"
)
"""What Lambda says of an import that failed, which has no stack trace.
https://github.com/aws/aws-lambda-python-runtime-interface-client, `_get_handler`"""


def probe(asked: Recorded, *, id_: str) -> dict[str, Any]:
    """The recorded event under an id of its own, with the mark that keeps it out of every count."""
    event = dict(asked.event)
    if event:
        event["requestContext"] = {**event["requestContext"], "requestId": id_}
    return {**event, MARK: {"probe": True}}
