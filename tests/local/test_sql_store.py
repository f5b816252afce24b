"""The store of a candidate, on a real PostgreSQL: many processes, odd keys, clients that die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, Column, Numeric, func
from sqlmodel import Field, SQLModel

from dataset.steps import Operation, Record, Rows, UnavailableError
from dataset_runtime import sql
from dataset_runtime.operation import Attempt, ConflictError, LateError, MissingError
from dataset_runtime.sql import OPERATIONS, SqlStore
from datasets.users.candidate import store
from shadow_runtime.http import RefusedError
from tests.checkout import ROOT
from tests.local.postgres import make_tables, owner, postgres, reached, secret

ROLE = """
CREATE ROLE candidate LOGIN PASSWORD 'a';
GRANT pg_read_all_data, pg_write_all_data TO candidate;
"""
ADA: Rows = {"name": "Ada", "email": "ada@example.com", "plan": "free"}
"""The rows of a user."""


class Order(SQLModel, table=True):
    """A table of another team's: another type of key, and columns of odd types."""

    __tablename__ = "orders"

    number: int = Field(primary_key=True)
    total: Decimal = Field(sa_column=Column(Numeric(10, 2)))
    lines: list[dict[str, Any]] = Field(sa_column=Column(JSON))
    ordered: datetime | None = None
    made_at: datetime = Field(default=None, sa_column_kwargs={"server_default": func.now()})


orders = SqlStore(Order, ignore=["made_at"])


@pytest.fixture(scope="module")
def socket() -> Iterator[str]:
    with postgres(ROLE) as socket:
        make_tables(socket)
        with reached(socket, "candidate"):
            yield socket


@pytest.fixture(autouse=True)
def _empty(socket: str) -> None:
    clear(socket)


def clear(socket: str) -> None:
    with owner(socket) as connection:
        connection.execute("TRUNCATE users, users_versions, orders, orders_versions")


def attempt(id_: str = "one", *, digest: str = "d", seconds: float = 3.0) -> Attempt:
    return Attempt(Operation(id_, digest, ()), time.time() + seconds if seconds else 0.0)


def renamed(name: str) -> Callable[[Rows], Rows]:
    return lambda rows: {**rows, "name": name}


def never(_: Rows) -> Rows:
    raise AssertionError("it was applied")


# What it holds


@pytest.mark.usefixtures("socket")
def test_it_gives_back_what_it_was_given() -> None:
    record = Record("ada", 3, ADA, {"b": "2", "a": "1"})
    assert store.copy(record)
    assert store.load("ada") == record
    assert [*store.load("ada").operations] == ["b", "a"]  # type: ignore[union-attr]
    assert store.load("eve") is None


def test_a_row_that_somebody_else_made_is_at_version_0(socket: str) -> None:
    with owner(socket) as connection:
        connection.execute(
            "INSERT INTO users (id, name, email, plan) VALUES ('ada', 'A', 'a', 'b')"
        )
    assert store.load("ada") == Record("ada", 0, {"name": "A", "email": "a", "plan": "b"})
    assert store.copy(Record("ada", 1, ADA))
    assert store.load("ada") == Record("ada", 1, ADA)


def test_what_was_deleted_before_is_not_known(socket: str) -> None:
    with owner(socket) as connection:
        connection.execute("INSERT INTO users VALUES ('ada', 'A', 'a', 'b', now())")
    assert store.load("ada") is None
    assert store.page("", 10) == ()


@pytest.mark.usefixtures("socket")
def test_keys_and_columns_of_any_type_come_back_as_json() -> None:
    lines = [{"sku": "a", "n": 2}]
    rows: Rows = {"total": "12.50", "lines": lines, "ordered": "2026-01-02T03:04:05Z"}
    assert orders.copy(Record("17", 1, rows))
    assert orders.load("17") == Record("17", 1, rows)
    applied = orders.apply(attempt(), "17", lambda old: {**old, "total": "12.505"})
    assert applied.rows == {**rows, "total": "12.51"}  # as the column rounds it
    assert orders.load("17") == applied


@pytest.mark.usefixtures("socket")
@pytest.mark.parametrize("key", ["x", "017", "", "1e1", "ada\0", "\ud800"])
def test_what_can_be_no_key_is_not_known(key: str) -> None:
    assert orders.load(key) is None
    with pytest.raises(MissingError):
        orders.apply(attempt(), key, never)
    with pytest.raises(UnavailableError):
        orders.copy(Record(key, 1, {"total": "1.00", "lines": [], "ordered": None}))
    if "\0" in key or not key.isascii():
        assert store.load(key) is None


@pytest.mark.usefixtures("socket")
def test_what_is_not_there_is_created_where_the_handler_says_of_what_and_once() -> None:
    made = store.apply(attempt("a"), "eve", renamed("Eve"), initial=ADA)
    assert made == Record("eve", 1, {**ADA, "name": "Eve"}, {"a": "d"}) == store.load("eve")
    assert store.apply(attempt("a"), "eve", never, initial=ADA) == made
    with pytest.raises(ConflictError):
        store.apply(attempt("a", digest="e"), "eve", never, initial=ADA)
    gone = store.apply(attempt("b"), "eve", lambda _: None)
    with pytest.raises(MissingError):
        store.apply(attempt("c"), "eve", never)
    assert gone == store.load("eve") == store.apply(attempt("a"), "eve", never, initial=ADA)
    again = store.apply(attempt("d"), "eve", renamed("Eva"), initial=ADA)
    assert (again.version, again.rows) == (3, {**ADA, "name": "Eva"})


@pytest.mark.usefixtures("socket")
def test_a_creation_that_is_late_or_refused_leaves_nothing() -> None:
    def refused(_: Rows) -> Rows:
        raise RefusedError(409, "no")

    with pytest.raises(LateError):
        store.apply(attempt(seconds=0), "eve", never, initial=ADA)
    with pytest.raises(RefusedError, match="no"):
        store.apply(attempt(), "eve", refused, initial=ADA)
    assert store.load("eve") is None
    assert store.page("", 10) == ()


@pytest.mark.usefixtures("socket")
@pytest.mark.parametrize("key", ["", "a\0", "\ud800", "é" * 1_001], ids=ascii)
def test_what_can_be_no_key_is_not_created(key: str) -> None:
    with pytest.raises(MissingError):
        store.apply(attempt(), key, never, initial=ADA)


def test_an_ignored_column_is_left_as_it_is(socket: str) -> None:
    rows: Rows = {"total": "1.00", "lines": [], "ordered": None}
    orders.copy(Record("1", 1, rows))
    with owner(socket) as connection:
        connection.execute("UPDATE orders SET made_at = '2020-01-01'")
    orders.copy(Record("1", 2, {**rows, "total": "2.00"}))
    with owner(socket) as connection:
        [(made_at, total)] = connection.execute("SELECT made_at, total FROM orders").fetchall()
    assert (made_at, total) == (datetime(2020, 1, 1, tzinfo=UTC), Decimal("2.00"))


@pytest.mark.usefixtures("socket")
@pytest.mark.parametrize(
    "rows",
    [{"name": "Ada"}, {**ADA, "age": 3}, {**ADA, "name": None}, {**ADA, "name": "a\0"}],
    ids=["too few", "too many", "null", "NUL"],
)
def test_rows_that_the_table_refuses_are_not_held(rows: Rows) -> None:
    store.copy(Record("ada", 1, ADA))
    for key in ("ada", "eve"):
        with pytest.raises(UnavailableError):
            store.copy(Record(key, 2, rows))
    assert store.load("ada") == Record("ada", 1, ADA)
    assert store.load("eve") is None


def test_a_table_that_is_not_there_is_unavailable(socket: str) -> None:
    with owner(socket) as connection:
        connection.execute("ALTER TABLE users RENAME TO lost")
    try:
        for ask in (
            lambda: store.load("ada"),
            lambda: store.page("", 1),
            lambda: store.copy(Record("ada", 1, ADA)),
        ):
            with pytest.raises(UnavailableError):
                ask()
    finally:
        with owner(socket) as connection:
            connection.execute("ALTER TABLE lost RENAME TO users")


def test_a_table_without_one_key_is_refused() -> None:
    class Pair(SQLModel, table=True):
        one: str = Field(primary_key=True)
        other: str = Field(primary_key=True)

    with pytest.raises(TypeError, match="Pair has a primary key of 2 columns"):
        SqlStore(Pair)
    SQLModel.metadata.remove(Pair.__table__)  # type: ignore[attr-defined]


# Copies

KEYS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=5
)
COPIES = st.lists(
    st.tuples(st.sampled_from(["ada", "bob"]), st.integers(1, 6), st.booleans()), max_size=12
)
few = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@few
@given(keys=st.sets(KEYS, max_size=12), limit=st.integers(1, 5), deleted=st.sets(KEYS))
def test_pages_are_in_the_order_of_sorted_whatever_the_keys(
    socket: str, keys: set[str], limit: int, deleted: set[str]
) -> None:
    clear(socket)
    for key in keys:
        store.copy(Record(key, 1, None if key in deleted else ADA))
    seen, after = list[Record](), ""
    while page := store.page(after, limit):
        seen += page
        after = page[-1].key
        if len(page) < limit:
            break
    assert [record.key for record in seen] == sorted(keys)
    assert all((record.rows is None) == (record.key in deleted) for record in seen)


@few
@given(copies=COPIES)
def test_a_copy_never_lowers_a_version_in_whatever_order_they_come(
    socket: str, copies: list[tuple[str, int, bool]]
) -> None:
    clear(socket)
    newest = dict[str, Record]()
    for key, version, is_deleted in copies:
        rows = None if is_deleted else {**ADA, "name": f"{version}"}
        record = Record(key, version, rows, {f"{version}": "d"})
        assert store.copy(record)
        if key not in newest or version > newest[key].version:
            newest[key] = record
        assert store.load(key) == newest[key]


@pytest.mark.usefixtures("socket")
def test_only_a_repair_replaces_what_has_the_same_version() -> None:
    store.copy(Record("ada", 2, ADA))
    other = Record("ada", 2, {**ADA, "name": "Eve"})
    assert store.copy(other)
    assert store.load("ada") == Record("ada", 2, ADA)
    assert store.copy(other, repair=True)
    assert store.load("ada") == other
    assert store.copy(Record("ada", 1, ADA), repair=True)
    assert store.load("ada") == other


def test_a_deletion_keeps_its_version_where_there_never_was_a_row(socket: str) -> None:
    for each, key, rows in (
        (store, "ada", ADA),
        (orders, "1", {"total": "1.00", "lines": [], "ordered": None}),
    ):
        gone = Record(key, 4, None, {"one": "d"})
        assert each.copy(gone)
        assert each.load(key) == gone
        assert each.page("", 5) == (gone,)
        assert each.copy(Record(key, 3, rows))
        assert each.load(key) == gone
        back = Record(key, 5, rows)
        assert each.copy(back)
        assert each.load(key) == back
        assert each.copy(Record(key, 6, None))
        assert each.load(key) == Record(key, 6, None)
    with owner(socket) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        assert connection.execute("SELECT deleted_at IS NULL FROM users").fetchone() == (False,)


# Operations


@pytest.mark.usefixtures("socket")
def test_an_operation_is_applied_once_and_answered_again() -> None:
    store.copy(Record("ada", 1, ADA))
    first = store.apply(attempt(), "ada", renamed("Eve"))
    assert first == Record("ada", 2, {**ADA, "name": "Eve"}, {"one": "d"})
    assert store.apply(attempt(), "ada", never) == first
    assert store.apply(attempt(seconds=0), "ada", never) == first
    later = store.apply(attempt("two"), "ada", renamed("Ada"))
    assert store.apply(attempt(), "ada", never) == later  # as it is now


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob", "eve"]),
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from(["d", "other"]),
        st.sampled_from(["in time", "late", "deletes", "raises"]),
    ),
    max_size=10,
)


@few
@given(steps=STEPS)
def test_each_operation_takes_effect_once_in_its_time_or_never(
    socket: str, steps: list[tuple[str, str, str, str]]
) -> None:
    clear(socket)
    expected = {key: Record(key, 1, ADA) for key in ("ada", "bob")}
    for record in expected.values():
        store.copy(record)
    for key, id_, digest, how in steps:
        held = expected.get(key)
        known = held and held.operations.get(id_)
        if held and not known and held.rows and how in ("in time", "deletes"):
            rows = None if how == "deletes" else {**held.rows, "name": f"{held.version}"}
            operations = {**held.operations, id_: digest}
            expected[key] = Record(key, held.version + 1, rows, operations)
        with suppress(ConflictError, MissingError, LateError, KeyError):
            answered = store.apply(
                attempt(id_, digest=digest, seconds=0 if how == "late" else 3),
                key,
                partial(changed, how=how, held=held),
            )
            assert answered == expected[key]
            assert known in (None, digest)
        assert store.load(key) == expected.get(key)


def changed(old: Rows, how: str, held: Record | None) -> Rows | None:
    if how == "raises":
        raise KeyError("plan")
    return None if how == "deletes" else {**old, "name": f"{held.version if held else 0}"}


@pytest.mark.usefixtures("socket")
def test_an_operation_that_came_with_a_copy_is_not_applied_again() -> None:
    store.copy(Record("ada", 2, ADA, {"one": "d"}))
    assert store.apply(attempt(seconds=0), "ada", never).version == 2
    assert store.apply(attempt(), "ada", never).version == 2


@pytest.mark.usefixtures("socket")
def test_the_same_id_with_another_body_is_a_conflict_even_late() -> None:
    store.copy(Record("ada", 1, ADA, {"one": "d"}))
    for seconds in (3.0, 0.0):
        with pytest.raises(ConflictError):
            store.apply(attempt(digest="other", seconds=seconds), "ada", never)
    assert store.load("ada") == Record("ada", 1, ADA, {"one": "d"})


@pytest.mark.usefixtures("socket")
def test_a_deletion_is_an_operation_too() -> None:
    store.copy(Record("ada", 1, ADA))
    gone = store.apply(attempt(), "ada", lambda _: None)
    assert gone == Record("ada", 2, None, {"one": "d"}) == store.load("ada")
    assert store.apply(attempt(), "ada", never) == gone
    with pytest.raises(MissingError):
        store.apply(attempt("two"), "ada", never)


def test_a_key_that_nobody_knows_is_missing_and_leaves_no_trace(socket: str) -> None:
    for seconds in (3.0, 0.0):
        with pytest.raises(MissingError):
            store.apply(attempt(seconds=seconds), "eve", never)
    with owner(socket) as connection:
        assert connection.execute("SELECT count(*) FROM users_versions").fetchone() == (0,)


@pytest.mark.usefixtures("socket")
def test_a_key_that_was_not_told_is_not_written() -> None:
    store.copy(Record("ada", 1, ADA))
    told = Attempt(Operation("one", "d", ("bob", "eve")), time.time() + 3)
    with pytest.raises(ValueError, match=r"give apply\(\) what keys\(\) gives"):
        store.apply(told, "ada", never, initial=ADA)
    assert store.load("ada") == Record("ada", 1, ADA)
    assert store.apply(told, "eve", renamed("Eve"), initial=ADA).version == 1


@pytest.mark.usefixtures("socket")
def test_what_is_late_is_not_done() -> None:
    store.copy(Record("ada", 1, ADA))
    before = store.load("ada")
    for seconds in (0.0, -1.0):
        with pytest.raises(LateError):
            store.apply(attempt(seconds=seconds), "ada", never)

    def slowly(rows: Rows) -> Rows:
        time.sleep(0.3)
        return {**rows, "name": "late"}

    with pytest.raises(LateError):
        store.apply(attempt(seconds=0.2), "ada", slowly)
    assert store.load("ada") == before


@pytest.mark.usefixtures("socket")
def test_what_is_late_is_not_done_where_the_server_knows_no_such_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.copy(Record("ada", 1, ADA))
    monkeypatch.setattr(sql, "_limit", lambda *_: None)

    def slowly(rows: Rows) -> Rows:
        time.sleep(0.3)
        return {**rows, "name": "late"}

    with pytest.raises(LateError):
        store.apply(attempt(seconds=0.2), "ada", slowly)
    assert store.load("ada") == Record("ada", 1, ADA)


@pytest.mark.usefixtures("socket")
def test_what_a_change_raises_leaves_everything_as_it_was() -> None:
    store.copy(Record("ada", 1, ADA))

    def raises(_: Rows) -> Rows:
        raise KeyError("plan")

    with pytest.raises(KeyError):
        store.apply(attempt(), "ada", raises)
    assert store.load("ada") == Record("ada", 1, ADA)


@pytest.mark.usefixtures("socket")
def test_the_newest_operations_are_remembered() -> None:
    store.copy(Record("ada", 1, ADA))
    for number in range(OPERATIONS + 3):
        held = store.apply(attempt(f"{number}"), "ada", renamed(f"{number}"))
    assert [*held.operations] == [f"{number}" for number in range(3, OPERATIONS + 3)]
    many = {f"{number}": "d" for number in range(OPERATIONS + 5)}
    store.copy(Record("bob", 1, ADA, many))
    assert [*store.load("bob").operations] == [*many][5:]  # type: ignore[union-attr]


# Processes


class Process:
    """An execution environment of its own."""

    def __init__(self, socket: str) -> None:
        roots = os.pathsep.join([str(ROOT), str(ROOT / "lambdas")])
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "tests/local/store_process.py"),
                secret(socket, "candidate"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": roots, "AWS_REGION": "eu-central-1"},
        )
        assert self.says() == "ready"

    def ask(self, **asked: Any) -> None:
        assert self.process.stdin is not None
        print(json.dumps(asked), file=self.process.stdin, flush=True)

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def answer(self) -> Any:
        return json.loads(self.says())

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(socket: str) -> Iterator[Callable[[], Process]]:
    started = list[Process]()

    def make() -> Process:
        started.append(Process(socket))
        return started[-1]

    yield make
    for process in started:
        process.end()


def test_no_write_of_many_at_once_is_lost(start: Callable[[], Process]) -> None:
    store.copy(Record("ada", 1, ADA))
    processes = [start() for _ in range(4)]
    for turn in range(5):
        for number, process in enumerate(processes):
            process.ask(key="ada", id=f"{turn} {number}")
    answers = [process.answer() for process in processes for _ in range(5)]
    assert sorted(answer["version"] for answer in answers) == [*range(2, 22)]
    held = store.load("ada")
    assert held is not None
    assert held.version == 21
    assert held.rows == {**ADA, "name": "Ada" + 20 * "+"}
    assert len(held.operations) == 20


def test_one_operation_of_many_at_once_is_applied_once(start: Callable[[], Process]) -> None:
    store.copy(Record("ada", 1, ADA))
    processes = [start() for _ in range(4)]
    for process in processes:
        process.ask(key="ada", id="one", pause=0.1)
    assert [process.answer() for process in processes] == 4 * [{"version": 2, "name": "Ada+"}]


def test_of_many_that_create_one_key_at_once_none_is_lost(start: Callable[[], Process]) -> None:
    processes = [start() for _ in range(4)]
    for number, process in enumerate(processes):
        process.ask(key="eve", id=f"{number}", pause=0.1, initial={**ADA, "name": ""})
    answers = [process.answer() for process in processes]
    assert sorted(answer["name"] for answer in answers) == ["+", "++", "+++", "++++"]
    assert store.load("eve").version == 4  # type: ignore[union-attr]


def test_who_waits_for_a_lock_until_the_end_has_done_nothing(start: Callable[[], Process]) -> None:
    store.copy(Record("ada", 1, ADA))
    holder, waiting = start(), start()
    holder.ask(key="ada", id="one", stops="in the change", seconds=5)
    assert holder.says() == "stopped"
    began = time.monotonic()
    waiting.ask(key="ada", id="two", seconds=0.5)
    assert waiting.answer() == "LateError"
    assert time.monotonic() - began < 1.5
    holder.signal(signal.SIGCONT)
    assert holder.answer() == {"version": 2, "name": "Ada+"}
    assert [*store.load("ada").operations] == ["one"]  # type: ignore[union-attr]


@pytest.mark.parametrize("where", ["in the change", "before the commit"])
def test_what_is_killed_before_its_commit_has_done_nothing(
    start: Callable[[], Process], where: str
) -> None:
    store.copy(Record("ada", 1, ADA))
    process = start()
    process.ask(key="ada", id="one", stops=where)
    assert process.says() == "stopped"
    process.signal(signal.SIGKILL)
    again = store.apply(attempt(), "ada", renamed("Eve"))  # its lock has gone with it
    assert again == Record("ada", 2, {**ADA, "name": "Eve"}, {"one": "d"})


def test_what_is_killed_after_its_commit_is_not_done_again(start: Callable[[], Process]) -> None:
    store.copy(Record("ada", 1, ADA))
    process = start()
    process.ask(key="ada", id="one", stops="after the commit")
    assert process.says() == "stopped"
    process.signal(signal.SIGKILL)
    assert store.apply(attempt(), "ada", never).rows == {**ADA, "name": "Ada+"}


@pytest.mark.parametrize("where", ["in the change", "before the commit"])
def test_the_commit_of_a_client_that_stalls_comes_to_nothing(
    start: Callable[[], Process], where: str
) -> None:
    """The second is behind its last look at the clock: only the server can know."""
    store.copy(Record("ada", 1, ADA))
    process = start()
    process.ask(key="ada", id="one", stops=where, seconds=0.5)
    assert process.says() == "stopped"
    time.sleep(0.7)
    assert store.apply(attempt("two"), "ada", renamed("Eve")).version == 2  # nobody waits for it
    process.signal(signal.SIGCONT)
    assert process.answer() == "LateError"
    held = store.load("ada")
    assert held is not None
    assert (held.version, [*held.operations]) == (2, ["two"])
