"""The old data source. It stands for a legacy service: an in-memory archive of 500 users' posts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post as the old service keeps one: every rating that it got, its time to the millisecond.

    A larger `id` is a later post.
    """

    id: int
    title: str
    tags: frozenset[str]
    ratings: tuple[float, ...]
    posted_at: datetime

    @property
    def rating(self) -> float | None:
        """The mean, None before the first."""
        return sum(self.ratings) / len(self.ratings) if self.ratings else None


_ABOUT = ("Engines", "Compilers", "Enigmas", "Semaphores", "Substitution", "Bridges", "Loops")
_TAGS = ("history", "proofs", "networks", "types", "hardware", "essays", "music", "teaching")
_FIRST = datetime(2026, 1, 5, 9, tzinfo=UTC)
USERS = [f"user-{number:03}" for number in range(1, 501)]


def _posts(user: int) -> Iterator[Post]:
    """Up to six, the newest first; every seventh user has none."""
    for nth in reversed(range(user % 7)):
        id_ = 10 * user + nth
        yield Post(
            id=id_,
            title=f"{_ABOUT[id_ % len(_ABOUT)]}, part {nth + 1}",
            tags=frozenset(_TAGS[(id_ + step) % len(_TAGS)] for step in range(id_ % 5)),
            ratings=tuple((id_ * step % 41 + 9) / 10 for step in range(1, id_ % 6 + 1)),
            posted_at=_FIRST + timedelta(days=nth, hours=user % 24, milliseconds=id_ % 1_000),
        )


POSTS = {name: tuple(_posts(number)) for number, name in enumerate(USERS, 1)}
"""Of each user, the newest first."""


def posts_of(user: str) -> tuple[Post, ...]:
    """Those of the user, the newest first."""
    return POSTS.get(user, ())
