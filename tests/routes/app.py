"""A client of the sample, as an app has one: what it reads of answers is what it relies on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import urllib3


class RefusedError(Exception):
    """The answer was none that the app can show."""


@dataclass(frozen=True)
class Profile:
    id: str
    name: str
    email: str
    plan: str


@dataclass(frozen=True)
class Post:
    id: int
    title: str
    tags: frozenset[str]
    rating: float | None
    posted_at: datetime


class App:
    """Asks for what the holder of `token` may see."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {token}"}

    def profile(self) -> Profile:
        return self._profile(self._json("GET", "/users/me"))

    def rename(self, name: str, *, key: str) -> Profile:
        """`key` tells a second try from another wish."""
        headers = {"content-type": "application/json", "idempotency-key": key}
        body = json.dumps({"name": name}).encode()
        return self._profile(self._json("PUT", "/users/me", headers=headers, body=body))

    def posts(self) -> Iterator[Post]:
        """All of them, page by page."""
        query = ""
        while True:
            page = self._json("GET", f"/users/me/posts?limit=2{query}")
            for post in page["items"]:
                yield Post(
                    id=post["id"],
                    title=post["title"],
                    tags=frozenset(post["tags"]),
                    rating=None if post["rating"] is None else float(post["rating"]),
                    posted_at=datetime.fromisoformat(post["posted_at"]),
                )
            if page["next"] is None:
                return
            query = f"&cursor={page['next']}"

    def _profile(self, held: dict[str, Any]) -> Profile:
        return Profile(**{name: held[name] for name in ("id", "name", "email", "plan")})

    def _json(self, method: str, path: str, **options: Any) -> Any:
        headers = {**self._headers, **options.pop("headers", {})}
        url = f"{self._url}{path}"
        answer = urllib3.request(method, url, headers=headers, retries=False, **options)
        if answer.status != 200:
            raise RefusedError(f"{answer.status}: {answer.json()['message']}")
        return answer.json()
