"""Connection settings are those of today, or the last that worked."""

import json
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from shadow_runtime import database, secret
from shadow_runtime.contract import Variable
from shadow_runtime.settings import settings
from tests.runtime.played import Received, Reply, Service, error

GOOD = {"host": "db", "port": 5432, "username": "candidate", "password": "new", "dbname": "app"}
PARAMETER = "/shadow-canary/Platform/database/candidate"


class Held:
    """A played AWS with a parameter that names a secret, and a PostgreSQL with one password."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.named = "first"
        self.secrets = {"first": json.dumps(GOOD)}
        self.password = "new"
        self.asked: list[dict[str, Any]] = []
        self.reads: list[str] = []
        service.script = self._answer
        monkeypatch.setattr(psycopg, "connect", self._connect)

    @property
    def text(self) -> str:
        return self.secrets["first"]

    @text.setter
    def text(self, value: str) -> None:
        self.secrets["first"] = value

    def _connect(self, **settings: Any) -> Any:
        self.asked.append(settings)
        if settings["password"] != self.password:
            raise psycopg.OperationalError("password authentication failed")
        return "connected"

    def _answer(self, received: Received) -> Reply:
        self.reads.append(received.headers["x-amz-target"].rpartition(".")[2])
        match received.json:
            case {"Name": str(name)}:
                assert name == PARAMETER
                answer: Any = {"Parameter": {"Value": self.named}}
            case {"SecretId": str(name)} if name in self.secrets:
                answer = {"SecretString": self.secrets[name]}
            case _:
                return error(400, "AccessDeniedException")
        return Reply(body=json.dumps(answer).encode())


@pytest.fixture
def held(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    for api in ("SSM", "SECRETS_MANAGER"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{api}", service.url)
    monkeypatch.setenv(Variable.DATABASE_PARAMETER, PARAMETER)
    clear()
    yield Held(service, monkeypatch)
    clear()


def clear() -> None:
    """As a new execution environment begins."""
    settings.cache_clear()
    secret._parameters.cache_clear()
    secret._secrets.cache_clear()
    database._worked.clear()


def connected() -> Any:
    return database._connect()


def test_a_new_environment_asks_which_secret_it_is_and_reads_it(held: Held) -> None:
    assert connected() == "connected"
    assert held.reads == ["GetParameter", "GetSecretValue"]


def test_another_secret_is_followed_by_the_next_connection_of_a_warm_environment(
    held: Held,
) -> None:
    connected()
    held.named, held.secrets = "second", {"second": json.dumps({**GOOD, "host": "other"})}
    assert connected() == "connected"
    assert [settings["host"] for settings in held.asked] == ["db", "other"]


def test_a_rotated_password_works_at_the_next_connection(held: Held) -> None:
    held.password = "old"
    held.text = json.dumps({**GOOD, "password": "old"})
    connected()
    held.password, held.text = "new", json.dumps(GOOD)
    assert connected() == "connected"
    assert len(held.asked) == 2


UNUSABLE = {
    "a secret that may not be read": "",
    "nonsense": "nonsense",
    "no host": json.dumps({"port": 5432}),
    "a password that is not the database's yet": json.dumps({**GOOD, "password": "next"}),
}


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
def test_settings_that_do_not_work_leave_those_that_worked_last(held: Held, text: str) -> None:
    connected()
    held.secrets = {"first": text} if text else {}
    assert connected() == "connected"
    assert held.asked[-1] == held.asked[0]


def test_a_new_environment_that_may_not_read_its_secret_says_so(held: Held) -> None:
    held.secrets = {}
    with pytest.raises(ClientError, match="AccessDenied"):
        connected()


def test_a_wrong_password_that_is_still_the_secrets_is_not_tried_twice(held: Held) -> None:
    connected()
    held.password = "another"
    with pytest.raises(psycopg.OperationalError):
        connected()
    assert len(held.asked) == 2


@pytest.mark.parametrize("text", ["nonsense", "{}", json.dumps({"host": "db"})])
def test_a_secret_without_settings_is_an_error_until_it_is_mended(held: Held, text: str) -> None:
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


def test_no_statement_is_prepared_on_the_server(held: Held) -> None:
    database._connect()
    assert held.asked[0]["prepare_threshold"] is None


def test_a_connection_is_encrypted_unless_the_secret_says_otherwise(held: Held) -> None:
    database._connect()
    assert held.asked[0]["sslmode"] == "require"
