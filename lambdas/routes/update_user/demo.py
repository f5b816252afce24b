"""What `make demo` must know of PUT /users/me."""

import json
from typing import Any

import psycopg

STACK = "UpdateUser"
PATH = "/users/me"
DATASET = "users"


def change(text: str) -> bytes:
    """The body of a request that writes `text`."""
    return json.dumps({"name": text}).encode()


def written(answer: Any) -> str:
    """The text in an answer, to a request that reads, too."""
    return str(answer["name"])


def held(database: psycopg.Connection[Any], user: str) -> tuple[str, int]:
    """The text that the new data source has of a user, and its version."""
    found = database.execute(
        "SELECT name, version FROM users JOIN users_versions ON key = id WHERE id = %s", [user]
    ).fetchone()
    return (found[0], found[1]) if found else ("", 0)
