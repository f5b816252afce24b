"""Each statement of the templates is in the table of who misses it, and none asks for too much."""

from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.grants import grants, is_wide, statements
from tests.local.permissions import table
from tests.local.permissions.scenarios import SCENARIOS
from tests.snapshot.conftest import Synthesis

PAGE = (ROOT / "docs/permissions.md").read_text()


@pytest.fixture(scope="module")
def assembly(synthesize: Synthesis) -> Path:
    return synthesize()


def test_the_table_names_exactly_the_statements_of_the_templates(assembly: Path) -> None:
    found = table.rows(
        grants(assembly), {(r.holder, r.grant): r.missed_by for r in table.read(PAGE)}
    )
    assert table.written(found) == PAGE, "run `make permissions`"


def test_nobody_is_granted_what_nobody_misses() -> None:
    promises = {scenario.promise for scenario in SCENARIOS}
    missed_by_nobody = [
        row
        for row in table.read(PAGE)
        if row.missed_by not in promises and not row.missed_by.startswith(table.BY_TEXT)
    ]
    assert missed_by_nobody == []


def test_nobody_may_do_more_than_aws_makes_one_ask_for(assembly: Path) -> None:
    found = statements(assembly)
    assert len(found) > 100
    assert [each for each in found if is_wide(each)] == []
