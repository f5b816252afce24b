"""A real PostgreSQL, alone: no embedded AWS around it."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlmodel import SQLModel

from localaws import database as embedded
from shadow_runtime import database
from tests.checkout import ROOT

GUARD = ROOT / "lambdas/dataset_runtime/shadow.sql"


@contextmanager
def postgres(*setup: str) -> Iterator[str]:
    """The socket of a server with the database `app`, in which the owner has run `setup`."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        server = embedded.start(Path(folder), home=Path(folder), log=Path(folder) / "log")
        socket = str(Path(folder) / "postgres")
        try:
            embedded.create(socket)
            with owner(socket) as connection:
                for statement in setup:
                    connection.execute(statement)
            yield socket
        finally:
            server.stop()


def owner(socket: str) -> psycopg.Connection[Any]:
    return embedded.connect(socket, dbname="app")


def as_role(socket: str, role: str, **options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(host=socket, user=role, password="a", dbname="app", **options)


def make_tables(socket: str) -> None:
    """Those of all models that were imported."""
    engine = embedded.engine(socket)
    SQLModel.metadata.create_all(engine)
    engine.dispose()


def secret(socket: str, role: str) -> str:
    held = {"host": socket, "port": 5432, "username": role, "password": "a", "dbname": "app"}
    return json.dumps(held | {"sslmode": "disable"})


@contextmanager
def reached(socket: str, role: str) -> Iterator[None]:
    """`shadow_runtime.database` is that server's, and this process the role's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "named_by", lambda _: secret(socket, role))
        database._engine().dispose()  # of another role
        database._engine.cache_clear()
        database._worked.clear()
        try:
            yield
        finally:
            database._engine().dispose()
            database._engine.cache_clear()
            database._worked.clear()
