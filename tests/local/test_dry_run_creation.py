"""The shadow of a write that creates, on a real PostgreSQL: there is no row yet to be guarded."""

from collections.abc import Iterator

import pytest

from dataset.steps import Record, Rows
from dataset_runtime import rehearsal
from dataset_runtime.operation import attempt_of
from dataset_runtime.wire import to_json
from datasets.users.candidate import store
from shadow_runtime.settings import settings
from tests.local.postgres import GUARD, make_tables, owner, postgres, reached

ROLES = "CREATE ROLE shadow LOGIN PASSWORD 'a';"
EVE: Rows = {"name": "Eve", "email": "eve@example.com", "plan": "free"}


@pytest.fixture(scope="module")
def socket() -> Iterator[str]:
    with postgres(ROLES) as socket:
        make_tables(socket)
        with owner(socket) as connection:
            connection.execute(GUARD.read_text())
        with reached(socket, "shadow"):
            yield socket


@pytest.mark.parametrize("before", [[], [Record("eve", 3, None)]], ids=["unknown", "deleted"])
def test_a_creation_is_rehearsed_and_leaves_nothing(
    socket: str,
    before: list[Record],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("SHADOW_CANARY_DATASET_PACKAGE", "datasets.users")
    settings.cache_clear()
    request.addfinalizer(settings.cache_clear)
    monkeypatch.setattr(rehearsal, "store", lambda: store)
    version = before[0].version + 1 if before else 1
    write = {
        "operation": {"id": "one", "digest": "d", "keys": ["eve"]},
        "before": [*map(to_json, before)],
        "after": [to_json(Record("eve", version, EVE))],
    }
    found = rehearsal.rehearsed(
        write, lambda: store.apply(attempt_of({}), "eve", lambda old: old, initial=EVE).version
    )
    assert (found.answer, found.pairs) == (version, ((EVE, EVE),))
    with owner(socket) as connection:
        for table in ("users", "users_versions"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
