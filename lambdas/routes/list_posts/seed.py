"""The embedded database: the posts of the archive, as the new code would have written them."""

from datetime import timedelta

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

from routes.list_posts import archive
from routes.list_posts.models import Post


def row(user: str, post: archive.Post) -> Post:
    """A post of the user, in the new form."""
    return Post(
        id=post.id,
        user_id=user,
        title=post.title,
        tags=sorted(post.tags),
        rating=_running_mean(post.ratings),
        # What the old service cuts off.
        posted_at=post.posted_at + timedelta(microseconds=post.id * 7 % 1_000),
    )


def seed(engine: Engine) -> None:
    """Creates the table and copies the posts of the archive."""
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            row(user, post) for user in archive.USERS for post in archive.posts_of(user)
        )
        session.commit()


def _running_mean(ratings: tuple[float, ...]) -> float | None:
    mean = None
    for number, rating in enumerate(ratings, 1):
        mean = rating if mean is None else mean + (rating - mean) / number
    return mean
