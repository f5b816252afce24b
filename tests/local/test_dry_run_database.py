"""A real PostgreSQL refuses to commit what the role `shadow` writes, in whatever way it tries."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.local.postgres import GUARD, as_role, owner, postgres

SCHEMA = """
CREATE ROLE shadow LOGIN PASSWORD 'a';
CREATE ROLE candidate LOGIN PASSWORD 'a';
GRANT pg_read_all_data, pg_write_all_data TO candidate;
CREATE TABLE users (id text PRIMARY KEY, name text);
CREATE TABLE orders (id text PRIMARY KEY, "user" text REFERENCES users ON DELETE CASCADE);
CREATE TABLE events (at int, what text) PARTITION BY RANGE (at);
CREATE TABLE events_of_now PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE FUNCTION rename(who text) RETURNS void LANGUAGE sql SECURITY DEFINER
    AS $$ UPDATE users SET name = 'renamed' WHERE id = who $$;
INSERT INTO users VALUES ('ada', 'Ada');
INSERT INTO orders VALUES ('1', 'ada');
"""


@pytest.fixture(scope="module")
def socket() -> Iterator[str]:
    guard = GUARD.read_text()
    with postgres(SCHEMA, guard, guard) as socket:  # again after each migration of the schema
        yield socket


def held(socket: str) -> list[Any]:
    with owner(socket) as connection:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("users", "orders", "events")
        ]


WRITES = {
    "an insert": "INSERT INTO users VALUES ('eve', 'Eve')",
    "an update": "UPDATE users SET name = 'Eve'",
    "a deletion that cascades": "DELETE FROM users",
    "an upsert": "INSERT INTO users VALUES ('ada', '') ON CONFLICT (id) DO UPDATE SET name = 'Eve'",
    "a partition": "INSERT INTO events_of_now VALUES (1, 'x')",
    "a partitioned table": "INSERT INTO events VALUES (1, 'x')",
    "a function of the owner's": "SELECT rename('ada')",
    "a merge": "MERGE INTO users USING (SELECT 'ada' AS id) n ON users.id = n.id "
    "WHEN MATCHED THEN UPDATE SET name = 'Eve'",
}
ENDS = {
    "COMMIT": "COMMIT",
    "at once": "SET CONSTRAINTS ALL IMMEDIATE",
    "prepared": "PREPARE TRANSACTION 'x'",
    "after a savepoint": "SAVEPOINT s; RELEASE s; COMMIT",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_the_shadow_writes_cannot_be_committed(socket: str, write: str, end: str) -> None:
    before = held(socket)
    with as_role(socket, "shadow", autocommit=True) as shadow:
        shadow.execute("BEGIN")
        shadow.execute(write)
        with pytest.raises(psycopg.Error):
            shadow.execute(end)
    assert held(socket) == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_autocommit_commits_nothing(socket: str, write: str) -> None:
    before = held(socket)
    with as_role(socket, "shadow", autocommit=True) as shadow, pytest.raises(psycopg.Error):
        shadow.execute(write)
    assert held(socket) == before


FORBIDDEN = {
    "TRUNCATE": "TRUNCATE users",
    "no trigger": "ALTER TABLE users DISABLE TRIGGER ALL",
    "no triggers at all": "SET session_replication_role = replica",
    "another user": "SET SESSION AUTHORIZATION candidate",
    "another role": "SET ROLE candidate",
    "a table of its own": "CREATE TABLE mine (a int)",
    "no trigger any more": "DROP TRIGGER shadow_commits_nothing ON users",
}


@pytest.mark.parametrize("way", FORBIDDEN.values(), ids=FORBIDDEN)
def test_there_is_no_way_around(socket: str, way: str) -> None:
    with (
        as_role(socket, "shadow", autocommit=True) as shadow,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        shadow.execute(way)


def test_within_its_transaction_the_shadow_sees_what_it_wrote(socket: str) -> None:
    before = held(socket)
    with as_role(socket, "shadow") as shadow:
        shadow.execute("UPDATE users SET name = 'Eve'")
        assert shadow.execute("SELECT name FROM users").fetchall() == [("Eve",)]
        shadow.rollback()
    assert held(socket) == before


def test_a_table_that_it_was_not_run_for_is_read_alone(socket: str) -> None:
    with owner(socket) as connection:
        connection.execute("CREATE TABLE later (id int); INSERT INTO later VALUES (1)")
    try:
        with as_role(socket, "shadow", autocommit=True) as shadow:
            assert shadow.execute("SELECT * FROM later").fetchall() == [(1,)]
            for write in ("INSERT INTO later VALUES (2)", "DELETE FROM later"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    shadow.execute(write)
    finally:
        with owner(socket) as connection:
            connection.execute("DROP TABLE later")


def test_nobody_else_is_affected(socket: str) -> None:
    with as_role(socket, "candidate") as candidate:
        candidate.execute("INSERT INTO users VALUES ('bob', 'Bob')")
    with owner(socket) as connection:
        assert connection.execute("DELETE FROM users WHERE id = 'bob'").rowcount == 1


def test_a_dry_run_waits_for_no_lock(socket: str) -> None:
    with as_role(socket, "candidate") as candidate, as_role(socket, "shadow") as shadow:
        candidate.execute("UPDATE users SET name = name")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            shadow.execute("UPDATE users SET name = 'Eve'")
