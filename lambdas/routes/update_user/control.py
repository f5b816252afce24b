"""PUT /users/me in the directory: the old code."""

from dataset_runtime.operation import attempt_of
from datasets.users import control as users
from routes.update_user.body import changes
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating


@migrating
def handler(request: Request) -> Response:
    """Changes the caller's own record."""
    asked = changes(request)
    user = users.store.apply(attempt_of(request), request.user, lambda old: {**old, **asked})
    return Response.json({"id": user.key, **(user.rows or {})})
