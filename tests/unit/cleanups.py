"""What a clean-up sees of a route, for a test to spoil."""

from datetime import UTC, datetime, timedelta
from typing import Any

from judge import Verdict
from operations.answers import Answers
from operations.clean_up import Judged, Seen
from shadow_runtime.contract import Stage

DUE = datetime(2030, 1, 14, 9, tzinfo=UTC)
QUIET = Answers(control=0, candidate=9_000, until=DUE)
VERDICTS = {
    Verdict.PASS: Judged(Verdict.PASS, ()),
    Verdict.INCONCLUSIVE: Judged(Verdict.INCONCLUSIVE, ("INCONCLUSIVE: 7 pairs",)),
    Verdict.FAIL: Judged(Verdict.FAIL, ("FAIL: 9 of 10 pairs differ",)),
}


def seen(stage: Stage | None, *, day: float = 0, verdict: str = "PASS", **instead: Any) -> Seen:
    """Where all is as it should be, except for what is given."""
    usual: dict[str, Any] = {
        "now": DUE + timedelta(days=day),
        "due": DUE,
        "stage": stage,
        "is_running": False,
        "is_paused": False,
        "is_retired": False,
        "judged": VERDICTS[Verdict(verdict)],
        "answers": QUIET,
        "red": [],
        "doubts": [],
    }
    return Seen(**usual | instead)
