"""Connection settings are fetched anew once when a log-in fails, and a mended secret heals it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shadow_runtime import database
from shadow_runtime.contract import Variable
from shadow_runtime.secret import secret
from tests.runtime.played import Service

GOOD = {"host": "db", "port": 5432, "username": "candidate", "password": "new", "dbname": "app"}


class Secret:
    """A played Secrets Manager with one secret, and a PostgreSQL that knows one password."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.text = json.dumps(GOOD)
        self.asked: list[dict[str, Any]] = []
        service.script = lambda _: _answer(self.text)
        self.reads = service.received
        monkeypatch.setattr(psycopg, "connect", self._connect)

    def _connect(self, **settings: Any) -> Any:
        self.asked.append(settings)
        if settings["password"] != "new":
            raise psycopg.OperationalError("password authentication failed")
        return "connected"


def _answer(text: str) -> Any:
    from tests.runtime.played import Reply

    return Reply(body=json.dumps({"SecretString": text}).encode())


@pytest.fixture
def held(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secret]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", service.url)
    monkeypatch.setenv(Variable.DATABASE_SECRET, "database")
    secret.cache_clear()
    yield Secret(service, monkeypatch)
    secret.cache_clear()


def connected() -> Any:
    return database._connect()


def test_the_secret_is_read_once(held: Secret) -> None:
    assert connected() == connected() == "connected"
    assert len(held.reads) == 1


def test_a_rotated_password_is_fetched_once_and_works(held: Secret) -> None:
    held.text = json.dumps({**GOOD, "password": "old"})
    secret("database")
    held.text = json.dumps(GOOD)
    assert connected() == "connected"
    assert len(held.reads) == 2


def test_a_wrong_password_that_is_still_the_secrets_is_not_tried_twice(held: Secret) -> None:
    held.text = json.dumps({**GOOD, "password": "old"})
    with pytest.raises(psycopg.OperationalError):
        database._connect()
    assert len(held.asked) == 1


@pytest.mark.parametrize("text", ["nonsense", "{}", json.dumps({"host": "db"})])
def test_a_secret_without_settings_is_an_error_until_it_is_mended(held: Secret, text: str) -> None:
    held.text = text
    with pytest.raises(ValueError, match=r"Expecting value|add them"):
        database._connect()
    held.text = json.dumps(GOOD)
    assert connected() == "connected"


def test_a_session_inside_a_session_fails_at_once_and_says_why() -> None:
    with database.session():
        started = time.perf_counter()
        with pytest.raises(RuntimeError, match="pass the open session on"), database.session():
            pass
        assert time.perf_counter() - started < 1


def test_a_session_that_failed_makes_room_for_the_next() -> None:
    with pytest.raises(ZeroDivisionError), database.session():
        raise ZeroDivisionError
    with database.session():
        pass


def test_no_statement_is_prepared_on_the_server(held: Secret) -> None:
    database._connect()
    assert held.asked[0]["prepare_threshold"] is None


def test_a_connection_is_encrypted_unless_the_secret_says_otherwise(held: Secret) -> None:
    database._connect()
    assert held.asked[0]["sslmode"] == "require"
