"""GET /users/me/posts from PostgreSQL: the new code."""

from datetime import timedelta

from sqlmodel import col, select

from routes.list_posts.models import Post, PostRecord
from routes.list_posts.page import Page
from shadow_runtime import database
from shadow_runtime.candidate import candidate
from shadow_runtime.compare import Rules, Tolerance
from shadow_runtime.http import Request, Response

RULES = Rules(
    # A set there and rows here: neither has an order that means anything.
    unordered=["$.items[*].tags"],
    # The mean of all ratings there, a running mean here: the last digits of a float differ.
    numeric={"$.items[*].rating": Tolerance(relative=1e-12)},
    # To the millisecond and with a Z there, to the microsecond and with an offset here.
    timestamps={"$.items[*].posted_at": timedelta(milliseconds=1)},
)
"""Nothing else may differ; `$.next` neither, or a page could not go on at the other side."""


@candidate(rules=RULES)
def handler(request: Request) -> Response:
    """A page of the caller's own posts, the newest first."""
    page = Page.of(request)
    if not database.can_hold(request.user):
        return Response.json({"items": [], "next": None})
    own = select(Post).where(Post.user_id == request.user).order_by(col(Post.id).desc())
    if page.before:
        own = own.where(Post.id < page.before)
    with database.session() as session:
        found = session.exec(own.limit(page.limit + 1)).all()
    posts = found[: page.limit]
    return Response.json(
        {
            "items": [PostRecord.model_validate(post) for post in posts],
            "next": page.cursor(posts[-1].id) if len(found) > len(posts) else None,
        }
    )
