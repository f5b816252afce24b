"""What a plan says of cost: quantities times prices, and what was assumed."""

from dataclasses import replace

from shadow_runtime.contract import POLL_INTERVAL, Stage
from shadowctl.plan import usage
from shadowctl.plan.markdown import bullets, document, paragraph, table
from shadowctl.plan.prices import MARKS, REGION, TABLE, prices
from shadowctl.plan.usage import Line, Month, Part
from shadowctl.plan.words import chance, count, usd

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
    return [line.part, count(line.quantity), line.item, price.words, price.dated, paid]


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
        f"API, {usd(price.of(month.requests))} USD ({price.words} {price.dated})."
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
