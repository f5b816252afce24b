"""Forms of real requests, recorded on the embedded AWS: asked again, and nothing of a user's."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from localaws.evidence import Traffic
from localaws.up import Local
from shadow_runtime.contract import Position, Stage
from shadow_runtime.recorded import recorded
from shadowctl.deployed import find_route
from shadowctl.functions import Functions
from shadowctl.record import RecordError, Recording, record
from tests.local.deployed import Deployed

USERS = [f"user-{number:03}" for number in range(1, 9)]


@pytest.fixture
def route(local: Local) -> Iterator[Deployed]:
    deployed = Deployed(local)
    with deployed.flag_kept():
        yield deployed


def recording(local: Local, file: Path, user: str | None = None) -> Recording:
    return record(
        Functions(find_route("GetUser", local.session()), local.session()),
        local.session(),
        lasting=timedelta(minutes=1),
        most=1,
        user=user,
        file=file,
        progress=lambda _state, _percent: None,
    )


def test_a_form_of_real_requests_is_kept_that_the_route_answers_and_no_user_of_it(
    local: Local, route: Deployed, tmp_path: Path
) -> None:
    route.at(Position(Stage.SHADOW))
    file, over = tmp_path / "requests.jsonl", threading.Event()
    file.write_text('{"method": "GET", "path": "/users/me"}\n')
    traffic = Traffic(f"{local.api_url}/users/me", local.tokens(USERS))

    def keep_asking() -> None:
        while not over.wait(1):
            traffic.send(USERS)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        found = recording(local, file, user="user-001")
    finally:
        over.set()
        asking.join()
    [line] = found.kept
    assert (line["method"], line["path"], line["user"]) == ("GET", "/users/me", "user-001")
    assert (line["route_key"], line["status"]) == ("GET /users/me", 200)
    first, second = recorded(file)
    assert second.status == 200
    assert first.event["rawPath"] == second.event["rawPath"] == "/users/me"
    assert not [user for user in USERS[1:] if user in json.dumps(found.document())]
    assert route.flag.deployed().position.record_until == 0


def test_where_nothing_is_copied_nothing_can_be_recorded(
    local: Local, route: Deployed, tmp_path: Path
) -> None:
    route.at(Position.OFF)
    with pytest.raises(RecordError, match="at off, where no request is copied: `shadowctl stage"):
        recording(local, tmp_path / "requests.jsonl")
