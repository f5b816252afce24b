"""GET /users/me/posts: the new code answers as the old, but for what differs by nature."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

from routes.list_posts import archive, candidate, control
from routes.list_posts.models import Post
from routes.list_posts.page import Page
from routes.list_posts.seed import seed
from shadow_runtime import database
from shadow_runtime.compare import Rules
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.handlers import MARK, LambdaHandler
from shadow_runtime.http import Request, Response
from shadowctl.equivalence import assert_equivalent

WRITER = "user-006"
"""Has six posts, with and without tags and ratings."""

BAD = {
    "no base64": "cursor=%",
    "a quote": "cursor=%27%3B%20DROP%20TABLE%20posts",
    "base64 of no number": "cursor=YWRh",
    "a negative number": "cursor=LTE",
    "zero": "cursor=MA",
    "more than a bigint": f"cursor={Page.cursor(10**30)}",
    "a number of other digits": "cursor=2aPZow",
    "with what base64 pads": "cursor=NjQ%3D",
    "with a line break": "cursor=NjQ%0A",
    "with a NUL": "cursor=NjQ%00",
    "no ASCII": "cursor=%C3%A9",
    "empty": "cursor=",
    "two": "cursor=NjQ&cursor=NjM",
    "a limit of none": "limit=0",
    "a limit that is too large": "limit=51",
    "no limit": "limit=",
    "a limit with a sign": "limit=%2B5",
    "a limit of other digits": "limit=%D9%A3",
    "two limits": "limit=1&limit=1",
}


@pytest.fixture(autouse=True, scope="module")
def _seeded(server: Engine) -> Iterator[None]:
    seed(server)
    yield
    Post.metadata.drop_all(server)


@pytest.fixture(autouse=True)
def _session(server: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "session", lambda: Session(server))


def asked(query: str = "", user: str = WRITER) -> Request:
    return Request(method="GET", path="/users/me/posts", query=query, user=user)


def old(request: Request) -> Response:
    return answered(control.handler, request)


def new(request: Request) -> Response:
    return answered(candidate.handler, request)


def answered(side: LambdaHandler, request: Request) -> Response:
    event = {**HTTP_API.event(request), MARK: {"user": request.user}}
    return HTTP_API.served(side(event, None))


def read(side: Any, query: str, user: str = WRITER) -> dict[str, Any]:
    page: dict[str, Any] = json.loads(side(asked(query, user)).body)
    return page


def test_the_recorded_requests_are_answered_alike() -> None:
    assert_equivalent(
        control.handler, candidate.handler, Path(control.__file__).with_name("requests.jsonl")
    )


def test_every_user_is_answered_alike() -> None:
    everyone = [asked(user=user) for user in [*archive.USERS, "nobody", "", "a\0", "\ud800"]]
    assert_equivalent(control.handler, candidate.handler, everyone)


@pytest.mark.parametrize("query", BAD.values(), ids=BAD)
def test_what_is_no_page_is_refused_alike_by_both_sides(query: str) -> None:
    assert old(asked(query)) == new(asked(query))
    assert old(asked(query)).status == 400


@given(query=st.text(max_size=12), limit=st.integers(-3, 60))
def test_whatever_is_asked_for_no_side_fails(query: str, limit: int) -> None:
    request = asked(f"limit={limit}&cursor={query}")
    assert old(request).status == new(request).status in (200, 400)


@given(sides=st.lists(st.sampled_from([old, new]), min_size=6), limit=st.integers(1, 7))
def test_a_list_is_read_whole_whichever_side_answers_each_page(
    sides: list[Any], limit: int
) -> None:
    seen, cursor = list[int](), ""
    for side in sides:
        page = read(side, f"limit={limit}{cursor}")
        seen += [post["id"] for post in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [post.id for post in archive.posts_of(WRITER)]


WITHOUT = {
    "tags": dataclasses.replace(candidate.RULES, unordered=()),
    "rating": dataclasses.replace(candidate.RULES, numeric={}),
    "posted_at": dataclasses.replace(candidate.RULES, timestamps={}),
}


@pytest.mark.parametrize(("member", "without"), WITHOUT.items(), ids=WITHOUT)
def test_no_rule_is_there_that_nothing_needs(member: str, without: Rules) -> None:
    everyone = [asked(user=user) for user in archive.USERS]
    with pytest.raises(AssertionError, match=rf"\$\.items\[\d\]\.{member}"):
        assert_equivalent(control.handler, candidate.handler, everyone, rules=without)


WRONG: dict[str, dict[str, Any]] = {
    "another tag": {"tags": ["forged"]},
    "a rating a millionth off": {"rating": 1.000001},
    "no rating": {"rating": None},
    "a time two milliseconds off": {"posted_at": timedelta(milliseconds=2)},
    "another title": {"title": "Forged"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_differs_by_more_is_found(server: Engine, wrong: dict[str, Any]) -> None:
    with Session(server) as session:
        post = session.get_one(Post, 64)
        before = post.model_dump()
        [(name, value)] = wrong.items()
        match value:
            case timedelta():
                value = post.posted_at + value
            case float():
                assert post.rating
                value = post.rating * value
        setattr(post, name, value)
        session.commit()
        try:
            with pytest.raises(AssertionError, match=rf"\$\.items\[\d\]\.{name}"):
                assert_equivalent(control.handler, candidate.handler, [asked()])
        finally:
            for key in before:
                setattr(post, key, before[key])
            session.commit()


def test_a_user_sees_nobody_elses_posts() -> None:
    mine, theirs = read(new, "", "user-005"), read(new, "", WRITER)
    assert not {post["id"] for post in mine["items"]} & {post["id"] for post in theirs["items"]}
    beyond = read(new, f"cursor={Page.cursor(64)}", "user-005")
    assert {post["id"] // 10 for post in beyond["items"]} == {5}
