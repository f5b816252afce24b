"""PostgreSQL for a candidate: one connection an execution environment, settings from a secret.

Only candidates import this: the route carries no driver.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import Engine
from sqlmodel import Session, create_engine

from shadow_runtime.secret import named_by
from shadow_runtime.settings import settings
from shadow_runtime.telemetry import logger

CONNECT_SECONDS = 5
"""How long a log-in may take. No user waits for it: the candidate's deadline is shorter."""


class SettingsError(ValueError):
    """The secret holds no connection settings: which keys it misses."""


def can_hold(text: str) -> bool:
    r"""Whether PostgreSQL can hold `text`: what it cannot, no row has, and asking for it raises.

    NUL is in no text of PostgreSQL, and a lone surrogate has no UTF-8; a client can send both:
    https://www.postgresql.org/docs/current/datatype-character.html

    Example:
        >>> can_hold("ada"), can_hold("ada\0"), can_hold("ada\ud800")
        (True, False, False)
    """
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


@contextmanager
def session() -> Iterator[Session]:
    """A session for one request, rolled back unless it was committed.

    Raises:
        RuntimeError: one is open already; there is one connection.
        SettingsError: the secret misses a key.
        sqlalchemy.exc.OperationalError: the database cannot be reached.

    Example:
        >>> with session() as database:  # doctest: +SKIP
        ...     database.get(User, "ada")
    """
    if not _in_use.acquire(blocking=False):  # the pool would wait for half a minute, and then fail
        raise RuntimeError(
            "session() inside session(): an environment has one connection to the database; "
            "pass the open session on, or close it first"
        )
    try:
        with Session(_engine()) as opened:
            yield opened
    finally:
        _in_use.release()


_in_use = Lock()


@cache
def _engine() -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=_connect,
        pool_size=1,  # one execution environment serves one request at a time
        max_overflow=0,
        pool_pre_ping=True,  # a frozen environment wakes up with a dead connection
        pool_recycle=300,  # and so old its settings are at most: a rotated secret, another one
        hide_parameters=True,  # they are users' data, and errors are logged
    )


def _connect() -> psycopg.Connection[Any]:
    """By the settings as they are now; where these do not work, by the last that did."""
    newest = None
    try:
        newest = _settings(named_by(settings().database_parameter))
        connection = psycopg.connect(**newest)
    except (BotoCoreError, ClientError, ValueError, psycopg.OperationalError) as error:
        if not _worked or newest == _worked:
            raise
        logger.warning("database settings", error=type(error).__name__)
        return psycopg.connect(**_worked)
    _worked.update(newest)
    return connection


_worked = dict[str, Any]()


def _settings(text: str) -> dict[str, Any]:
    held = json.loads(text)
    missing = [k for k in ("host", "port", "username", "password", "dbname") if k not in held]
    if missing:
        raise SettingsError(
            f"the database secret has no {', '.join(missing)}: add them, in the form that RDS uses"
        )
    return {
        "host": held["host"],
        "port": held["port"],
        "user": held["username"],
        "password": held["password"],
        "dbname": held["dbname"],
        "sslmode": held.get("sslmode", "require"),
        "connect_timeout": CONNECT_SECONDS,
        # Behind RDS Proxy a prepared statement pins its connection, and PgBouncer's next
        # transaction may run where it was never prepared.
        "prepare_threshold": None,
        "application_name": settings().route,
    }
