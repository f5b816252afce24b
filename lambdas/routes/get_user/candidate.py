"""GET /users/me from PostgreSQL: the new code."""

from sqlmodel import col, select

from datasets.users.models import User, UserRecord
from shadow_runtime import database
from shadow_runtime.candidate import candidate
from shadow_runtime.http import Request, Response


@candidate
def handler(request: Request) -> Response:
    """The caller's own record."""
    if not database.can_hold(request.user):
        return Response.error(404, "Not Found")
    own = select(User).where(User.id == request.user, col(User.deleted_at).is_(None))
    with database.session() as session:
        user = session.exec(own).first()
    if user is None:
        return Response.error(404, "Not Found")
    return Response.json(UserRecord.model_validate(user))
