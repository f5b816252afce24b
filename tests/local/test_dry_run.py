"""The shadow of PUT /users/me on the embedded AWS: what control wrote, the candidate rehearses."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
import urllib3

from datasets.users.control import USERS as DIRECTORY
from localaws.up import Local
from shadow_runtime.contract import Position, Stage
from tests.local.deployed import Deployed

USER = "user-011"
CARELESS = "    user = users.store.apply(attempt_of(request), request.user, lambda old: old)\n"
"""Answers what it has, and changes nothing."""


@pytest.fixture(scope="module")
def deployed(local: Local) -> Iterator[Deployed]:
    """The route at `shadow`; afterwards the user is as they were."""
    found = Deployed(local, "UpdateUser")
    with found.kept("Route"), found.kept("Shadow"), found.flag_kept():
        found.set("Route", SHADOW_CANARY_CANDIDATE_DEADLINE_MS="8000")
        found.at(Position(Stage.SHADOW))
        yield found
        assert put(local, {k: v for k, v in DIRECTORY[USER].items() if k != "id"}, key="back") == (
            200,
            DIRECTORY[USER],
        )


def put(local: Local, body: Mapping[str, object], *, key: str) -> tuple[int, Any]:
    [token] = local.tokens([USER]).values()
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    url = f"{local.api_url}/users/me"
    answer = urllib3.request("PUT", url, headers=headers, body=json.dumps(body), timeout=60)
    return answer.status, json.loads(answer.data)


def rows(local: Local) -> list[Any]:
    """All but that of the user, whose state is copied."""
    with psycopg.connect(local.database_url) as owner:
        return [
            owner.execute(f"SELECT t::text FROM {table} t WHERE {key} <> %s", [USER]).fetchall()
            for table, key in (("users", "id"), ("users_versions", "key"))
        ]


def rehearsed(local: Local, deployed: Deployed, name: str) -> Any:
    """What the user of a new name is answered, once the shadow has compared it.

    On a busy machine the first copy may outlast its function's time, while that starts.
    """
    before = deployed.count("Shadow", "Compared")
    for number in range(4):
        status, answer = put(local, {"name": f"{name} {number}"}, key=f"{name} {number}")
        assert status == 200
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if deployed.count("Shadow", "Compared") > before:
                return answer
            time.sleep(0.2)
    raise AssertionError(f"nothing was compared: {deployed.lines('Shadow')}")


def test_a_write_is_rehearsed_and_leaves_nothing(local: Local, deployed: Deployed) -> None:
    before = rows(local)
    assert rehearsed(local, deployed, "Augusta")["name"].startswith("Augusta ")
    assert deployed.count("Shadow", "Mismatched") == 0
    assert deployed.count("Shadow", "SideFailed") == 0
    assert rows(local) == before


def test_what_a_careless_candidate_would_leave_is_found_by_column(
    local: Local, deployed: Deployed
) -> None:
    place = "routes/update_user/candidate.py"
    code = deployed.files("Shadow")[place].splitlines(keepends=True)
    careless = [CARELESS if "users.store.apply(" in line else line for line in code]
    assert careless != code
    deployed.put_code("Shadow", {place: "".join(careless)})
    deployed.set("Route", SHADOW_CANARY_SHADOW=deployed.newest("Shadow"))
    deployed.at(Position(Stage.SHADOW))
    rehearsed(local, deployed, "Byron")
    assert deployed.count("Shadow", "Mismatched") >= 1
    found = [line for line in deployed.lines("Shadow") if line.get("message") == "mismatch"]
    assert {each["path"] for each in found[0]["differences"]} == {"$.name", "$rows.name"}
    assert "Byron" not in json.dumps(found)
