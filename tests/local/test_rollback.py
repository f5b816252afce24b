"""A candidate that fails, answers wrong or is slow takes itself back: from log lines to `off`."""

import contextlib
import time
from collections.abc import Iterator

from localaws.up import Local
from tests.local.crowd import CANARY, ON_CANDIDATE, Crowd
from tests.local.deployed import Deployed, awaited, watched
from tests.local.way_back import is_off, rollbacks, rolled_back, settled

SLOW = """
import time

from routes.get_user.quick import handler as quick

def handler(event, context):
    time.sleep(0.45)
    return quick(event, context)
"""


@contextlib.contextmanager
def broken(canary: Deployed, by: str, repaired_by: str) -> Iterator[None]:
    with canary.database() as connection:
        connection.execute(by)
        yield
        connection.execute(repaired_by)


def test_a_failing_candidate_takes_its_users_back_and_none_of_them_sees_an_error(
    local: Local, canary: Deployed, crowd: Crowd
) -> None:
    before = len(rollbacks(canary))
    with (
        watched(local),
        broken(canary, "ALTER TABLE users RENAME TO lost", "ALTER TABLE lost RENAME TO users"),
    ):
        seen = crowd.asks_until(lambda: is_off(canary))
        evidence = rolled_back(canary, before)
    assert {answer.status for answer in seen} == {200}
    assert not any(answer.is_wrong for answer in seen)
    rates = ("candidate-error-rate", "candidate-mismatch-rate")
    assert evidence["alarm"] in [f"GetUser-get-user-{rate}" for rate in rates]
    assert "Threshold Crossed" in evidence["reason"]
    assert sum(evidence["versions"].values()) == 1


def test_wrong_answers_alone_take_their_users_back_and_are_counted(
    local: Local, canary: Deployed, crowd: Crowd
) -> None:
    before = len(rollbacks(canary))
    served_before = canary.count("Shadow", "Mismatched", Variant="candidate")
    with (
        watched(local),
        broken(
            canary,
            "UPDATE users SET name = name || '!'",
            "UPDATE users SET name = left(name, -1) WHERE name LIKE '%!'",
        ),
    ):
        seen = crowd.asks_until(lambda: is_off(canary))
        evidence = rolled_back(canary, before)
    assert {answer.status for answer in seen} == {200}
    assert evidence["alarm"] == "GetUser-get-user-candidate-mismatch-rate"
    wrong = [answer for answer in seen if answer.is_wrong]
    assert {answer.user for answer in wrong} <= set(ON_CANDIDATE)

    def counted() -> float:
        return canary.count("Shadow", "Mismatched", Variant="candidate") - served_before

    assert 0 < awaited(counted, len(wrong)) <= len(wrong) + len(ON_CANDIDATE)


def test_a_slow_candidate_takes_its_users_back(
    local: Local, canary: Deployed, crowd: Crowd
) -> None:
    before = len(rollbacks(canary))
    quick = canary.files("Candidate")["routes/get_user/candidate.py"]
    with canary.kept("Candidate"):
        canary.put_code(
            "Candidate",
            {"routes/get_user/candidate.py": SLOW, "routes/get_user/quick.py": quick},
        )
        settled(canary, crowd)
        with watched(local):
            seen = crowd.asks_until(lambda: is_off(canary))
            evidence = rolled_back(canary, before)
    assert {answer.status for answer in seen} == {200}
    assert not any(answer.is_wrong for answer in seen)
    assert evidence["alarm"] == "GetUser-get-user-candidate-latency-ratio"


def test_a_healthy_canary_stays_where_it_is(local: Local, canary: Deployed, crowd: Crowd) -> None:
    with watched(local):
        for _ in range(4):  # too few for a percentile, which a busy machine would spoil
            crowd.asks()
        time.sleep(5)
    assert canary.flag.deployed().position.stage == CANARY.stage
