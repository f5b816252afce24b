"""The new data source: users in PostgreSQL."""

from datetime import datetime

from sqlalchemy import Column, DateTime
from sqlmodel import Field, SQLModel


class UserRecord(SQLModel):
    """A user as clients see one."""

    id: str = Field(primary_key=True)
    name: str
    email: str
    plan: str


class User(UserRecord, table=True):
    """A row of `users`; one with `deleted_at` is hidden, as if it were not there."""

    __tablename__ = "users"

    deleted_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
