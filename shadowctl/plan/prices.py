"""What AWS asks for: one table, with the date and the source of each price."""

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

REGION = "us-east-1"
TABLE = Path(__file__).with_name(f"prices-{REGION}.csv")

MARKS = {"AWS": "", "third party": "*", "not documented": "?"}
"""Who says so, as a sign in a table: AWS itself, somebody else, nobody whom we could name."""

_PER = {1: "each", 1_000_000: "per million"}


@dataclass(frozen=True, slots=True)
class Price:
    """In USD for `per` of an item in `REGION`, without a free tier.

    `as_of` is the month of the source, or in which it was read; empty where there is none.

    Example:
        >>> price = prices()["Lambda requests"]
        >>> f"{price.words}: {price.of(30_000_000):.2f}"
        '0.20 per million: 6.00'
    """

    usd: Decimal
    per: int
    as_of: str
    mark: str

    def of(self, quantity: float) -> float:
        """USD for so many."""
        return quantity * float(self.usd) / self.per

    @property
    def words(self) -> str:
        """The price as its source has it."""
        return f"{self.usd:f} {_PER[self.per]}"

    @property
    def dated(self) -> str:
        """Its date and its mark."""
        return f"{self.as_of} {MARKS[self.mark]}".strip()


@cache
def prices() -> dict[str, Price]:
    """Every price, by item."""
    with TABLE.open(newline="") as table:
        return {
            row["item"]: Price(Decimal(row["usd"]), int(row["per"]), row["as_of"], row["mark"])
            for row in csv.DictReader(table)
        }
