"""The candidate's own Lambda: the new code behind a direct invocation."""

from collections.abc import Callable, Mapping
from typing import Any, overload

from shadow_runtime.answering import Side, answered
from shadow_runtime.compare import Rules
from shadow_runtime.http import Request
from shadow_runtime.telemetry import traced


class Candidate:
    """A Lambda handler around the new code; `answer` is that code itself.

    `rules` say which differences from control are none.

    Example:
        >>> from shadow_runtime.http import Request, Response
        >>> @candidate
        ... def handler(request: Request) -> Response:
        ...     return Response.json({"id": request.user})
        >>> handler.answer(Request(method="GET", path="/", user="ada")).status
        200
    """

    def __init__(self, answer: Side, rules: Rules) -> None:
        self.answer = answer
        self.rules = rules

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Answers the copied request in `event` with a payload of format 2.0."""
        with traced("candidate") as annotations:
            response = answered(self.answer, Request.from_copy(event))
            annotations["status"] = response.status
        return response.payload()


@overload
def candidate(answer: Side) -> Candidate: ...
@overload
def candidate(*, rules: Rules) -> Callable[[Side], Candidate]: ...
def candidate(
    answer: Side | None = None, *, rules: Rules | None = None
) -> Candidate | Callable[[Side], Candidate]:
    """Makes the new code of a route the handler of the candidate function.

    As `@candidate`, or `@candidate(rules=Rules(ignore=["$.generated_at"]))`.
    """
    if answer is not None:
        return Candidate(answer, Rules())
    return lambda answer: Candidate(answer, rules or Rules())
