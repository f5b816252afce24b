"""The comparison agrees with a slow and plain one, whatever the bodies and the rules."""

from collections import Counter

import pytest

from shadow_runtime.compare import Verdict
from tests.oracle import disagreement

FOUND = (37_080,)
"""Seeds that told of a fault once, far from the start."""


@pytest.mark.parametrize("start", range(0, 8_000, 2_000))
def test_a_plain_oracle_of_the_rules_agrees(start: int) -> None:
    """Hundreds of thousands: `PYTHONPATH=.:lambdas python -m tests.oracle 300000`."""
    verdicts: Counter[Verdict] = Counter()
    seeds = [*range(start, start + 2_000), *FOUND]
    assert [words for seed in seeds if (words := disagreement(seed, verdicts))] == []
    assert min(verdicts[v] for v in (Verdict.MATCHED, Verdict.IGNORED_ONLY, Verdict.MISMATCHED))
