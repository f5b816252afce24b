"""The candidate's own Lambda: the new code behind a direct invocation."""

from collections.abc import Mapping
from typing import Any

from shadow_runtime.answering import Side, answered
from shadow_runtime.http import Request
from shadow_runtime.telemetry import arm


class Candidate:
    """A Lambda handler around the new code; `answer` is that code itself.

    Example:
        >>> @candidate
        ... def handler(request: Request) -> Response:
        ...     return Response.json({"id": request.user})
        >>> handler.answer(Request(method="GET", path="/", user="ada")).status
        200
    """

    def __init__(self, answer: Side) -> None:
        self.answer = answer

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answers the copied request in `event` with a payload of format 2.0."""
        with arm("candidate") as annotations:
            response = answered(self.answer, Request.from_copy(event))
            annotations["status"] = response.status
        return response.payload()


def candidate(answer: Side) -> Candidate:
    """Makes `answer`, the new code of a route, the handler of the candidate function."""
    return Candidate(answer)
