"""GET /users/me from the in-memory directory: the old code."""

from routes.get_user import directory
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating


@migrating(repeatable=True)
def handler(request: Request) -> Response:
    """The caller's own record."""
    user = directory.find(request.user)
    return Response.json(user) if user else Response.error(404, "Not Found")
