"""What `make demo` must know of GET /users/me."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from datasets.users import control as directory
from routes.get_user import seed

STACK = "GetUser"
PATH = "/users/me"
USERS = [*directory.USERS]
PLANTED = seed.PLANTED
CANARY_PERCENT = 2.0
"""The ceiling of the route's stack."""


@contextmanager
def broken(database: psycopg.Connection[Any]) -> Iterator[None]:
    """The new data source fails during the block: its table has another name."""
    database.execute("ALTER TABLE users RENAME TO lost")
    try:
        yield
    finally:
        database.execute("ALTER TABLE lost RENAME TO users")
