"""A route between services: API Gateway checks the signature, the handler who signed."""

import json
import logging
from typing import Any

LOGGER = logging.getLogger()
READERS = {"arn:aws:iam::123456789012:user/ada"}


def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    identity = event["requestContext"]["identity"]
    arn = identity.get("userArn")
    if arn not in READERS:
        LOGGER.warning("refused")
        return {"statusCode": 403, "body": json.dumps({"message": "not a reader"})}
    stage = event["requestContext"]["stage"]
    return {
        "statusCode": "200",
        "headers": {"Content-Type": "application/json", "X-Account": identity["accountId"]},
        "body": json.dumps({"caller": arn, "stage": stage, "id": event["pathParameters"]["id"]}),
        "isBase64Encoded": False,
    }
