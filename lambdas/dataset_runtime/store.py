"""What a dataset asks of a store, whichever side it is."""

from collections.abc import Callable
from typing import Protocol

from dataset.steps import Record
from shadow_runtime.http import Request

Keys = Callable[[Request], tuple[str, ...]]
"""The keys of a dataset that a request is about."""


LONGEST_KEY = 2_000
"""Bytes of a key, which the register keeps with a few of its own before it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""


def is_key(text: str) -> bool:
    r"""Whether a store and the register can hold `text` as a key; what they cannot, nobody has.

    A client can send anything: NUL, half of a surrogate pair, ten kilobytes.

    Example:
        >>> is_key("ada"), is_key(""), is_key("ada\0"), is_key("ada\ud800"), is_key("a" * 10_000)
        (True, False, False, False, False)
    """
    try:
        return 0 < len(text.encode()) <= LONGEST_KEY and "\0" not in text
    except UnicodeEncodeError:
        return False


class Store(Protocol):
    """Where one side keeps the records of a dataset.

    A team's own store is any object that has these three. Each raises `UnavailableError` where what
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
