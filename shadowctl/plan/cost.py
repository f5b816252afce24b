"""What a plan says of cost: quantities times prices, and what was assumed."""

import csv
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path

from analysis.format import chance, count
from shadow_runtime.contract import POLL_INTERVAL, Stage
from shadowctl.plan import usage
from shadowctl.plan.markdown import bullets, document, paragraph, table
from shadowctl.plan.usage import Line, Month, Part

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
        >>> f"{price.description}: {price.of(30_000_000):.2f}"
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
    def description(self) -> str:
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


_FEWER = 10
"""Percent of the requests that could be copied instead."""


def cost(month: Month) -> str:
    """A table of what is paid for, what copies have of it, and the assumptions."""
    lines = month.lines()
    total = _total(lines)
    return document(
        table(
            "<><<<>",
            ["for", "a month", "of", "price", "as of", "USD"],
            [*map(_row, lines), ["all", "", "", "", "", usd(total)]],
        ),
        paragraph(
            f"Prices of {REGION}, without free tiers, as of the month of their source, or in "
            f"which it was read; `shadowctl/plan/{TABLE.name}` names it. "
            f"`{MARKS['third party']}`: a third party says so. "
            f"`{MARKS['not documented']}`: no source does."
        ),
        bullets([*_shadow(month, total), _apart(month)]),
        "Assumed:",
        bullets(_assumed(month)),
    )


def _row(line: Line) -> list[str]:
    price = prices()[line.item]
    paid = usd(price.of(line.quantity))
    return [line.part, count(line.quantity), line.item, price.description, price.dated, paid]


def _total(lines: list[Line]) -> float:
    return sum(prices()[line.item].of(line.quantity) for line in lines)


def _shadow(month: Month, total: float) -> list[str]:
    of_shadow = _total([line for line in month.lines() if line.part is Part.SHADOW])
    fewer = _total(replace(month, shadow_percent=_FEWER).lines())
    reserved = month.functions.shadow.at_once
    told = [f"The shadow is {chance(of_shadow / total)} of it."]
    if month.copies:
        told += [
            f"With `shadow_percent` {_FEWER} all would be {usd(fewer)} USD, and the same proof "
            f"would take {month.shadow_percent / _FEWER:g} times as long.",
            f"The shadow works at {count(month.copies_at_once)} copies at once on average"
            + (f", of {reserved} at most." if reserved else "."),
        ]
    return told


def _apart(month: Month) -> str:
    price = prices()["HTTP API requests"]
    return (
        f"Apart from it, with or without a migration: {count(month.requests)} requests of the HTTP "
        f"API, {usd(price.of(month.requests))} USD ({price.description} {price.dated})."
    )


def _assumed(month: Month) -> list[str]:
    return [
        f"A month of {usage.DAYS} ordinary days at `{month.ceiling}`, while all is well.",
        f"Control takes {month.control_ms:g} ms and the candidate {month.candidate_ms:g} ms "
        f"(`--control-ms`, `--candidate-ms`); calling a function, or sending it a copy, "
        f"{usage.CALL_MS} ms. Cold starts are left out.",
        f"Execution environments of the route: {month.environments} at once, {usage.AT_PEAK} times "
        f"the average; each lives {usage.LIVES_HOURS} hours, reads the flag whole once, and asks "
        f"every {POLL_INTERVAL} seconds whether it has changed.",
        f"Logs: {count(usage.ROUTE_BYTES)} bytes a request and {count(_bytes(month.ceiling))} a "
        f"copy, as measured, and {count(usage.LAMBDA_BYTES)} of Lambda's own an invocation. "
        "Keeping them is left out, and so are mismatches, of which few are written.",
        "A metric counts as if it were written in every hour, failures too, one version at a time; "
        "noise by path is left out. An alarm costs by each metric that it looks at.",
        "X-Ray records the first request of a second and 5 % of the others.",
        "Cents, left out: operations, the hook, Scheduler, SNS, SQS, reads of secrets, and the "
        "dashboard's query for who opens it.",
    ]


def _bytes(ceiling: Stage) -> int:
    return usage.EXPOSED_BYTES if ceiling > Stage.SHADOW else usage.COPY_BYTES


def usd(amount: float) -> str:
    """Dollars and cents."""
    return f"{amount:,.2f}" if amount >= 0.01 else "under 0.01"
