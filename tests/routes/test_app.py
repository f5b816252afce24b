"""What the app relies on: its tests play the routes, and their pacts say what the app was played.

`make snapshots` accepts the pacts as the tests write them now; the diff says what routes keep.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pact import Pact, match

from routes.list_posts.page import Page
from tests.checkout import ROOT
from tests.routes.app import App, RefusedError

ADA = {"id": "ada", "name": "Ada Lovelace", "email": "ada@example.com", "plan": "free"}
A_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"

Playing = Callable[[str], AbstractContextManager[Pact]]


@pytest.fixture(autouse=True)
def _no_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACT_DO_NOT_TRACK", "true")


@pytest.fixture
def playing(tmp_path: Path, pytestconfig: pytest.Config) -> Playing:
    """Plays a route as a test says; its pact then is the one that was accepted."""

    @contextmanager
    def play(route: str) -> Iterator[Pact]:
        pact = Pact("app", route).with_specification("V4")
        yield pact
        pact.write_file(tmp_path)
        [written] = tmp_path.iterdir()
        accepted = ROOT / "lambdas/routes" / route.replace("-", "_") / "pacts" / written.name
        if pytestconfig.option.update_snapshots:
            accepted.parent.mkdir(exist_ok=True)
            accepted.write_bytes(written.read_bytes())
        assert json.loads(accepted.read_text()) == json.loads(written.read_text())

    return play


def asked(pact: Pact, what: str, method: str, path: str, *, user: str = "ada") -> Any:
    """An interaction that begins: somebody who has logged in asks."""
    begun = pact.upon_receiving(what).with_request(method, path)
    return begun.with_header("Authorization", f"Bearer {user}")


def app(served: Any, *, user: str = "ada") -> App:
    return App(f"{served.url}".rstrip("/"), user)


def a_record(name: str) -> dict[str, Any]:
    return {
        "id": "ada",
        "name": name,
        "email": match.regex(ADA["email"], regex=r"\S+@\S+"),
        "plan": match.regex(ADA["plan"], regex="free|team|enterprise"),
    }


def a_post(rating: Any) -> dict[str, Any]:
    return {
        "id": match.integer(103),
        "title": match.like("Engines"),
        "tags": match.each_like("history"),
        "rating": rating,
        "posted_at": match.regex("2026-01-05T09:00:00.103Z", regex=A_TIME),
    }


def refuses(interaction: Any, status: int, message: str) -> None:
    interaction.will_respond_with(status).with_body(
        {"message": match.like(message)}, "application/json"
    )


def test_the_app_shows_its_users_own_record(playing: Playing) -> None:
    with playing("get-user") as pact:
        own = asked(pact, "the own record", "GET", "/users/me").given("a user", **ADA)
        own.will_respond_with(200).with_body(a_record(ADA["name"]), "application/json")
        refuses(
            asked(pact, "the record of nobody", "GET", "/users/me", user="bob").given(
                "no user", id="bob"
            ),
            404,
            "Not Found",
        )
        with pact.serve("127.0.0.1") as served:
            assert app(served).profile().name == "Ada Lovelace"
            with pytest.raises(RefusedError, match="404: Not Found"):
                app(served, user="bob").profile()


def test_the_app_renames_its_user(playing: Playing) -> None:
    with playing("update-user") as pact:
        for what, name, key in (("another name", "Ada King", "1"), ("no name", "", "2")):
            wish = (
                asked(pact, what, "PUT", "/users/me")
                .given("a user", **ADA)
                .with_header("Content-Type", "application/json")
                .with_header("Idempotency-Key", key)
                .with_body({"name": name}, "application/json")
            )
            if name:
                wish.will_respond_with(200).with_body(a_record(name), "application/json")
            else:
                refuses(wish, 422, "name is a text of 1 to 200 characters")
        with pact.serve("127.0.0.1") as served:
            assert app(served).rename("Ada King", key="1").name == "Ada King"
            with pytest.raises(RefusedError, match="422: name is a text"):
                app(served).rename("", key="2")


def test_the_app_reads_its_users_posts_page_by_page(playing: Playing) -> None:
    with playing("list-posts") as pact:
        cursor = Page.cursor(102)
        first = asked(pact, "the newest posts", "GET", "/users/me/posts")
        first.given("posts", user="ada", count=3).with_query_parameter("limit", "2")
        first.will_respond_with(200).with_body(
            {"items": match.each_like(a_post(match.number(3.7))), "next": match.like(cursor)},
            "application/json",
        )
        then = asked(pact, "the posts after them", "GET", "/users/me/posts")
        then.given("posts", user="ada", count=3).with_query_parameters(
            {"limit": "2", "cursor": cursor}
        )
        then.will_respond_with(200).with_body(
            {"items": [a_post(match.null())], "next": match.null()}, "application/json"
        )
        with pact.serve("127.0.0.1") as served:
            newest, oldest = app(served).posts()
        assert (newest.rating, oldest.rating) == (3.7, None)
