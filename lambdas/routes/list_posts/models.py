"""The new data source: posts in PostgreSQL."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, String
from sqlmodel import Field, SQLModel


class PostRecord(SQLModel):
    """A post as clients see one; `rating` is the running mean, None before the first."""

    id: int = Field(primary_key=True, sa_type=BigInteger)
    title: str
    tags: list[str] = Field(sa_column=Column(ARRAY(String), nullable=False))
    rating: float | None
    posted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Post(PostRecord, table=True):
    """A row of `posts`."""

    __tablename__ = "posts"

    user_id: str = Field(index=True)
