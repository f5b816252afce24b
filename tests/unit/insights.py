"""Logs Insights over lines in memory, as far as the operator's command asks it.

Behind the real boto3 client; no query answers with more than `MOST` lines, as on AWS.
"""

import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3

MOST = 10_000
Given = dict[str, Any]


class Insights:
    """One log group; `written` are times in seconds since 1970, and messages."""

    def __init__(self) -> None:
        self.written: list[tuple[float, str]] = []
        self.queries: list[Given] = []
        self.states = ["Complete"]

    def write(self, at: float, **fields: Any) -> None:
        self.written.append((at, json.dumps(fields, separators=(",", ":"))))

    def client(self) -> Any:
        made: Any = boto3.client(
            "logs",
            region_name="eu-central-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        made.meta.events.register("provide-client-params.logs", _keep)
        made.meta.events.register("before-call", self._answer)
        return made

    def _answer(self, model: Any, context: Given, **_: object) -> tuple[object, Given]:
        parsed: Given = getattr(self, f"_{model.name}")(context["given"])
        parsed["ResponseMetadata"] = {"HTTPStatusCode": 200}
        return SimpleNamespace(status_code=200), parsed

    def _StartQuery(self, given: Given) -> Given:  # noqa: N802
        self.queries.append(given)
        return {"queryId": str(len(self.queries) - 1)}

    def _GetQueryResults(self, given: Given) -> Given:  # noqa: N802
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        query = self.queries[int(given["queryId"])]
        patterns = re.findall(r"filter @message like /(.*?)/(?= \|)", query["queryString"])
        found = [
            (at, number, message)
            for number, (at, message) in enumerate(self.written)
            if query["startTime"] <= at <= query["endTime"]
            and all(re.search(pattern, message) for pattern in patterns)
        ]
        newest = sorted(found, reverse=True)[:MOST]
        return {"status": state, "results": [_row(*each) for each in newest]}


def _row(at: float, number: int, message: str) -> list[Given]:
    moment = datetime.fromtimestamp(at, UTC)
    row = {
        "@timestamp": f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3],
        "@message": message,
        "@ptr": str(number),
    }
    return [{"field": name, "value": value} for name, value in row.items()]


def _keep(params: Given, context: Given, **_: object) -> None:
    context["given"] = params
