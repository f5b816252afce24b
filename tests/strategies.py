"""Positions, requests, answers and JSON that Hypothesis draws."""

import string
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from shadow_runtime.contract import Position, Stage
from shadow_runtime.http import Request, Response

any_text = st.text(st.characters(exclude_categories=()))
"""Lone surrogates included: JSON can carry them, so can a user's id."""

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)

canaries = st.integers(1, 10_000).map(lambda steps: Stage.canary(percent=steps / 100))
stages = canaries | st.sampled_from([Stage.OFF, Stage.SHADOW, Stage.LIVE, Stage.COMPLETE])
_users = st.lists(st.text(max_size=8), max_size=3).map(tuple)
positions = st.builds(Position, stages, st.floats(0, 100), _users, _users)

_names = st.text(string.ascii_lowercase + "-", min_size=1, max_size=12).map("x-".__add__)
_headers = st.dictionaries(_names, st.text(max_size=20), max_size=4)
_bodies = st.text(max_size=50) | st.binary(max_size=50)

_pairs = st.tuples(st.text(string.ascii_letters, min_size=1, max_size=8), st.text(max_size=8))
queries = st.lists(_pairs, max_size=3).map(urlencode)

requests = st.builds(
    Request,
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    path=st.text(max_size=20),
    user=any_text,
    id=st.text(max_size=20),
    route_key=st.text(max_size=20),
    stage=st.sampled_from(["$default", "prod"]),
    path_parameters=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    query=queries,
    headers=_headers,
    source_ip=st.sampled_from(["", "192.0.2.1"]),
    body=_bodies,
)

responses = st.builds(
    Response,
    status=st.integers(100, 599),
    headers=_headers,
    body=_bodies,
    cookies=st.lists(st.text(max_size=20), max_size=2).map(tuple),
)
