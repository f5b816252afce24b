"""No history of a dataset loses, doubles or hides an acknowledged write.

`make soak` plays many more, and prints the table of `docs/adr/0016-writes.md` and the seeds below.
"""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.dataset.machine import Histories
from tests.unit.dataset.play import INVARIANTS, RULES
from tests.unit.dataset.soak import history, violations

ADR = Path(__file__).resolve().parents[3] / "docs/adr/0016-writes.md"
HISTORIES = 1_000

WRONG: dict[str, tuple[int, str]] = {
    "1: the register, not a flag": (3, "I2"),
    "1: a fence waits for a lease": (347, "I1"),
    "1: a write begins within its lease": (13, "I2"),
    "2: the intent before the effect": (3, "I5"),
    "2: no effect without an intent": (16, "I5"),
    "3: a delay of a lease": (449, "I5"),
    "4: no deduplication by key": (3, "I5"),
    "4: no deduplication by operation": (688, "I5"),
    "4: tombstones": (433, "I5"),
    "5: an ambiguous write is not acknowledged": (2, "I1"),
    "5: what failed comes again": (1665, "I3"),
    "6: the id in the transaction of the rows": (17, "I4"),
    "6: the ids go where the state goes": (17, "I3"),
    "7: a copy has a version": (135, "I7"),
    "8: a key that is behind is marked": (5, "I6"),
    "8: a mark outlives the reads": (912, "I6"),
    "9: a bounded time of effect": (110, "I2"),
    "the database refuses to commit a rehearsal": (7, "I8"),
}
"""A history that goes wrong without a rule, by its seed, and what it violates."""


@pytest.fixture(scope="module")
def found() -> Counter[str]:
    return violations("", HISTORIES)


@pytest.mark.parametrize("invariant", INVARIANTS, ids=[f"{n}: {w}" for n, w in INVARIANTS.items()])
def test_in_every_history(invariant: str, found: Counter[str]) -> None:
    assert found[invariant] == 0


def test_in_every_history_that_is_drawn_at_random() -> None:
    drawn = settings(max_examples=60, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Histories, settings=drawn)


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_a_history_goes_wrong(rule: str) -> None:
    seed, invariant = WRONG[rule]
    assert history(seed, without=rule) == invariant
    assert history(seed) == ""


def test_each_invariant_can_be_violated() -> None:
    assert {invariant for _, invariant in WRONG.values()} == {*INVARIANTS}


def test_the_table_of_the_decision_is_of_these_rules() -> None:
    table = ADR.read_text().partition("|---|---|---|---|\n| (nothing")[2].splitlines()[1:]
    rows = [line.split(" | ") for line in table if line.startswith("| ")]
    shown = {rule.removeprefix("| "): violated for rule, _, violated, _ in rows}
    assert {*shown} == {*RULES}
    assert all(violated in shown[rule] for rule, (_, violated) in WRONG.items())


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_the_decision_says_what_each_invariant_is(invariant: str) -> None:
    assert f"- {invariant}: {INVARIANTS[invariant]}.\n" in ADR.read_text()
