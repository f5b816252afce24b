"""The embedded database: the users of the directory, with one planted difference."""

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

import datasets.users.candidate  # noqa: F401 - the versions have a table of their own
from datasets.users.control import USERS
from datasets.users.models import User

PLANTED = "user-042"
"""The user whose name differs between the data sources: the shadow has something to find."""


def seed(engine: Engine) -> None:
    """Creates the tables and copies the users of the directory."""
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(User.model_validate(entry) for entry in USERS.values())
        planted = session.get_one(User, PLANTED)
        planted.name = planted.name.replace(" ", "  ")  # as a careless migration would leave it,
        versions = SQLModel.metadata.tables[f"{User.__tablename__}_versions"]
        session.execute(versions.insert().values(key=PLANTED, version=1, operations={}))  # for good
        session.commit()
