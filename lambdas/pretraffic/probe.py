"""Recorded requests, asked of a version one by one, as an HTTP API would ask its alias."""

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shadow_runtime.http import Request, Response
from shadow_runtime.recorded import recorded

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

MOST = 20
"""Recorded requests that are asked; more would prove little more."""

NOBODYS = Request(method="GET", path="/")
"""What a route must refuse: that proves its import, its settings and its handler."""


def to_ask(file: Path) -> list[Request]:
    """The first requests recorded in `file`; without any, the one that nobody sent.

    Raises:
        ValueError: a line that is no request; says which.
    """
    first = list(islice(recorded(file), MOST)) if file.is_file() else []
    return first or [NOBODYS]


def fault(functions: "LambdaClient", version: str, request: Request, *, id_: str) -> str:
    """Why no user should see how `version` answers `request`; empty when one may.

    The words hold statuses and names of errors, nothing of a body. `id_` is the request's id in
    the version's logs and metrics.
    """
    try:
        invoked = functions.invoke(
            FunctionName=version, Payload=json.dumps(event(request, id_=id_))
        )
        payload = json.loads(invoked["Payload"].read())
        if "FunctionError" in invoked:
            return f"failed with {payload.get('errorType', invoked['FunctionError'])}"
        response = Response.from_payload(payload)
    except ClientError as error:
        return f"could not be asked ({error.response['Error']['Code']})"
    except (BotoCoreError, ValueError, RecursionError) as error:
        return f"gave no answer ({type(error).__name__})"
    return f"answered {response.status}" if response.is_fault else ""


def event(request: Request, *, id_: str) -> dict[str, Any]:
    """`request` in payload format 2.0, behind a JWT authorizer that knew its user."""
    copy = request.copy()
    return {
        "version": "2.0",
        "routeKey": request.route_key,
        "rawPath": request.path,
        "rawQueryString": copy["query"],
        "headers": copy["headers"],
        "pathParameters": copy["path_parameters"],
        "requestContext": {
            "http": {"method": request.method, "path": request.path},
            "requestId": id_,
            "routeKey": request.route_key,
            "stage": "$default",
            "authorizer": {"jwt": {"claims": {"sub": request.user}, "scopes": None}},
        },
        "body": copy["body"],
        "isBase64Encoded": copy["base64"],
    }
