"""The transition table where it counts: nobody jumps, and the way to `off` is never shut."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localaws import environment
from localaws.evidence import counted
from localaws.up import Local
from operations.actions import clean_up, roll_back
from operations.alarms import AlarmNotification
from operations.ceiling import hold
from operations.clean_up import Seen
from operations.flag import FlagWriterError, HostedFlag
from operations.moves import add_tester, advance, move, unopposed
from operations.settings import OperationsSettings
from operations.transitions import Transitions, Who, Writer
from shadow_runtime.contract import FLAG_KEY, Position, Stage, flag_document
from tests.local.crowd import ON_CANDIDATE, Crowd
from tests.local.deployed import Deployed
from tests.local.way_back import call, exposure, is_off, rollbacks, rolled_back
from tests.unit.cleanups import seen

ROOT = Path(__file__).parents[2]
ONE, FIVE = Stage.canary(percent=1), Stage.canary(percent=5)
LADDER = [Stage.OFF, Stage.SHADOW, ONE, FIVE, Stage.LIVE, Stage.COMPLETE]
PAIRS = [(before, after) for before in LADDER for after in LADDER]
WHO = Who(Writer.PERSON, "arn:aws:iam::000000000000:user/ada")
RED = AlarmNotification("a", "ALARM", "", "", "2030-01-09T03:00:00.000+0000")
VALIDATOR = "FlagValidatorFunction"


@pytest.fixture
def unbound(canary: Deployed) -> Iterator[HostedFlag]:
    """The flag under the highest ceiling, for its writers and its validator alike.

    And of a route without a dataset, which could not be at any phase that a stage needs.
    """
    with canary.kept(VALIDATOR):
        canary.set(
            VALIDATOR,
            SHADOW_CANARY_CEILING="complete",
            SHADOW_CANARY_RAMP="",
            SHADOW_CANARY_DATASET="",
        )
        yield flag_of(canary, Transitions())


def flag_of(deployed: Deployed, transitions: Transitions) -> HostedFlag:
    variables = deployed.configuration("Operations")["Environment"]["Variables"]
    flag = HostedFlag.of(deployed.aws.client("appconfig"), OperationsSettings.of(variables))
    flag.transitions = transitions
    return flag


def console(flag: HostedFlag, after: Stage, override: str = "") -> None:
    """What a console user saves, who knows no table."""
    document = flag_document(Position(after))
    document["values"][FLAG_KEY]["override"] = override
    flag.deploy(document, after=flag.deployed(), raising=False, description="")


def at(flag: HostedFlag, stage: Stage) -> None:
    with flag.unvalidated():
        console(flag, stage)


def test_nobody_jumps_by_shadowctl_or_in_a_console_at_any_pair_of_stages(
    unbound: HostedFlag,
) -> None:
    for before, after in PAIRS:
        refusal = Transitions().refusal(before, after)
        at(unbound, before)
        if refusal is None:
            console(unbound, after)
            assert unbound.deployed().position.stage == after
            at(unbound, before)
            assert by_person(unbound, after) is (before != after)
        else:
            with pytest.raises(ClientError, match="skips"):
                console(unbound, after)
            with pytest.raises(FlagWriterError, match="skips"):
                by_person(unbound, after)
            assert unbound.deployed().position.stage == before
            by_person(unbound, after, override="incident 7")
        assert unbound.deployed().position.stage == after


def test_the_ramp_raises_by_one_stage_at_any_pair_of_stages_and_no_further(
    unbound: HostedFlag,
) -> None:
    for before, after in (pair for pair in PAIRS if pair[0] < pair[1]):
        at(unbound, before)
        if Transitions().refusal(before, after) is None:
            assert by_ramp(unbound, after)
            assert unbound.deployed().position.stage == after
        else:
            with pytest.raises(FlagWriterError, match="skips"):
                by_ramp(unbound, after)
            assert unbound.deployed().position.stage == before


def by_ramp(flag: HostedFlag, after: Stage) -> bool:
    who = Who(Writer.RAMP, "tick")
    return advance(flag, after, upon=flag.deployed(), who=who, why="a test", objections=unopposed)


def by_person(flag: HostedFlag, after: Stage, override: str = "") -> bool:
    return move(flag, after, who=WHO, why="a test", objections=unopposed, override=override)


def test_whatever_a_machine_does_at_any_stage_is_let_through_and_never_up(
    unbound: HostedFlag,
) -> None:
    writers: dict[str, Callable[[Who], object]] = {
        "rollback": lambda who: roll_back(unbound, RED, who=who),
        "cleanup": lambda who: clean_up(unbound, failed(unbound), who=who),
        "deploy": lambda who: hold(unbound, old=Stage.LIVE, new=Stage.SHADOW, who=who),
    }
    for name, write in writers.items():
        for number, before in enumerate(LADDER):
            at(unbound, before)
            write(Who(Writer(name), str(number)))
            after = unbound.deployed().position.stage
            assert after <= before
            assert after <= Stage.SHADOW
            if after != before:
                [newest] = unbound.history(last=1)
                assert newest.change
                assert (newest.change.who.writer, newest.change.before) == (name, before)


def failed(flag: HostedFlag) -> Seen:
    return seen(flag.deployed().stage, verdict="FAIL")


def test_a_console_user_who_gives_a_reason_may_jump_once_and_never_over_the_ceiling(
    unbound: HostedFlag, canary: Deployed
) -> None:
    at(unbound, Stage.OFF)
    console(unbound, Stage.LIVE, override="incident 7")
    console(unbound, Stage.OFF, override="incident 7")
    with pytest.raises(ClientError, match="skips shadow"):
        console(unbound, Stage.LIVE, override="incident 7")
    canary.set(VALIDATOR, SHADOW_CANARY_CEILING="canary(5%)")
    with pytest.raises(ClientError, match="over the ceiling"):
        console(unbound, Stage.LIVE, override="another reason")


def test_of_writers_at_the_same_time_none_loses_what_it_wrote(canary: Deployed) -> None:
    testers = [f"tester-{number}" for number in range(4)]
    before = canary.flag.deployed().number

    def add(user: str) -> bool:
        return add_tester(canary.flag, user, who=Who(Writer.PERSON, user), why="a test")

    with ThreadPoolExecutor(len(testers)) as threads:
        assert [*threads.map(add, testers)] == [True] * len(testers)
    assert {*testers} <= {*canary.flag.deployed().position.candidate_users}
    made = [each.change for each in canary.flag.history() if each.number > before]
    assert {each.who.name for each in made if each} == {*testers}


def test_nonsense_is_not_deployed(canary: Deployed) -> None:
    for document in ({"nonsense": 1}, {**flag_document(Position.OFF), "values": {}}):
        with pytest.raises(ClientError, match="no document of a flag 'migration'"):
            canary.flag.deploy(
                document, after=canary.flag.deployed(), raising=False, description=""
            )


def breaks(deployed: Deployed) -> None:
    deployed.put_code(VALIDATOR, {"operations/validator.py": "raise SystemError('broken')"})


def throttles(deployed: Deployed) -> None:
    deployed.aws.client("lambda").put_function_concurrency(
        FunctionName=deployed.name(VALIDATOR), ReservedConcurrentExecutions=0
    )


@pytest.mark.parametrize("spoil", [breaks, throttles])
def test_a_validator_that_fails_keeps_nobody_from_off_and_lets_nobody_up(
    canary: Deployed, spoil: Callable[[Deployed], None]
) -> None:
    before, flag = len(rollbacks(canary)), flag_of(canary, Transitions())
    with canary.kept(VALIDATOR):
        spoil(canary)
        with pytest.raises(
            FlagWriterError, match="AppConfig does not deploy it: Error invoking Lambda"
        ):
            by_person(flag, Stage.canary(percent=0.02))
        call(canary, exposure(canary)[0])  # operations, with what its role may do
        rolled_back(canary, before)
        assert is_off(canary)
        with pytest.raises(FlagWriterError, match="AppConfig does not deploy it"):
            by_person(flag, Stage.SHADOW)
        canary.aws.client("lambda").delete_function_concurrency(FunctionName=canary.name(VALIDATOR))
    [newest] = flag.history(last=1)
    assert newest.change
    assert "Lambda" in str(newest.change.evidence["validator"])
    assert by_person(flag, Stage.SHADOW), "the validator is asked again"
    with pytest.raises(ClientError, match="live is over the ceiling"):
        console(flag, Stage.LIVE)


def test_off_is_in_force_everywhere_when_it_says_so(
    local: Local, canary: Deployed, crowd: Crowd, tmp_path: Path
) -> None:
    """Users ask all the time; what it measures stands in docs/operate.md."""
    asking = threading.Event()
    asking.set()

    def ask() -> None:
        while asking.is_set():
            crowd.asks()

    users = threading.Thread(target=ask)
    users.start()
    pressed = time.time()
    ran = subprocess.run(
        [sys.executable, "-m", "shadowctl", "off", "GetUser", "--json"],
        env=environment.client(tmp_path, local.endpoint),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    [done] = json.loads(ran.stdout)["routes"]
    since, in_force = (datetime.fromisoformat(done[each]) for each in ("since", "in_force"))
    assert is_off(canary)
    time.sleep(in_force.timestamp() - time.time() + 3)
    asking.clear()
    users.join()
    answered = [
        line["_aws"]["Timestamp"] / 1_000
        for line in canary.lines("Route", since=pressed)
        if counted(line, "Requests", Variant="candidate")
    ]
    late = [at for at in answered if at > in_force.timestamp()]
    assert len(late) <= len(ON_CANDIDATE), "one more request of each environment"
    assert max(answered) < in_force.timestamp() + 2
    print(
        f"off in {since.timestamp() - pressed:.1f} s from the keypress; the last user met the "
        f"candidate {max(answered) - pressed:.1f} s after it"
    )
