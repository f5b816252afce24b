"""What a dataset asks of a store, whichever side it is."""

from collections.abc import Callable
from typing import Protocol

from dataset.steps import Record
from shadow_runtime.http import Request

Keys = Callable[[Request], tuple[str, ...]]
"""The keys of a dataset that a request is about."""


class Store(Protocol):
    """Where one side keeps the records of a dataset.

    A team's own store is any object that has these four. Each raises `UnavailableError` where what
    is behind it does not answer.
    """

    def load(self, key: str) -> Record | None:
        """The key's state, of a deletion too; None where it was never known."""

    def page(self, after: str, limit: int) -> tuple[Record, ...]:
        """The next `limit` records after a key, deletions too, in the order of `sorted`."""

    def copy(self, record: Record, *, repair: bool = False) -> bool:
        """Takes over the other side's state where that is newer, or `repair` asks for an equal one.

        In one transaction with its version and its operations.

        Returns:
            Whether it holds that version now, or a newer one.
        """
