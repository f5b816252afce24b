"""Users write while copies wait: the shadow itself, on a clock that is played."""

import numpy as np
import pytest

from bench.compare_races import ANSWER_S, COPIES, RATES, replay


@pytest.mark.parametrize("lag_s", [1, 30, 59])
@pytest.mark.parametrize("each_s", RATES.values(), ids=RATES)
def test_what_users_write_while_copies_wait_takes_nobody_back(each_s: float, lag_s: float) -> None:
    """The table: `python -m bench.compare_races`."""
    found = replay(each_s, lag_s)
    assert len(found.first) == COPIES
    expected = 1 - np.exp(-(lag_s + ANSWER_S) / each_s)
    spread = 4 * np.sqrt(COPIES * expected) + 2
    assert sum(found.first) == pytest.approx(COPIES * expected, abs=spread)
    assert sum(found.confirmed) <= 1, "of which every alarm needs two"
    assert found.rollbacks == 0
