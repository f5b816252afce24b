"""`shadowctl record`: forms of real requests for `requests.jsonl`, without a value of a user's.

The flag asks the shadow for it, for some minutes: it writes the requests that it compares, masked.
Each is asked of the deployed route before it is kept, as the hook will ask it at a deployment.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3

from operations.flag import Progress
from operations.moves import record as record_until
from shadow_runtime.contract import ALIAS, POLL_INTERVAL, ShadowCanaryError, Stage, Variable
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.handlers import MARK
from shadow_runtime.http import Request
from shadow_runtime.recording import form
from shadowctl import log_query
from shadowctl.functions import Functions, log_group, variables
from shadowctl.route import Route
from shadowctl.route_files import requests_file

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_LOOK_S = 3.0
_WHY = "record requests"

Line = Mapping[str, Any]
"""A masked request, as `requests.jsonl` holds it."""


class RecordError(ShadowCanaryError):
    """Nothing was recorded: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was kept, what the route failed on, and what it is that nobody can record.

    Attributes:
        file: where the requests were written.
        kept: one of each form, with the status that the route answers it with.
        failed: those that the route answered with 500 or above: the hook would stop at them.
        unsupported: requests by another front door than an HTTP API or a function URL.
    """

    route: str
    file: Path
    kept: Sequence[Line]
    failed: Sequence[Line]
    unsupported: int

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "route": self.route,
            "file": str(self.file),
            "kept": [*self.kept],
            "failed": [*self.failed],
            "unsupported": self.unsupported,
        }

    def shown(self) -> Iterator[str]:
        """For people."""
        yield f"{self.route}: {len(self.kept)} requests, each of another form, in {self.file}"
        yield from (json.dumps(line, ensure_ascii=False) for line in self.kept)
        for line in self.failed:
            yield f"left out, the route answers {line['status']}: {form(line)}"
        if self.unsupported:
            yield (
                f"{self.unsupported} came by a REST API or a load balancer: write those by hand, "
                "as that sends them"
            )
        if self.kept:
            yield (
                "ids are masked, so that most answers are 404: put ids of test users in their "
                "place, and look at each line before you commit it"
            )


def record(
    functions: Functions,
    aws: boto3.Session,
    *,
    lasting: timedelta,
    most: int,
    user: str | None,
    file: Path | None,
    progress: Progress,
) -> Recording:
    """Records up to `most` forms of requests, for as long as `lasting`.

    `user` is a tester whom every request is then from, instead of the masked ones. What `file` - by
    default the route's - holds already stays, and is not written again.

    Raises:
        RecordError: no requests are copied at this stage, or there is no such route here.
        FlagWriterError: the flag could not be changed.
    """
    route = Route.of(functions.route, aws)
    if not Stage.SHADOW <= min(route.stage, route.ceiling) < Stage.COMPLETE:
        raise RecordError(
            f"{route.name} is at {min(route.stage, route.ceiling)}, where no request is copied: "
            f"`shadowctl stage {functions.route.stack} shadow`, then record"
        )
    package = variables(functions.comparing)[Variable.ROUTE_PACKAGE]
    target = file or requests_file(package)
    begun = datetime.now(UTC)
    until = begun + lasting + timedelta(seconds=POLL_INTERVAL)
    record_until(route.flag, until.timestamp(), who=route.who(), why=_WHY)
    try:
        found = _written(functions, aws, begun, until, most, progress)
    finally:  # it would end by itself
        record_until(route.flag, 0, who=route.who(), why=_WHY)
    lines = [line for line in found if line is not None]
    asked = [of_tester(line, user) if user else line for line in lines]
    functions_, function = aws.client("lambda"), functions.route.settings.function
    answered = [{**line, "status": answer(functions_, function, line)} for line in asked]
    kept = [line for line in answered if line["status"] < 500]
    append(target, kept)
    failed = [line for line in answered if line["status"] >= 500]
    return Recording(route.name, target, kept, failed, unsupported=len(found) - len(lines))


def _written(
    functions: Functions,
    aws: boto3.Session,
    begun: datetime,
    until: datetime,
    most: int,
    progress: Progress,
) -> list[Line | None]:
    """One request of each form, oldest first; None for what has no line."""
    logs, group = aws.client("logs"), log_group(functions.comparing)
    pattern = log_query.field("message", "recorded")
    forms: dict[str, Line | None] = {}
    while len(forms) < most and datetime.now(UTC) < until:
        for line in reversed(log_query.lines(logs, group, pattern, since=begun).found):
            request = line.fields["request"]
            forms.setdefault(form(request), request)
        progress(f"{len(forms)} of {most}", 100 * (datetime.now(UTC) - begun) / (until - begun))
        time.sleep(_LOOK_S)
    return [*forms.values()][:most]


def of_tester(line: Line, user: str) -> Line:
    """The request as a tester makes it: wherever the masked user stands, `user` does."""
    masked = line.get("user", "")
    if not masked:
        return {**line, "user": user}
    text = json.dumps(line).replace(json.dumps(masked)[1:-1], json.dumps(user)[1:-1])
    path = line["path"].replace(quote(masked), quote(user))
    return {**json.loads(text), "path": path}


def answer(functions: "LambdaClient", function: str, line: Line) -> int:
    """The status with which the route answers, as the hook asks it: in no count and no copy."""
    event = HTTP_API.event(Request(**line))
    invoked = functions.invoke(
        FunctionName=function,
        Qualifier=ALIAS,
        Payload=json.dumps({**event, MARK: {"probe": True}}),
    )
    payload = json.loads(invoked["Payload"].read())
    return 500 if "FunctionError" in invoked else HTTP_API.served(payload).status


def append(file: Path, lines: Sequence[Line]) -> None:
    """Adds the lines that `file` does not hold yet."""
    held = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    new = [json.dumps(line, ensure_ascii=False) for line in lines]
    kept = [*held, *(line for line in new if line not in held)]
    file.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
