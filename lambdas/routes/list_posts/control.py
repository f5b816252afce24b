"""GET /users/me/posts from the in-memory archive: the old code."""

from routes.list_posts import archive
from routes.list_posts.page import Page
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating


@migrating(repeatable=True)
def handler(request: Request) -> Response:
    """A page of the caller's own posts, the newest first."""
    page = Page.of(request)
    older = [p for p in archive.posts_of(request.user) if not page.before or p.id < page.before]
    posts = older[: page.limit]
    return Response.json(
        {
            "items": [
                {
                    "id": post.id,
                    "title": post.title,
                    "tags": [*post.tags],
                    "rating": post.rating,
                    "posted_at": f"{post.posted_at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
                }
                for post in posts
            ],
            "next": page.cursor(posts[-1].id) if len(older) > len(posts) else None,
        }
    )
