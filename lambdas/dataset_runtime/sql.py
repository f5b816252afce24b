"""A store in PostgreSQL: one table of the team's, and one of ours beside it.

Only candidates import this: the route carries no driver.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Table,
    Text,
    cast,
    func,
    select,
    text,
    union,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session, SQLModel

from dataset.register import EFFECT_S
from dataset.steps import Record, Rows, UnavailableError
from dataset_runtime.operation import (
    Attempt,
    ConflictError,
    LateError,
    MissingError,
    is_rehearsal,
)
from dataset_runtime.store import is_key
from shadow_runtime import database
from shadow_runtime.telemetry import logger

OPERATIONS = 50
"""Of a key so many are remembered, the newest."""

_BYTEWISE = "C"
"""The collation in which PostgreSQL sorts text as Python does."""

_LIMIT = text(
    "SELECT set_config(name, CASE WHEN setting::bigint BETWEEN 1 AND :ms THEN setting "
    "ELSE CAST(:ms AS text) END, true) FROM pg_settings WHERE name IN ("
    "'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', "
    "'transaction_timeout')"
)
"""As many of them as this version knows, of this transaction. The last two end one whose client has
stalled: its commit comes to nothing.

https://www.postgresql.org/docs/current/runtime-config-client.html
"""


class SqlStore:
    """The records of a dataset in the table of `model`, whose primary key is the dataset's key.

    Version and operations of a key are in a table beside it, `<table>_versions`, which
    `SQLModel.metadata.create_all` makes too; a row without them is at version 0. A key is deleted
    by the model's `deleted_at`, where it has that column, and else for good; its version stays.

    Args:
        model: of the table.
        ignore: columns that control has nothing for, such as a time of creation: they are in no
            record, and no copy changes them - none.

    Raises:
        TypeError: the table has no primary key of one column.

    Example:
        >>> store = SqlStore(User)  # doctest: +SKIP
        >>> store.load("ada")  # doctest: +SKIP
        Record(key='ada', version=1, rows={'name': 'Ada'}, operations={})
    """

    def __init__(self, model: type[SQLModel], *, ignore: Collection[str] = ()) -> None:
        self._model = model
        self._table: Table = getattr(model, "__table__")  # noqa: B009 - of tables alone
        keys = [*self._table.primary_key.columns]
        if len(keys) != 1:
            raise TypeError(
                f"{model.__name__} has a primary key of {len(keys)} columns, and the key of a "
                "dataset is one text: give the table a primary key of one column"
            )
        self._key: Column[Any] = keys[0]
        self._columns = {*model.model_fields} - {self._key.key, "deleted_at", *ignore}
        self._identities = TypeAdapter[Any](model.model_fields[self._key.key].annotation or str)
        self._versions = _versions_beside(self._table)

    def load(self, key: str) -> Record | None:
        """The key's state, of a deletion too; None where it was never known.

        Raises:
            UnavailableError: the database does not answer.
        """
        with _asked() as session:
            return self._held(session, key)

    def page(self, after: str, limit: int) -> tuple[Record, ...]:
        """The next `limit` records after a key, deletions too, in the order of `sorted`.

        An index on the key with `COLLATE "C"` spares each page a look at the whole table.

        Raises:
            UnavailableError: the database does not answer.
        """
        ours = self._versions.c.key
        own = cast(self._key, Text).collate(_BYTEWISE)
        theirs = select(own.label("key")).where(own > after)
        if "deleted_at" in self._table.c:  # what none of us deleted was never known
            theirs = theirs.where(self._table.c.deleted_at.is_(None))
        both = union(
            select(ours)
            .where(ours > after, self._versions.c.version > 0)
            .order_by(ours)
            .limit(limit)
            .subquery()
            .select(),
            theirs.order_by(own).limit(limit).subquery().select(),
        ).subquery()
        first = both.c.key.collate(_BYTEWISE)
        with _asked() as session:
            keys = session.scalars(select(both.c.key).order_by(first).limit(limit)).all()
            return self._records(session, keys)

    def copy(self, record: Record, *, repair: bool = False) -> bool:
        """Takes over control's state where that is newer, or `repair` asks for an equal one.

        Returns:
            True: it holds that version now, or a newer one.

        Raises:
            UnavailableError: the database does not answer, or refuses the rows.
        """
        with _asked() as session:
            _limit(session, EFFECT_S)
            newest = self._versions.c.version <= record.version - (not repair)
            if session.execute(self._put_version(record, newest)).first() is not None:
                self._put_rows(session, record)
                session.commit()
        return True

    def seed(self, key: str, record: Record | None) -> None:
        """Makes the key's state this one, whatever it is; None where it was never known.

        Raises:
            RuntimeError: this is no rehearsal, and it would last.
            UnavailableError: the database does not answer, or refuses the rows.
        """
        if not is_rehearsal():
            raise RuntimeError("seed() outside of a rehearsal: copy() takes a state over")
        with _asked() as session:
            if record is not None:
                session.execute(self._put_version(record))
                self._put_rows(session, record)
            elif (identity := self._identity(key)) is not None:
                # The guard has to have something to refuse, also where nothing is deleted.
                session.execute(self._put_version(Record(key, 0, None)))
                for table, own in (
                    (self._versions, self._versions.c.key == key),
                    (self._table, self._key == identity),
                ):
                    session.execute(table.delete().where(own))
            session.commit()

    def apply(
        self,
        attempt: Attempt,
        key: str,
        change: Callable[[Rows], Rows | None],
        *,
        initial: Rows | None = None,
    ) -> Record:
        """Changes the rows of a key, once for each operation; where `change` gives None, deletes.

        Rows, version and operation are one transaction, which is committed before `attempt.until`
        or not at all.

        Args:
            attempt: as `attempt_of` tells it.
            key: of the record.
            change: makes the rows that are to be of those that are. What it raises is raised.
            initial: what it is given of a key without rows, never known or deleted, which it so
                creates - it is not asked, and the key is missing.

        Returns:
            The key's state as it is now, also where the operation was applied before.

        Raises:
            ConflictError: the operation's id was used with another body.
            MissingError: no such key, or none that can be.
            LateError: the attempt's time is over; nothing was done.
            ValueError: the request's keys are told, and `key` is none of them.

        Example:
            >>> store.apply(
            ...     attempt_of(request), key, lambda old: {**old, "total": "9.50"},
            ...     initial={"lines": []})  # doctest: +SKIP
        """
        operation = attempt.operation
        if operation.keys and key not in operation.keys:
            raise ValueError(
                "apply() to a key that keys() did not tell of the request: nobody would copy it; "
                "give apply() what keys() gives"
            )
        left_s = attempt.until - time.time()
        with _in_time(), database.session() as session:
            if left_s > 0:
                _limit(session, left_s)
                self._lock(session, key)
            held = self._held(session, key) or Record(key, 0, None)
            if (digest := held.operations.get(operation.id)) is not None:
                if digest != operation.digest:
                    raise ConflictError
                return held
            rows = held.rows
            if rows is None and is_key(key) and self._identity(key) is not None:
                rows = initial
            if rows is None:
                raise MissingError
            if left_s <= 0:
                raise LateError
            made = replace(
                held,
                version=held.version + 1,
                rows=change(rows),
                operations=_newest({**held.operations, operation.id: operation.digest}),
            )
            self._put_rows(session, made)
            session.execute(
                self._versions.update()
                .where(self._versions.c.key == key)
                .values(version=made.version, operations=made.operations)
            )
            stored = self._held(session, key)  # what the table made of it
            if time.time() >= attempt.until:
                raise LateError
            session.commit()
        return stored or made

    def _put_version(self, record: Record, where: ColumnElement[bool] | None = None) -> Any:
        """Answers a row where it was put; a version that is being put is waited for."""
        put = insert(self._versions).values(
            key=record.key, version=record.version, operations=_newest(record.operations)
        )
        return put.on_conflict_do_update(
            index_elements=["key"],
            set_={"version": put.excluded.version, "operations": put.excluded.operations},
            where=where,
        ).returning(self._versions.c.key)

    def _lock(self, session: Session, key: str) -> None:
        """Whoever applies or copies waits; so does who changes the row in another way."""
        identity = self._identity(key)
        if identity is None:
            return
        begun = insert(self._versions).values(key=key, version=0, operations={})
        session.execute(
            begun.on_conflict_do_update(index_elements=["key"], set_={"key": begun.excluded.key})
        )
        session.get(self._model, identity, with_for_update=True)

    def _held(self, session: Session, key: str) -> Record | None:
        known = self._identity(key) is not None
        return next(iter(self._records(session, [key] if known else [])), None)

    def _records(self, session: Session, keys: Iterable[str]) -> tuple[Record, ...]:
        """In one statement: a version and rows that do not belong together would be copied."""
        wanted = (
            func.unnest(cast([*keys], ARRAY(Text))).table_valued("key").render_derived("wanted")
        )
        versions = self._versions.c
        found = session.execute(
            select(wanted.c.key, versions.version, versions.operations, self._model)
            .select_from(wanted)
            .outerjoin(self._versions, versions.key == wanted.c.key)
            .outerjoin(self._model, cast(wanted.c.key, self._key.type) == self._key)
            .execution_options(populate_existing=True)
        )
        records = {
            key: Record(key, version or 0, self._rows(row), operations or {})
            for key, version, operations, row in found
        }
        return tuple(
            record for key in keys if (record := records[key]).version or record.rows is not None
        )

    def _rows(self, row: SQLModel | None) -> Rows | None:
        if row is None or getattr(row, "deleted_at", None) is not None:
            return None
        return row.model_dump(mode="json", include=self._columns)

    def _put_rows(self, session: Session, record: Record) -> None:
        identity = self._identity(record.key)
        if identity is None:
            raise ValueError(f"no {self._key.name} of {self._table.name} is such a key")
        row = session.get(self._model, identity)
        if record.rows is None:
            if "deleted_at" in self._table.c and row is not None:
                row.deleted_at = datetime.now(UTC)
            elif row is not None:
                session.delete(row)
            return
        if others := record.rows.keys() - self._columns:
            raise ValueError(f"{self._table.name} has no columns {', '.join(sorted(others))}")
        given = self._model.model_validate({**record.rows, self._key.key: identity})
        if row is None:
            session.add(given)
            return
        for name in {*record.rows, "deleted_at"} & {*self._table.c.keys()}:
            setattr(row, name, getattr(given, name))

    def _identity(self, key: str) -> Any:
        """The primary key that is `key` as text; None where there can be none."""
        try:
            value = self._identities.validate_python(key)
            return value if str(value) == key and database.can_hold(key) else None
        except ValueError:
            return None


def _versions_beside(table: Table) -> Table:
    name = f"{table.name}_versions"
    known = table.metadata.tables.get(f"{table.schema}.{name}" if table.schema else name)
    if known is not None:
        return known
    return Table(
        name,
        table.metadata,
        Column("key", Text(collation=_BYTEWISE), primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("operations", JSON, nullable=False),  # which keeps their order, as JSONB does not
        schema=table.schema,
    )


def _limit(session: Session, seconds: float) -> None:
    session.execute(_LIMIT, {"ms": max(1, int(1_000 * seconds))})


def _newest(operations: Mapping[str, str]) -> dict[str, str]:
    return dict(islice(operations.items(), max(0, len(operations) - OPERATIONS), None))


@contextmanager
def _asked() -> Iterator[Session]:
    try:
        with database.session() as session:
            yield session
    except (SQLAlchemyError, BotoCoreError, ClientError, ValueError) as error:
        logger.warning("store", error=type(error).__name__)
        raise UnavailableError("the database") from error


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _LATE:
            raise LateError from error
        raise


_LATE = ("55P03", "57014", "25P03", "25P04")
"""A time of `_LIMIT` has passed: none of them comes from a transaction that was committed.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""
