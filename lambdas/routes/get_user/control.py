"""GET /users/me from the directory: the old code."""

from datasets.users import control as users
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating


@migrating(repeatable=True)
def handler(request: Request) -> Response:
    """The caller's own record."""
    user = users.store.load(request.user)
    if user is None or user.rows is None:
        return Response.error(404, "Not Found")
    return Response.json({"id": user.key, **user.rows})
