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
from sqlalchemy import Connection, Engine, ExceptionContext, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session, create_engine

from shadow_runtime.secret import named_by
from shadow_runtime.settings import settings
from shadow_runtime.telemetry import logger

CONNECT_SECONDS = 5
"""How long a log-in may take. No user waits for it: the candidate's deadline is shorter."""

GUARD = "shadow_commits_nothing"
"""The trigger of `dataset_runtime/shadow.sql`."""

REFUSED = "SHDW0"
"""Its error's code."""

_DISTURBED = (REFUSED, "55P03", "57014")
"""Refused to commit; a lock that was held, and a statement that took too long.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""


class SettingsError(ValueError):
    """The secret holds no connection settings: which keys it misses."""


class UnguardedError(Exception):
    """A dry run that the database would let commit, or that has left its transaction."""


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
        with _opened() as opened:
            yield opened
    finally:
        _in_use.release()


class Rehearsal:
    """One transaction that is never committed.

    Attributes:
        is_disturbed: whether a lock, or a limit of the role's, has kept the code from something
            that it could have done for a user.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._began = ""
        self.is_disturbed = False

    def begin(self) -> None:
        """To be called when something was written: proves that it cannot be committed.

        Raises:
            UnguardedError: it could.
        """
        self._began = self._transaction()
        try:
            with self._connection.begin_nested():
                self._connection.execute(text(f"SET CONSTRAINTS {GUARD} IMMEDIATE"))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == REFUSED:
                self.is_disturbed = False
                return
            raise UnguardedError(f"there is no trigger {GUARD}: run shadow.sql") from error
        raise UnguardedError(f"the trigger {GUARD} lets this role commit: run shadow.sql")

    def check(self) -> None:
        """To be called before what is left is read.

        Raises:
            UnguardedError: the code has ended the transaction: it asked the connection itself.
        """
        try:
            is_same = self._transaction() == self._began
        except SQLAlchemyError:  # of a savepoint that is gone, or that cannot be left, too
            is_same = False
        if not is_same:
            raise UnguardedError("the code has ended the transaction of its rehearsal")

    def _transaction(self) -> str:
        found: str = self._connection.execute(text("SELECT txid_current()::text")).scalar_one()
        return found


@contextmanager
def rehearsal() -> Iterator[Rehearsal]:
    """Meanwhile each `session()` is of one transaction, which is rolled back at the end.

    A session commits, and rolls back, as ever: to a savepoint. Sequences advance.

    Raises:
        RuntimeError: a session is open.
        SettingsError: the secret misses a key.
        sqlalchemy.exc.OperationalError: the database cannot be reached.
    """
    if _in_use.locked():
        raise RuntimeError("rehearsal() inside session(): close the session first")
    with _engine().connect() as connection:
        rehearsed = Rehearsal(connection)

        def hear(context: ExceptionContext) -> None:
            state = getattr(context.original_exception, "sqlstate", None)
            rehearsed.is_disturbed |= state in _DISTURBED

        event.listen(_engine(), "handle_error", hear)
        transaction = connection.begin()
        _rehearsed.append(connection)
        try:
            yield rehearsed
        finally:
            _rehearsed.pop()
            event.remove(_engine(), "handle_error", hear)
            try:
                transaction.rollback()
            except BaseException as error:  # closed, it is rolled back as well
                connection.invalidate()
                if not isinstance(error, Exception):
                    raise


def _opened() -> Session:
    if _rehearsed:
        return Session(_rehearsed[-1], join_transaction_mode="create_savepoint")
    return Session(_engine())


_in_use = Lock()
_rehearsed: list[Connection] = []


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
