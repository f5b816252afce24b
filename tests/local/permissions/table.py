"""The table of what each role is granted and who misses it: written, read, and proven."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from localaws.up import Local
from tests.grants import Grant
from tests.local.deployed import Deployed
from tests.local.permissions.mutations import Policies
from tests.local.permissions.scenarios import SCENARIOS, Scenario, at_rest
from tests.local.permissions.text import why_by_text

NOBODY = "**nobody**"
BY_TEXT = "by its text: "

_HEAD = """# Permissions

`make permissions` writes this page. It deploys the app to the embedded AWS, whose IAM judges each
call, takes out of the deployed policies one action after the other, and one resource where a
statement has several, and runs a scenario: the one that then fails is named here, and is a test of
`tests/local/test_permissions.py`. A statement is missed where one of its actions is. What is in
several stacks is proven in the first.

What the embedded AWS cannot judge is held by its text, for the reason that stands beside it. The
suite fails where a template has another statement than this page, or a `*` for which AWS does not
ask. A name in braces is a resource of the stack; an ARN stands here without its partition, region
and account.
"""
_ROW = re.compile(r"\| (?P<grant>.+) \| (?P<stacks>.+) \| (?P<missed>.+) \|")

Key = tuple[str, str]
"""A holder, and what of it."""


class Row(NamedTuple):
    """One line of the table."""

    holder: str
    grant: str
    stacks: str
    missed_by: str


def distinct(grants: Iterable[Grant]) -> dict[Key, list[Grant]]:
    """Grants that read alike, by stack."""
    found: dict[Key, list[Grant]] = {}
    for grant in sorted(grants, key=lambda each: each.holder):
        found.setdefault((grant.holder, grant.text), []).append(grant)
    return found


def rows(grants: Iterable[Grant], missed_by: Mapping[Key, str]) -> list[Row]:
    """The lines; `missed_by` says what was found of those that are not held by their text."""
    return [
        Row(
            *key,
            ", ".join(dict.fromkeys(each.statement.stack for each in alike)),
            f"{BY_TEXT}{why}" if (why := why_by_text(alike[0])) else missed_by.get(key, NOBODY),
        )
        for key, alike in distinct(grants).items()
    ]


def written(lines: Iterable[Row]) -> str:
    """The page."""
    sections = [_HEAD]
    for holder, of_holder in groupby(lines, key=lambda row: row.holder):
        table = "\n".join(f"| {r.grant} | {r.stacks} | {r.missed_by} |" for r in of_holder)
        sections.append(f"## {holder}\n\n| granted | in | missed by |\n|---|---|---|\n{table}\n")
    return "\n".join(sections)


def read(page: str) -> list[Row]:
    """The lines of a page."""
    found = []
    for section in page.split("\n## ")[1:]:
        holder, _, table = section.partition("\n")
        for line in table.splitlines()[3:]:
            if match := _ROW.fullmatch(line):
                found.append(Row(holder, match["grant"], match["stacks"], match["missed"]))
    return found


def proven(
    local: Local, grants: Iterable[Grant], before: Iterable[Row], say: Callable[[str], None]
) -> dict[Key, str]:
    """Who misses each that is not held by its text; asks first who did `before`.

    Raises:
        AssertionError: a scenario fails with all that is granted.
    """
    grants = [*grants]
    for scenario in SCENARIOS:
        run(local, scenario)
    policies = Policies(local.session(), dict.fromkeys(each.statement.stack for each in grants))
    known = {(row.holder, row.grant): row.missed_by for row in before}
    found: dict[Key, str] = {}
    for key, alike in distinct(grants).items():
        if why_by_text(alike[0]):
            continue
        found[key] = NOBODY
        for scenario in _asked(key, known):
            # Twice: a busy machine fails a scenario, too, and seldom again.
            if all(is_missed(local, policies, alike[0], scenario) for _ in range(2)):
                found[key] = scenario.promise
                break
        say(f"{key[0]}: {key[1]}: {found[key]}")
    return found


def is_missed(local: Local, policies: Policies, grant: Grant, scenario: Scenario) -> bool:
    """Whether the scenario fails without the grant."""
    with policies.without(grant):
        try:
            run(local, scenario)
        except AssertionError:
            return True
    return False


def run(local: Local, scenario: Scenario) -> None:
    """Asks for what it promises; raises an AssertionError where somebody may not do a part."""
    deployed = Deployed(local)
    at_rest(deployed)
    try:
        scenario.run(deployed)
    finally:
        at_rest(deployed)


def _asked(key: Key, known: Mapping[Key, str]) -> Iterator[Scenario]:
    """The scenarios of the holder, first that which missed it before."""
    own = [each for each in SCENARIOS if key[0] in each.holders]
    yield from sorted(own, key=lambda each: each.promise != known.get(key))
