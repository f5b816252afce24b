"""What a plan says of cost: quantities times prices, and what was assumed."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Self

from analysis.format import chance, count
from shadow_runtime.contract import MOST_NOISY_PATHS, POLL_INTERVAL, Stage
from shadowctl.plan import usage
from shadowctl.plan.markdown import bullets, document, paragraph, table
from shadowctl.plan.usage import Line, Month, Part

REGION = "us-east-1"
TABLE = Path(__file__).with_name(f"prices-{REGION}.csv")

MARKS = {"AWS": "", "third party": "*", "not documented": "?"}
"""Who says so, as a sign in a table: AWS itself, somebody else, nobody whom we could name."""

_PER = {1: "", 1_000_000: " a million"}


@dataclass(frozen=True, slots=True)
class Price:
    """In USD for `per` of an item in `REGION`, of which `free` a month cost nothing.

    A free tier is the account's: all its routes share it. `as_of` is the month of the source, or in
    which it was read; empty where there is none.

    Example:
        >>> price = prices()["Lambda requests"]
        >>> f"{price.description}: {price.of(30_000_000):.2f}"
        '0.20 a million: 6.00'
    """

    usd: Decimal
    per: int
    free: int
    as_of: str
    mark: str

    def of(self, quantity: float) -> float:
        """USD for so many."""
        return quantity * float(self.usd) / self.per

    @property
    def description(self) -> str:
        """The price as its source has it."""
        return f"{self.usd:f}{_PER[self.per]}"

    @property
    def dated(self) -> str:
        """Its date and its mark."""
        return f"{self.as_of} {MARKS[self.mark]}".strip()


@cache
def prices() -> dict[str, Price]:
    """Every price, by item."""
    with TABLE.open(newline="") as table:
        return {
            row["item"]: Price(
                usd=Decimal(row["usd"]),
                per=int(row["per"]),
                free=int(row["free"]),
                as_of=row["as_of"],
                mark=row["mark"],
            )
            for row in csv.DictReader(table)
        }


_FEWER = 10
"""Percent of the requests that could be copied instead."""


@dataclass(frozen=True, slots=True)
class Total:
    """USD a month at list prices, and beyond free tiers that nothing else in the account uses.

    Example:
        >>> str(Total(list_price=9.5, beyond=2.4))
        '9.50 USD, 2.40 beyond free tiers'
    """

    list_price: float
    beyond: float

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Self:
        """Of all that is used up."""
        listed = sum(prices()[line.item].of(line.quantity) for line in lines)
        return cls(listed, sum(usd_of for _, usd_of in beyond_free(lines)))

    def __str__(self) -> str:
        return f"{usd(self.list_price)} USD, {usd(self.beyond)} beyond free tiers"


def beyond_free(lines: Sequence[Line]) -> Iterator[tuple[Line, float]]:
    """Each line with what it costs beyond the free tiers, which the first lines use up."""
    left = {item: float(price.free) for item, price in prices().items()}
    for line in lines:
        free = min(left[line.item], line.quantity)
        left[line.item] -= free
        yield line, prices()[line.item].of(line.quantity - free)


def cost(month: Month) -> str:
    """A table of what is paid for, what decides it, and the assumptions."""
    lines = month.lines()
    total = Total.of(lines)
    return document(
        table(
            "<><<<>>",
            ["for", "a month", "of", "price", "as of", "USD", "beyond"],
            [
                *(_row(line, beyond) for line, beyond in beyond_free(lines)),
                ["all", "", "", "", "", usd(total.list_price), usd(total.beyond)],
            ],
        ),
        paragraph(
            f"Prices of {REGION}, as of the month of their source, or in which it was read; "
            f"`shadowctl/plan/{TABLE.name}` names it. "
            f"`{MARKS['third party']}`: a third party says so. "
            f"`{MARKS['not documented']}`: no source does. "
            f"`beyond`: beyond the account's free tiers ({_free(lines)}), should nothing else use "
            "them up."
        ),
        bullets([*_levers(month), *_dataset(month), *_shadow(month, total), _apart(month)]),
        "Assumed:",
        bullets(_assumed(month)),
    )


def _row(line: Line, beyond: float) -> list[str]:
    price = prices()[line.item]
    paid = usd(price.of(line.quantity))
    used = count(line.quantity)
    return [line.part, used, line.item, price.description, price.dated, paid, usd(beyond)]


def _free(lines: Sequence[Line]) -> str:
    items = dict.fromkeys(line.item for line in lines)
    return ", ".join(f"{count(prices()[i].free)} {i}" for i in items if prices()[i].free)


def _levers(month: Month) -> Iterator[str]:
    """What does not depend on traffic, and what would change it."""
    lines, price = month.lines(), prices()
    of_route = [line for line in lines if line.part is not Part.SHARED]
    metrics = sum(line.quantity for line in of_route if line.item == "custom metrics")
    yield (
        f"Metrics: {count(metrics)} on average, of {usage.kinds(month.ceiling)} that may be "
        f"written; each is {price['custom metrics'].usd:f} USD a month, by the hour in which it "
        "is. A ceiling of `shadow` has no users' metrics."
    )
    yield (
        f"Alarms: {month.alarm_metrics} metrics that they look at, "
        f"{price['metrics of alarms'].usd:f} USD each."
    )
    if month.dashboards:
        without = Total.of(replace(month, dashboards=0).lines())
        yield f"Without the dashboard (`dashboard=False`): {without}."


def _dataset(month: Month) -> Iterator[str]:
    """What a write costs, and what the dataset does whether there are any or not."""
    if month.dataset is None:
        return
    if month.writes:
        reading = replace(month, dataset=replace(month.dataset, writes=0.0))
        more = Total.of(month.lines()).list_price - Total.of(reading.lines()).list_price
        yield (
            f"A write costs more than a read by {usd(more / month.writes * 1e6)} USD a million: "
            f"{_of_a_write(month)}."
        )
    shared = Total.of([line for line in month.lines() if line.part is Part.SHARED]).list_price
    yield (
        f"What is `{Part.SHARED}` is paid once, however many routes have `{month.dataset.name}`: "
        f"{usd(shared)} USD. Lambda asks its queue {count(usage.POLLS)} times a minute, even when "
        "it is empty."
    )


def _of_a_write(month: Month) -> str:
    if not month.announced:
        return "a read of the register"
    return (
        f"{usage.LOOKS + 1} read units of the register's table, {usage.MESSAGES} requests of the "
        "queue, an invocation of the reconciler, and one of the candidate, for which the route "
        "waits"
    )


def _shadow(month: Month, total: Total) -> list[str]:
    of_shadow = Total.of([line for line in month.lines() if line.part is Part.SHADOW]).list_price
    fewer = Total.of(replace(month, shadow_percent=_FEWER).lines())
    reserved = month.functions.shadow.at_once
    told = [f"The shadow is {chance(of_shadow / total.list_price)} of it."]
    if month.copies:
        told += [
            f"With `shadow_percent` {_FEWER}: {fewer}; the same proof "
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
        f"Logs: {count(usage.ROUTE_BYTES)} bytes a request and "
        f"{count(usage.SENT_BYTES + _bytes(month.ceiling))} a copy, as measured, and "
        f"{count(usage.LAMBDA_BYTES)} of Lambda's own an invocation. "
        "Keeping them is left out, and so are mismatches, of which few are written.",
        "A metric costs by the hour in which it is written; what is written when something happens "
        f"(a failure, a mismatch, noise in one of {MOST_NOISY_PATHS} paths) happens once in "
        f"{count(usage.ONE_IN)} requests or copies. One version at a time. An alarm costs by each "
        "metric that it looks at.",
        *_assumed_of_dataset(month),
        "X-Ray records the first request of a second and 5 % of the others.",
        "Cents, left out: operations, the hook, Scheduler, SNS, SQS, reads of secrets, and the "
        "dashboard's query for who opens it.",
    ]


def _assumed_of_dataset(month: Month) -> list[str]:
    if month.dataset is None:
        return []
    kind = "writes one key" if month.dataset.writes else "reads one key"
    return [
        f"Each request {kind}, and each message is a batch of its own. The reconciler takes "
        f"{usage.RECONCILE_MS} ms for one, and finds nothing to copy. What the stores of the team "
        "cost, what the table keeps, and a backfill or a verification are left out."
    ]


def _bytes(ceiling: Stage) -> int:
    return usage.EXPOSED_BYTES if ceiling > Stage.SHADOW else usage.COPY_BYTES


def usd(amount: float) -> str:
    """Dollars and cents."""
    return f"{amount:,.2f}" if amount >= 0.01 or amount == 0 else "< 0.01"
