"""Real faults in the deployed system: every user is answered, and each fault is counted."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from localaws.up import Local
from operations.moves import move, unopposed
from operations.transitions import Who, Writer
from shadow_runtime.contract import POLL_INTERVAL, Position, Stage
from tests.local.deployed import Deployed, Gate, awaited
from tests.local.traffic import Traffic

CONTROL, CANDIDATE = "user-007", "user-008"
"""A user of each side, by the flag."""

DEADLINE = 2.0
BREAKER_OPENS_AFTER = 5
AT_CANARY = Position(Stage.canary(percent=0.01), candidate_users=(CANDIDATE,))
AT_SHADOW = Position(Stage.SHADOW)


@pytest.fixture(scope="module")
def gate(local: Local) -> Iterator[Gate]:
    with Gate(local.endpoint).open() as gate:
        yield gate


@pytest.fixture(scope="module")
def deployed(local: Local, gate: Gate) -> Iterator[Deployed]:
    found = Deployed(local)
    with found.kept("Route"), found.flag_kept():
        found.set(
            "Route",
            AWS_ENDPOINT_URL_APPCONFIGDATA=gate.url,
            # By name: the embedded AWS throttles no version.
            SHADOW_CANARY_CANDIDATE=found.newest("Candidate"),
        )
        yield found


@pytest.fixture(scope="module")
def tokens(local: Local) -> dict[str, str]:
    return local.tokens([CONTROL, CANDIDATE])


@pytest.fixture
def canary(deployed: Deployed, tokens: dict[str, str]) -> Traffic:
    """A new environment whose candidate answers one user, and well."""
    deployed.set("Route", SHADOW_CANARY_CANDIDATE_DEADLINE_MS=str(int(1_000 * DEADLINE)))
    deployed.at(AT_CANARY)
    awaited(lambda: answers_well(deployed, tokens), True)
    return Traffic(deployed, tokens)


def answers_well(deployed: Deployed, tokens: dict[str, str]) -> bool:
    """Whether the candidate does: one that begins may miss its deadline, one that hung is new."""
    asked = Traffic(deployed, tokens)
    asked.get(CANDIDATE)
    return asked.counted("Requests", Variant="candidate") > asked.counted("Fallbacks", 0)


@pytest.fixture
def shadowed(deployed: Deployed, tokens: dict[str, str]) -> Traffic:
    """A new environment that copies every request, none of which a busy machine makes late."""
    deployed.set("Route", SHADOW_CANARY_CANDIDATE_DEADLINE_MS="8000")
    deployed.at(AT_SHADOW)
    return Traffic(deployed, tokens)


@contextlib.contextmanager
def sql(deployed: Deployed, broken: str, repaired: str) -> Iterator[None]:
    with deployed.database() as connection:
        connection.execute(broken)
        try:
            yield
        finally:
            connection.execute(repaired)


def without_its_table(deployed: Deployed) -> contextlib.AbstractContextManager[None]:
    return sql(deployed, "ALTER TABLE users RENAME TO gone", "ALTER TABLE gone RENAME TO users")


def test_a_candidate_without_its_table_reaches_no_user(deployed: Deployed, canary: Traffic) -> None:
    with without_its_table(deployed):
        canary.get(CANDIDATE)
    assert canary.counted("Fallbacks") == canary.counted("Faults", Variant="candidate") == 1


def test_a_candidate_that_cannot_log_in_reaches_no_user(
    deployed: Deployed, canary: Traffic
) -> None:
    with sql(deployed, "ALTER ROLE candidate NOLOGIN", "ALTER ROLE candidate LOGIN"):
        with deployed.database() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='candidate'"
            )
        canary.get(CANDIDATE)
    assert canary.counted("Fallbacks") == canary.counted("Faults", Variant="candidate") == 1
    canary.get(CANDIDATE)
    assert canary.counted("Fallbacks") == 1


def test_a_candidate_that_hangs_costs_a_user_its_deadline_and_no_more(
    deployed: Deployed, canary: Traffic
) -> None:
    with deployed.database() as connection, connection.transaction():
        connection.execute("LOCK TABLE users")
        waited = canary.get(CANDIDATE)
    assert DEADLINE - 0.5 < waited < DEADLINE + 1
    assert canary.counted("Timeouts") == canary.counted("Fallbacks") == 1


def test_a_candidate_that_may_not_be_called_reaches_no_user(
    deployed: Deployed, canary: Traffic
) -> None:
    with deployed.denied("Route", "lambda:InvokeFunction"):
        canary.get(CANDIDATE)
    assert canary.counted("Fallbacks") == canary.counted("Faults", Variant="candidate") == 1


BAD_CODE = {
    "raises": "raise RuntimeError",
    "exits": "__import__('os')._exit(1)",
    "answers 5 MB that are no record": "return Response(status=500, body='x' * 5_000_000)",
    "answers no response": "return {'id': 'somebody'}",
}


@pytest.mark.parametrize("fault", BAD_CODE.values(), ids=BAD_CODE)
def test_bad_code_of_a_candidate_reaches_no_user(
    deployed: Deployed, tokens: dict[str, str], fault: str
) -> None:
    code = (
        "from shadow_runtime.candidate import candidate\n"
        "from shadow_runtime.http import Request, Response\n\n"
        "@candidate\n"
        f"def handler(request: Request) -> Response:\n    {fault}\n"
    )
    with deployed.kept("Candidate"), deployed.kept("Route"):
        deployed.put_code("Candidate", {"routes/get_user/candidate.py": code})
        deployed.set("Route", SHADOW_CANARY_CANDIDATE=deployed.renew("Candidate"))
        deployed.at(AT_CANARY)
        traffic = Traffic(deployed, tokens)
        traffic.get(CANDIDATE)
        assert traffic.counted("Fallbacks") == 1
        assert traffic.counted("Faults", Variant="candidate") == 1


def test_a_throttled_candidate_reaches_no_user(deployed: Deployed, canary: Traffic) -> None:
    functions, name = deployed.aws.client("lambda"), deployed.name("Candidate")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        canary.get(CANDIDATE)
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    assert canary.counted("Fallbacks") == canary.counted("Faults", Variant="candidate") == 1


def test_a_dead_candidate_costs_users_nothing_after_a_few_faults(
    deployed: Deployed, canary: Traffic
) -> None:
    with deployed.denied("Route", "lambda:InvokeFunction"):
        canary.get(CANDIDATE, times=BREAKER_OPENS_AFTER + 3)
    assert canary.counted("ShortCircuited", 3) == 3
    assert canary.counted("Fallbacks", BREAKER_OPENS_AFTER + 3) == BREAKER_OPENS_AFTER + 3


def test_a_shadow_that_may_not_be_called_changes_no_answer(
    deployed: Deployed, shadowed: Traffic
) -> None:
    with deployed.denied("Route", "lambda:InvokeFunction", on=f"*{deployed.name('Shadow')}*"):
        shadowed.get(CONTROL)
    assert shadowed.counted("TeeFailed") == 1
    shadowed.get(CONTROL)
    assert shadowed.counted("Compared", by="Shadow") == shadowed.counted("TeeFailed") == 1


def test_a_candidate_that_fails_in_the_shadow_is_counted_and_reaches_no_user(
    deployed: Deployed, shadowed: Traffic
) -> None:
    with without_its_table(deployed):
        shadowed.get(CONTROL)
        assert shadowed.counted("CandidateErrors", by="Shadow") == 1
    assert shadowed.counted("Fallbacks", 0) == 0


def test_a_shadow_that_hangs_delays_no_user(deployed: Deployed, shadowed: Traffic) -> None:
    shadowed.get(CONTROL)  # the environment begins
    assert shadowed.counted("Compared", by="Shadow") == 1
    with deployed.database() as connection, connection.transaction():
        connection.execute("LOCK TABLE users")
        assert shadowed.get(CONTROL) < 0.7
        assert shadowed.counted("Compared", by="Shadow") == 1
    assert shadowed.counted("Compared", 2, by="Shadow") == 2


def poll() -> None:
    """Waits until every execution environment must ask for the flag again."""
    time.sleep(POLL_INTERVAL + 1)


def test_the_last_good_flag_stands_while_appconfig_is_down(
    deployed: Deployed, gate: Gate, canary: Traffic
) -> None:
    with gate.closed():
        poll()
        canary.get(CANDIDATE)
    assert canary.answered_by() == "candidate"
    assert canary.flag_age() > POLL_INTERVAL


@pytest.mark.parametrize(
    "nonsense",
    [
        {"nonsense": 1},
        {"version": "1", "flags": {}, "values": {"migration": {"enabled": True, "stage": "moon"}}},
    ],
    ids=["no flag", "an unknown stage"],
)
def test_the_last_good_flag_stands_when_the_new_one_is_nonsense(
    deployed: Deployed, canary: Traffic, nonsense: object
) -> None:
    deployed.deploy(nonsense)
    poll()
    canary.get(CANDIDATE)
    assert canary.answered_by() == "candidate"
    assert canary.flag_age() > POLL_INTERVAL


def test_a_new_environment_that_finds_nonsense_serves_control_until_the_flag_is_repaired(
    deployed: Deployed, tokens: dict[str, str]
) -> None:
    deployed.deploy({"nonsense": 1})
    deployed.renew("Route")
    lost = Traffic(deployed, tokens)
    lost.get(CANDIDATE)
    assert lost.answered_by() == "control"
    assert move(
        deployed.flag,
        Stage.SHADOW,
        who=Who(Writer.PERSON, "ada"),
        why="a test",
        objections=unopposed,
        override="nonsense",
    )
    poll()
    repaired = Traffic(deployed, tokens)
    repaired.get(CANDIDATE)
    assert repaired.counted("Compared", by="Shadow") == 1
    assert repaired.flag_age() < 1
