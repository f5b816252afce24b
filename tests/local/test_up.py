"""The environment that `up` makes: the database's roles, the users' tokens."""

import base64
import json
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from localaws.supervisor import StateFolder
from localaws.up import Local, up


def test_a_second_up_finds_the_first(local: Local, local_state: StateFolder) -> None:
    assert up(state=local_state) == local
    assert Local.load(local_state) == local


def test_a_wrong_database_password_is_refused(local: Local) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        log_in(local, "shadow", password="wrong")


def test_the_shadow_reads_but_cannot_write(local: Local) -> None:
    with log_in(local, "shadow") as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (500,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE users SET name = ''")


def test_the_candidate_reads_and_writes(local: Local) -> None:
    with log_in(local, "candidate") as connection:
        assert connection.execute("UPDATE users SET name = name").rowcount == 500


def test_a_token_names_its_user(local: Local) -> None:
    [token] = local.tokens(["user-007"]).values()
    assert json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["sub"] == "user-007"


def log_in(local: Local, role: str, **instead: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the secret of `role` says, but for what is given `instead`."""
    secrets = local.session().client("secretsmanager")
    roles = ("CandidateSecret", "ShadowSecret")
    found = secrets.list_secrets()["SecretList"]
    for arn in [secret["ARN"] for secret in found if secret["Name"].startswith(roles)]:
        held = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        if held["username"] == role:
            names = {"host": "host", "dbname": "dbname", "user": "username", "password": "password"}
            settings = {name: held[key] for name, key in names.items()} | instead
            return psycopg.connect(make_conninfo(**settings))
    raise AssertionError(f"no secret for {role}")
