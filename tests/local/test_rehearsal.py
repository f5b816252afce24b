"""The candidate's part in writes, on a real PostgreSQL: it obeys a route, and rehearses in vain."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import hypothesis
import psycopg
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dataset.register import EFFECT_S
from dataset.steps import Record, Rows, UnavailableError
from dataset_runtime.operation import attempt_of, is_rehearsal, operation_of
from dataset_runtime.rehearsal import rehearsed
from dataset_runtime.wire import to_json
from datasets.users.candidate import store
from datasets.users.models import User
from routes.update_user import candidate as update_user
from routes.update_user import control
from shadow_runtime import database, shadow
from shadow_runtime.candidate import Candidate
from shadow_runtime.compare import EXACT
from shadow_runtime.contract import Variable, Variant
from shadow_runtime.copies import Copy
from shadow_runtime.credentials import stripped
from shadow_runtime.database import UnguardedError
from shadow_runtime.front_doors import HTTP_API, MalformedError
from shadow_runtime.handlers import MARK, call_safely
from shadow_runtime.http import Request, Response
from shadow_runtime.sampling import Deduplicator, LogSampler
from shadow_runtime.settings import settings
from shadow_runtime.shadow import SecondSights
from tests.local.postgres import GUARD, as_role, make_tables, owner, postgres, reached
from tests.runtime.shadowed import lines, metrics

ROLES = """
CREATE ROLE candidate LOGIN PASSWORD 'a';
CREATE ROLE shadow LOGIN PASSWORD 'a';
CREATE ROLE unguarded LOGIN PASSWORD 'a';
GRANT pg_read_all_data, pg_write_all_data TO candidate, unguarded;
CREATE TABLE letters (number serial PRIMARY KEY, text text);
"""
ADA: Rows = {"name": "Ada", "email": "ada@example.com", "plan": "free"}
BEFORE = Record("ada", 1, ADA)
TEAM: Rows = {**ADA, "plan": "team"}


@pytest.fixture(scope="module")
def socket() -> Iterator[str]:
    with postgres(ROLES) as socket:
        make_tables(socket)
        with owner(socket) as connection:
            connection.execute(GUARD.read_text())
        yield socket


@pytest.fixture(autouse=True)
def _dataset(socket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(Variable.DATASET, "Users/users")
    monkeypatch.setenv(Variable.DATASET_PACKAGE, "datasets.users")
    settings.cache_clear()
    with owner(socket) as connection:
        connection.execute("TRUNCATE users, users_versions, letters")
    yield
    settings.cache_clear()


@pytest.fixture
def as_candidate(socket: str) -> Iterator[None]:
    with reached(socket, "candidate"):
        yield


@pytest.fixture
def as_shadow(socket: str) -> Iterator[None]:
    with reached(socket, "candidate"):
        store.copy(Record("ada", 7, {**ADA, "name": "of later"}, {"later": "d"}))
        store.copy(Record("bob", 1, ADA))
    with reached(socket, "shadow"):
        yield


def put(body: Any, *, user: str = "ada", key: str = "one") -> Request:
    return Request(
        method="PUT",
        path="/users/me",
        user=user,
        id="request",
        headers={"idempotency-key": key},
        body=body if isinstance(body, str) else json.dumps(body),
    )


def told(
    request: Request, *copies: Record, seconds: float | None = EFFECT_S, keys: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The event by which a route asks; without `seconds` for copies alone, at 0 for a replay."""
    operation = operation_of(request, keys or (request.user,))
    asked = {
        "id": operation.id,
        "digest": operation.digest,
        "keys": [*operation.keys],
        "until": seconds and time.time() + seconds,
    }
    dataset = {
        "copies": [to_json(record) for record in copies],
        "operation": None if seconds is None else asked,
    }
    event = {**HTTP_API.event(request), MARK: {"user": request.user, "dataset": dataset}}
    decoded: dict[str, Any] = json.loads(json.dumps(event))
    return decoded


# A write


@pytest.mark.usefixtures("as_candidate")
def test_states_are_taken_over_before_the_operation_is_carried_out() -> None:
    request = put({"plan": "team"})
    reply = json.loads(json.dumps(update_user.handler(told(request, BEFORE), None)))
    assert reply["copied"] == [True]
    assert reply["payload"]["statusCode"] == 200
    assert json.loads(reply["payload"]["body"]) == {"id": "ada", **TEAM}
    operation = operation_of(request)
    [left] = reply["records"]
    assert left == to_json(Record("ada", 2, TEAM, {operation.id: operation.digest}))


@pytest.mark.usefixtures("as_candidate")
def test_without_an_operation_nobody_is_answered() -> None:
    reply = update_user.handler(told(put({"plan": "team"}), BEFORE, seconds=None), None)
    assert reply == {"copied": [True], "records": [], "payload": None}
    assert store.load("ada") == BEFORE


@pytest.mark.usefixtures("as_candidate")
def test_what_a_copied_state_holds_is_answered_and_not_applied() -> None:
    request = put({"plan": "team"})
    operation = operation_of(request)
    after = Record("ada", 2, TEAM, {operation.id: operation.digest})
    reply = update_user.handler(told(request, after, seconds=0), None)
    assert json.loads(reply["payload"]["body"]) == {"id": "ada", **TEAM}
    assert reply["records"] == [to_json(after)]


@pytest.mark.usefixtures("as_candidate")
def test_nothing_is_applied_where_only_a_replay_is_asked_for() -> None:
    reply = update_user.handler(told(put({"plan": "team"}), BEFORE, seconds=0), None)
    assert reply["payload"]["statusCode"] == 503
    assert reply["records"] == [to_json(BEFORE)]


def in_lambdas_form(event: Any, context: Any) -> Any:
    body = json.loads(event["body"])
    user = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    record = store.apply(attempt_of(event), user, lambda old: {**old, **body})
    return {"statusCode": 200, "body": json.dumps(record.rows)}


HANDLERS = {
    "request": update_user.handler,
    "event and context": Candidate(in_lambdas_form, EXACT),
}


@pytest.mark.usefixtures("as_candidate")
@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_why_a_store_refuses_is_an_answer_of_either_form_of_handler(handler: Any) -> None:
    store.copy(BEFORE)
    asked = put({"plan": "team"})
    for request, seconds, status in (
        (put({"plan": "team"}, user="eve"), EFFECT_S, 404),
        (asked, 0.0, 503),
        (asked, EFFECT_S, 200),
        (asked, EFFECT_S, 200),
        (put({"plan": "free"}), EFFECT_S, 422),
    ):
        reply = handler(told(request, seconds=seconds), None)
        assert reply["payload"]["statusCode"] == status
    held = store.load("ada")
    assert held is not None
    assert (held.version, held.rows) == (2, TEAM)


@pytest.mark.usefixtures("as_candidate")
def test_where_no_dataset_moves_the_handler_is_the_same() -> None:
    store.copy(BEFORE)
    event = HTTP_API.event(put({"plan": "team"}))
    for _ in range(2):  # as a client that asks once more
        answer = update_user.handler(dict(event), None)
        assert json.loads(answer["body"]) == {"id": "ada", **TEAM}
    held = store.load("ada")
    assert held is not None
    assert held.version == 2


@pytest.mark.usefixtures("as_candidate")
def test_a_state_that_the_table_refuses_is_not_held() -> None:
    bad = Record("ada", 1, {**ADA, "name": None})
    reply = update_user.handler(told(put({}), bad, Record("bob", 1, ADA), seconds=None), None)
    assert reply["copied"] == [False, True]


@pytest.mark.usefixtures("as_candidate")
@pytest.mark.parametrize(
    "dataset",
    [None, {}, {"copies": []}, {"copies": [{}], "operation": None}, {"copies": [], "operation": 1}],
    ids=["null", "nothing", "no operation", "no record", "a number"],
)
def test_what_no_route_asks_is_an_error_of_the_function(dataset: Any) -> None:
    event = HTTP_API.event(put({"plan": "team"})) | {MARK: {"user": "ada", "dataset": dataset}}
    with pytest.raises(MalformedError):
        update_user.handler(event, None)


# A rehearsal


def held(socket: str) -> list[Any]:
    with owner(socket) as connection:
        return [
            connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall()
            for table in ("users", "users_versions", "letters")
        ]


def run(code: Callable[[], Any], *, before: tuple[Record, ...] = (BEFORE,)) -> Any:
    """A rehearsal of `code`, which answers 500 where it raises."""
    request = put({"plan": "team"})
    event = HTTP_API.event(request)
    return rehearsed(
        written(request, before, Record("ada", 2, TEAM)), lambda: call_safely(code, event)
    )


def written(request: Request, before: Iterable[Record], after: Record) -> dict[str, Any]:
    operation = operation_of(request, (request.user,))
    return {
        "operation": {"id": operation.id, "digest": operation.digest, "keys": [*operation.keys]},
        "before": [*map(to_json, before)],
        "after": [to_json(after)],
    }


def updates() -> Any:
    event = HTTP_API.event(put({"plan": "team"}))
    return update_user.handler(event | {MARK: {"user": "ada"}}, None)


def commits_twice() -> None:
    for name in ("one", "two"):
        with database.session() as session:
            session.add(User(id=name, name=name, email="", plan=""))
            session.commit()
            session.add(User(id=name + "!", name=name, email="", plan=""))
            session.commit()


def rolls_back() -> None:
    with database.session() as session:
        session.get_one(User, "ada").name = "gone"
        session.flush()
        session.rollback()
        assert session.get_one(User, "ada").name == "Ada"


def deletes_everybody() -> None:
    with database.session() as session:
        session.execute(text("DELETE FROM users"))
        session.commit()


def sends_a_letter() -> None:
    with database.session() as session:
        session.execute(text("INSERT INTO letters (text) VALUES ('dear')"))
        session.commit()


def raises() -> None:
    deletes_everybody()
    raise KeyError("plan")


def truncates() -> None:
    with database.session() as session:
        session.execute(text("TRUNCATE users"))


CODE = (
    *(updates, commits_twice, rolls_back, deletes_everybody, sends_a_letter),
    *(raises, truncates),
)


@pytest.mark.usefixtures("as_shadow")
@pytest.mark.parametrize("code", CODE, ids=lambda code: code.__name__)
def test_a_rehearsal_changes_nothing(socket: str, code: Callable[[], Any]) -> None:
    before = held(socket)
    for _ in range(2):
        found = run(code)
        assert (found.answer or {}).get("statusCode") == STATUSES.get(code)
        assert held(socket) == before


STATUSES = {updates: 200, raises: 500, truncates: 500}


STATEMENTS = st.lists(
    st.sampled_from(
        [
            "INSERT INTO users (id, name, email, plan) VALUES ('new', '', '', '')",
            "INSERT INTO users_versions VALUES ('new', 1, '{}')",
            "INSERT INTO letters (text) VALUES ('dear')",
            "UPDATE users SET name = 'Eve'",
            "UPDATE users_versions SET version = version + 1",
            "DELETE FROM users WHERE id = 'ada'",
            "DELETE FROM users_versions",
            "MERGE INTO users USING letters ON true WHEN NOT MATCHED BY SOURCE THEN DELETE",
            "SAVEPOINT s",
            "ROLLBACK TO s",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "COMMIT",
            "COMMIT AND CHAIN",
            "ROLLBACK",
            "the session commits",
            "the session rolls back",
            "another session",
            "an error",
        ]
    ),
    max_size=6,
)


def plays(statements: list[str]) -> None:
    with ExitStack() as opened:
        session = opened.enter_context(database.session())
        for statement in statements:
            match statement:
                case "the session commits":
                    session.commit()
                case "the session rolls back":
                    session.rollback()
                case "another session":
                    opened.close()
                    session = opened.enter_context(database.session())
                case "an error":
                    raise KeyError("plan")
                case _:
                    session.execute(text(statement))


@pytest.mark.usefixtures("as_shadow")
@hypothesis.settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(statements=["ROLLBACK", "the session commits"])
@given(statements=STATEMENTS)
def test_whatever_is_done_in_a_rehearsal_nothing_of_it_is_left(
    socket: str, statements: list[str]
) -> None:
    before = held(socket)
    with suppress(UnavailableError, UnguardedError):
        run(lambda: plays(statements))
    assert held(socket) == before
    assert run(updates).pairs == ((TEAM, TEAM),)


def test_a_state_is_never_forced_on_a_store_outside_of_one(socket: str) -> None:
    with reached(socket, "candidate"), pytest.raises(RuntimeError, match="outside of a rehearsal"):
        store.seed("ada", None)


@pytest.mark.usefixtures("as_shadow")
def test_it_begins_at_what_control_had_whatever_is_held_by_now() -> None:
    found = run(updates)
    assert json.loads(found.answer["body"]) == {"id": "ada", **TEAM}
    assert found.pairs == ((TEAM, TEAM),)
    missing = run(updates, before=())
    assert missing.answer["statusCode"] == 404
    assert missing.pairs == ((TEAM, None),)
    deleted = run(updates, before=(Record("ada", 3, None),))
    assert deleted.answer["statusCode"] == 404


@pytest.mark.usefixtures("as_shadow")
def test_what_the_candidate_does_otherwise_is_found_in_its_rows() -> None:
    def careless() -> Any:
        answer = updates()
        with database.session() as session:
            session.get_one(User, "ada").email = "lost@example.com"
            session.commit()
        return answer

    assert run(careless).pairs == ((TEAM, {**TEAM, "email": "lost@example.com"}),)


@pytest.mark.usefixtures("as_shadow")
def test_code_is_told_that_it_is_rehearsed() -> None:
    assert run(is_rehearsal).answer is True
    assert is_rehearsal() is False


@pytest.mark.usefixtures("as_shadow")
def test_sequences_advance(socket: str) -> None:
    with owner(socket) as connection:
        [(before,)] = connection.execute("SELECT last_value FROM letters_number_seq").fetchall()
        run(sends_a_letter)
        run(sends_a_letter)
        [(after,)] = connection.execute("SELECT last_value FROM letters_number_seq").fetchall()
    assert after > before


def by_the_session(statement: str) -> Callable[[], None]:
    def code() -> None:
        with database.session() as session:
            session.execute(text(statement))

    return code


def by_the_connection() -> None:
    with database.session() as session:
        driver = session.connection().connection
        with pytest.raises(psycopg.Error):
            driver.commit()


def by_a_rollback() -> None:
    with database.session() as session:
        session.connection().connection.rollback()


def by_two_rollbacks() -> None:
    """Its savepoint is gone, and so is what tells that."""
    with suppress(DBAPIError), database.session() as session:
        driver = session.connection().connection
        driver.rollback()
    driver.rollback()


ENDINGS = {
    "COMMIT": by_the_session("COMMIT"),
    "ROLLBACK": by_the_session("ROLLBACK"),
    "the driver's commit": by_the_connection,
    "the driver's rollback": by_a_rollback,
    "two of them": by_two_rollbacks,
}


@pytest.mark.usefixtures("as_shadow")
@pytest.mark.parametrize("code", ENDINGS.values(), ids=ENDINGS)
def test_code_that_ends_the_transaction_is_no_rehearsal(
    socket: str, code: Callable[[], None]
) -> None:
    before = held(socket)
    with pytest.raises((UnavailableError, UnguardedError)):
        run(code)
    assert held(socket) == before
    assert run(updates).pairs == ((TEAM, TEAM),)


def test_a_role_whose_writes_could_be_committed_rehearses_nothing(socket: str) -> None:
    called = list[int]()
    with reached(socket, "unguarded"), pytest.raises(UnguardedError, match="run shadow"):
        run(lambda: called.append(1))
    with owner(socket) as connection:
        connection.execute("DROP TRIGGER shadow_commits_nothing ON users")
        connection.execute("DROP TRIGGER shadow_commits_nothing ON users_versions")
    try:
        with reached(socket, "shadow"), pytest.raises(UnguardedError, match="run shadow"):
            run(lambda: called.append(1))
    finally:
        with owner(socket) as connection:
            connection.execute(GUARD.read_text())
    assert called == []


@pytest.mark.usefixtures("as_shadow")
def test_who_holds_a_lock_is_waited_for_by_no_rehearsal_and_blames_no_candidate(
    socket: str,
) -> None:
    def locks() -> None:
        with database.session() as session:
            session.execute(text("UPDATE users SET name = 'x' WHERE id = 'bob'"))

    began = time.monotonic()
    with as_role(socket, "candidate") as other:
        other.execute("UPDATE users SET name = name WHERE id = 'bob'")
        with pytest.raises(UnavailableError):
            run(locks)
        other.execute("UPDATE users SET name = name WHERE id = 'ada'")
        with pytest.raises(UnavailableError):
            run(updates)
        other.rollback()
    assert time.monotonic() - began < 3
    assert run(updates).pairs == ((TEAM, TEAM),)


@pytest.mark.usefixtures("as_candidate")
def test_a_rehearsal_in_a_session_is_refused() -> None:
    with database.session(), pytest.raises(RuntimeError, match="close the session first"):
        run(updates)


# The shadow function


@contextmanager
def shadowing(route: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(Variable.ROUTE_PACKAGE, route)
        patch.setattr(shadow, "_masking_key", lambda: b"key")
        patch.setattr(shadow, "_deduplicator", Deduplicator())
        patch.setattr(shadow, "_log_sampler", LogSampler())
        patch.setattr(shadow, "_second_sights", SecondSights())
        settings.cache_clear()
        for cached in (shadow._route, shadow._usage):
            cached.cache_clear()
        yield
    for cached in (shadow._route, shadow._usage):
        cached.cache_clear()


def copied(
    answer: Response, after: Record, *, before: Record = BEFORE, body: Any = None, number: str = "1"
) -> dict[str, Any]:
    request = put(body or {"plan": "team"})
    event, withheld = stripped(HTTP_API.event(request))
    copy = Copy(
        event=event,
        withheld=tuple(withheld),
        user="ada",
        id=number,
        trace="",
        traceparent="",
        variant=Variant.CONTROL,
        response=answer,
        write=written(request, [before], after),
        exposed=True,
        is_recorded=True,
        candidate_version="7",
        deadline_ms=2_000,
    )
    payload: dict[str, Any] = json.loads(copy.payload())
    return payload


@pytest.mark.usefixtures("as_shadow")
def test_a_copied_write_is_rehearsed_and_compared(
    socket: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = held(socket)
    answer = Response.json({"id": "ada", **TEAM})
    with shadowing("routes.update_user"):
        shadow.handler(copied(answer, Record("ada", 2, TEAM)), None)
    out = capfd.readouterr().out
    assert metrics(out)["Compared"] == 1
    assert {"Mismatched", "CandidateErrors", "CopiesDropped"}.isdisjoint(metrics(out))
    assert lines(out) == []
    assert held(socket) == before


@pytest.mark.usefixtures("as_shadow")
def test_a_row_that_differs_is_told_by_its_column_and_without_a_value(
    capfd: pytest.CaptureFixture[str],
) -> None:
    answer = Response.json({"id": "ada", **TEAM})
    control = Record("ada", 2, {**TEAM, "email": "other@example.com"})
    with shadowing("routes.update_user"):
        shadow.handler(copied(answer, control), None)
    out = capfd.readouterr().out
    assert metrics(out)["Mismatched"] == 1
    assert metrics(out, "Exposed")["Wrong"] == 1
    [line] = lines(out)
    assert (line["message"], line["sight"]) == ("mismatch", "confirmed")
    [difference] = line["differences"]
    assert (difference["path"], difference["kind"]) == ("$rows.email", "value")
    assert "example.com" not in out


@pytest.mark.usefixtures("as_shadow")
def test_what_control_refuses_the_candidate_has_to_refuse(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with shadowing("routes.update_user"):
        refused = Response.error(422, "plan is one of free, team, enterprise")
        shadow.handler(copied(refused, BEFORE, body={"plan": "gold"}), None)
        shadow.handler(copied(refused, BEFORE, number="2"), None)
    out = capfd.readouterr().out
    assert metrics(out)["Compared"] == 2
    assert metrics(out)["Mismatched"] == 1
    [line] = lines(out)
    assert {each["path"] for each in line["differences"]} >= {"status", "$rows.plan"}


@pytest.mark.usefixtures("as_shadow")
def test_a_difference_that_a_second_rehearsal_does_not_find_is_none(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Response.json({"id": "ada", **TEAM})
    right, asked = update_user.handler, list[int]()

    def fickle(event: Any, context: Any) -> Any:
        asked.append(1)
        found = right(event, context)
        return {**found, "body": "{}"} if len(asked) == 1 else found

    monkeypatch.setattr(update_user, "handler", fickle)
    with shadowing("routes.update_user"):
        shadow.handler(copied(answer, Record("ada", 2, TEAM)), None)
    out = capfd.readouterr().out
    assert len(asked) == 2
    assert metrics(out)["FirstSight"] == 1
    assert "Mismatched" not in metrics(out)


@pytest.mark.usefixtures("as_shadow")
def test_control_is_not_asked_to_write_again(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "handler", lambda *_: pytest.fail("control was asked"))
    with shadowing("routes.update_user"):
        for number in range(3):
            other = Response.json({"id": "eve"})
            shadow.handler(copied(other, Record("ada", 2, TEAM), number=f"{number}"), None)
    out = capfd.readouterr().out
    assert metrics(out, "CandidateVersion", "AskedAgain", AskedAgain="0")["Mismatched"] == 3


class AlmostOver:
    def get_remaining_time_in_millis(self) -> int:
        return shadow.RESERVED_MS + 400


@pytest.mark.usefixtures("as_shadow")
@pytest.mark.parametrize("where", ["the database", "the code"])
def test_a_rehearsal_whose_time_is_up_ends_and_the_next_one_begins(
    socket: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    before, right = held(socket), update_user.handler

    def slow(event: Any, context: Any) -> Any:
        deletes_everybody()
        with database.session() as session:
            if where == "the database":
                session.execute(text("SELECT pg_sleep(1.5)"))
            else:
                time.sleep(1.5)
        return right(event, context)

    monkeypatch.setattr(update_user, "handler", slow)
    copy = copied(Response.json({"id": "ada", **TEAM}), Record("ada", 2, TEAM))
    with shadowing("routes.update_user"):
        shadow.handler(copy, AlmostOver())
    found = metrics(capfd.readouterr().out)
    assert (found["CopiesDropped"], found["Late"]) == (1, 1)
    assert held(socket) == before
    monkeypatch.setattr(update_user, "handler", right)
    with shadowing("routes.update_user"):
        shadow.handler({**copy, "id": "another"}, None)
    assert metrics(capfd.readouterr().out)["Compared"] == 1
    assert held(socket) == before


@pytest.mark.usefixtures("as_shadow")
def test_a_busy_row_ends_a_copy_and_nobody_is_blamed(
    socket: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with as_role(socket, "candidate") as other, shadowing("routes.update_user"):
        other.execute("UPDATE users SET name = name")
        shadow.handler(copied(Response.json({}), Record("ada", 2, TEAM)), None)
    found = metrics(capfd.readouterr().out)
    assert found["SideFailed"] == 1
    assert {"Compared", "Mismatched", "CandidateErrors"}.isdisjoint(found)
