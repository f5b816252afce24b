"""What the app relies on is kept by the old code and by the new, and no rule excuses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

from datasets.users import control as directory
from datasets.users.control import Directory, InMemory
from datasets.users.models import User
from routes.list_posts import archive
from routes.list_posts.seed import row
from shadowctl.pacts import assert_pacts_kept
from tests.checkout import ROOT

ANSWERS = {
    "get_user": "GET /users/me",
    "list_posts": "GET /users/me/posts",
    "update_user": "PUT /users/me",
}


SIDES = ("control", "candidate")


class States:
    """Makes what a pact says that there is, on both sides; afterwards it is gone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> dict[str, Any]:
        return {"a user": self.user, "no user": self.no_user, "posts": self.posts}

    @contextmanager
    def user(self, **user: str) -> Iterator[None]:
        rows = {name: value for name, value in user.items() if name != "id"}
        store = Directory(InMemory(), {user["id"]: rows})
        with self._rows(User.model_validate(user)), patch.object(directory, "store", store):
            yield

    @contextmanager
    def no_user(self, id: str) -> Iterator[None]:
        store = Directory(InMemory(), {})
        with self._rows(), patch.object(directory, "store", store):
            assert store.load(id) is None
            yield

    @contextmanager
    def posts(self, user: str, count: int) -> Iterator[None]:
        posts = tuple(
            archive.Post(
                id=100 + nth,
                title=f"Engines, part {nth}",
                tags=frozenset({"history", "proofs", "types"}),
                ratings=(4.1, 3.3, 3.6, 3.7)[: 2 * nth - 2],
                posted_at=datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(milliseconds=nth),
            )
            for nth in range(count, 0, -1)
        )
        with self._rows(*(row(user, p) for p in posts)), patch.dict(archive.POSTS, {user: posts}):
            yield

    @contextmanager
    def _rows(self, *rows: SQLModel) -> Iterator[None]:
        SQLModel.metadata.create_all(self._engine)
        with Session(self._engine) as session:
            session.add_all(rows)
            session.commit()
        yield
        SQLModel.metadata.drop_all(self._engine)


@pytest.mark.parametrize("route", ANSWERS)
def test_both_sides_keep_what_the_app_relies_on(route: str, postgres: Engine) -> None:
    control, candidate = (import_module(f"routes.{route}.{side}") for side in SIDES)
    assert_pacts_kept(
        control.handler,
        candidate.handler,
        ROOT / "lambdas/routes" / route / "pacts",
        answers=ANSWERS[route],
        states=States(postgres).all(),
    )


def test_every_route_of_the_sample_has_a_pact() -> None:
    routes = {folder.parent.name for folder in (ROOT / "lambdas/routes").glob("*/control.py")}
    assert routes == {*ANSWERS}
