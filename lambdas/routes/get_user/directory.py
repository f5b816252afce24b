"""The old data source. It stands for a legacy service: an in-memory directory of 500 users."""

from typing import TypedDict


class Entry(TypedDict):
    """A user as the old service knows one."""

    id: str
    name: str
    email: str
    plan: str


_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Radia", "Tony")
_LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Perlman")
_PLANS = ("free", "team", "enterprise")


def _entry(number: int) -> Entry:
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    return {
        "id": f"user-{number:03}",
        "name": f"{first} {last}",
        "email": f"{first}.{last}.{number}@example.com".lower(),
        "plan": _PLANS[number % len(_PLANS)],
    }


USERS = {entry["id"]: entry for entry in map(_entry, range(1, 501))}


def find(user_id: str) -> Entry | None:
    """The user, or None when the directory has none."""
    return USERS.get(user_id)
