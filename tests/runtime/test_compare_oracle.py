"""The comparison agrees with a slow and plain one, whatever the bodies and the rules."""

import pytest

from tests.oracle import disagreement


@pytest.mark.parametrize("start", range(0, 8_000, 2_000))
def test_a_plain_oracle_of_the_rules_agrees(start: int) -> None:
    """Hundreds of thousands: `PYTHONPATH=.:lambdas python -m tests.oracle 300000`."""
    assert [*filter(None, map(disagreement, range(start, start + 2_000)))] == []
