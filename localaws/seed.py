"""The new data source: the users of the old one, with one planted difference, and two roles."""

import contextlib
import json
from collections.abc import Iterator

import boto3
import psycopg
from psycopg import sql

from localaws import database

DATABASE = "app"
PLANTED = "user-042"
"""The user whose name differs between the data sources: the shadow has something to find."""


def tables(socket: str) -> None:
    """Creates the database and its tables, and copies the users of the directory."""
    from sqlmodel import Session, SQLModel, create_engine

    from routes.get_user.directory import USERS
    from routes.get_user.models import User

    with database.connect(socket, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: database.connect(socket, dbname=DATABASE)
    )
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(User.model_validate(entry) for entry in USERS.values())
        planted = session.get_one(User, PLANTED)
        planted.name = planted.name.replace(" ", "  ")  # as a careless migration would leave it
        session.commit()
    engine.dispose()


@contextlib.contextmanager
def table_gone(url: str) -> Iterator[None]:
    """The new data source is broken during the block: its table has another name."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE users RENAME TO lost")
        try:
            yield
        finally:
            connection.execute("ALTER TABLE lost RENAME TO users")


def roles(aws: boto3.Session, stack: str, socket: str) -> None:
    """Makes a role for each secret of `stack` that describes one, and adds its host there.

    The role `candidate` reads and writes; any other only reads.
    """
    resources = aws.client("cloudformation").describe_stack_resources(StackName=stack)
    secrets = aws.client("secretsmanager")
    with database.connect(socket, dbname=DATABASE) as connection:
        for resource in resources["StackResources"]:
            if resource["ResourceType"] != "AWS::SecretsManager::Secret":
                continue
            arn = resource["PhysicalResourceId"]
            settings = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
            role, password = settings["username"], settings["password"]
            rights = "SELECT, INSERT, UPDATE, DELETE" if role == "candidate" else "SELECT"
            connection.execute(
                sql.SQL(
                    "CREATE ROLE {role} LOGIN PASSWORD {password};"
                    "GRANT {rights} ON ALL TABLES IN SCHEMA public TO {role}"
                ).format(
                    role=sql.Identifier(role),
                    password=sql.Literal(password),
                    rights=sql.SQL(rights),
                )
            )
            value = json.dumps(settings | {"host": socket})
            secrets.put_secret_value(SecretId=arn, SecretString=value)
