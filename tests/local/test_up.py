"""The environment that `up` makes: the database's roles, the users' tokens."""

import base64
import json
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from localaws import LocalError
from localaws.supervisor import StateFolder
from localaws.up import Local, up


def test_a_second_up_deploys_what_changed_and_keeps_the_rest(
    local: Local, local_state: StateFolder
) -> None:
    passwords = [held(local, role) for role in ("candidate", "shadow")]
    renewed = up(state=local_state)
    assert (renewed.endpoint, renewed.outputs) == (local.endpoint, local.outputs)
    assert "deployment" in renewed.seconds
    assert [held(local, role) for role in ("candidate", "shadow")] == passwords
    with log_in(local, "shadow") as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (500,)
    assert Local.load(local_state) == renewed
    with pytest.raises(LocalError, match=r"runs here; `shadowctl local down` comes before"):
        up(state=local_state, port=1)


def test_a_wrong_database_password_is_refused(local: Local) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        log_in(local, "shadow", password="wrong")


def test_what_the_shadow_writes_cannot_be_committed(local: Local) -> None:
    with log_in(local, "shadow") as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (500,)
        assert connection.execute("UPDATE users SET name = ''").rowcount == 500
        with pytest.raises(psycopg.DatabaseError, match="the role shadow commits nothing"):
            connection.commit()
    with log_in(local, "shadow") as connection:
        found = connection.execute("SELECT count(*) FROM users WHERE name = ''")
        assert found.fetchone() == (0,)


def test_the_candidate_reads_and_writes(local: Local) -> None:
    with log_in(local, "candidate") as connection:
        assert connection.execute("UPDATE users SET name = name").rowcount == 500


@pytest.mark.parametrize("schema", ["public", "later"])
def test_tables_that_are_made_later_are_open_to_the_two_roles(local: Local, schema: str) -> None:
    with psycopg.connect(local.database_url) as owner:
        owner.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        owner.execute(f"CREATE TABLE {schema}.made_later (id serial, of text)")
    try:
        with log_in(local, "candidate") as connection:
            connection.execute(f"INSERT INTO {schema}.made_later (of) VALUES ('ada')")
        with log_in(local, "shadow") as connection:
            found = connection.execute(f"SELECT * FROM {schema}.made_later")
            assert found.fetchall() == [(1, "ada")]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DELETE FROM {schema}.made_later")
    finally:
        with psycopg.connect(local.database_url) as owner:
            owner.execute(f"DROP TABLE {schema}.made_later")


def test_a_token_names_its_user(local: Local) -> None:
    [token] = local.tokens(["user-007"]).values()
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["sub"] == "user-007"


def held(local: Local, role: str) -> dict[str, Any]:
    """What the secret of `role` holds."""
    secrets = local.session().client("secretsmanager")
    for secret in secrets.list_secrets()["SecretList"]:
        if secret["Name"].startswith(("CandidateSecret", "ShadowSecret")):
            found = json.loads(secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"])
            if found["username"] == role:
                return dict(found)
    raise AssertionError(f"no secret for {role}")


def log_in(local: Local, role: str, **instead: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the secret of `role` says, but for what is given `instead`."""
    settings = held(local, role)
    names = {"host": "host", "dbname": "dbname", "user": "username", "password": "password"}
    return psycopg.connect(
        make_conninfo(**{name: settings[key] for name, key in names.items()} | instead)
    )
