"""A writer that is killed at any step loses nothing and doubles nothing. `make soak` kills 200."""

from pathlib import Path

from tests.local.killed import POINTS, kill_all, killed


def test_whoever_asks_again_after_a_kill_finds_the_write_done_once(tmp_path: Path) -> None:
    with killed(tmp_path, delay_s=1) as dataset:
        kill_all(dataset, 3 * len(POINTS))
    assert dataset.kills > 2 * len(POINTS)
