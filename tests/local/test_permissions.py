"""What is granted suffices, and what is taken out is missed: a part of `make permissions`."""

from pathlib import Path

import pytest

from localaws.up import Local
from tests.checkout import ROOT
from tests.grants import grants
from tests.local.permissions import table
from tests.local.permissions.mutations import Policies
from tests.local.permissions.scenarios import SCENARIOS, Scenario

ROWS = table.read((ROOT / "docs/permissions.md").read_text())
PROVEN = [row for row in ROWS if row.missed_by in {each.promise for each in SCENARIOS}]
SOME = PROVEN[:: max(1, len(PROVEN) // 6)]
"""All of them take some minutes."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.promise)
def test_what_is_granted_suffices(local: Local, scenario: Scenario) -> None:
    table.run(local, scenario)


@pytest.mark.parametrize("row", SOME, ids=lambda row: f"{row.holder} {row.grant}")
def test_a_grant_that_is_taken_out_is_missed(local: Local, row: table.Row) -> None:
    found = grants(Path(local.assembly))
    [grant, *_] = table.distinct(found)[row.holder, row.grant]
    [scenario] = [each for each in SCENARIOS if each.promise == row.missed_by]
    policies = Policies(local.session(), {grant.statement.stack})
    assert table.is_missed(local, policies, grant, scenario)
