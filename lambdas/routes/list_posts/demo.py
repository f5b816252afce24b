"""What `make demo` must know of GET /users/me/posts."""

from typing import Any

from routes.list_posts import archive

STACK = "ListPosts"
PATH = "/users/me/posts?limit=2"
USERS = archive.USERS[:40]


def next_query(page: dict[str, Any]) -> str:
    """What to add to `PATH` for the page after one; nothing after the last."""
    return f"&cursor={page['next']}" if page["next"] else ""
