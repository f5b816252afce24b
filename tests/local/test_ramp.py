"""The ramp with what its role may do: a healthy candidate climbs by ticks, a bad one goes back."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from judge import Ramp
from operations.counts import candidate_versions
from operations.moves import move, pause, unopposed
from operations.transitions import Who, Writer
from shadow_runtime.contract import Stage
from shadowctl.route import Route
from tests.local.deployed import Deployed

ADA = Who(Writer.PERSON, "arn:aws:iam::000000000000:user/ada")
RAMP = Ramp(percents=(1, 2), dwell=timedelta(seconds=1))
NAME = "GetUser/ramped"
"""Other counts than those of the other tests."""

VALIDATOR = "FlagValidatorFunction"


@pytest.fixture
def ramped(canary: Deployed) -> Iterator[Deployed]:
    """The deployed route at `off`, with two steps and hardly a dwell."""
    with canary.kept("Operations"), canary.kept(VALIDATOR):
        canary.set("Operations", SHADOW_CANARY_RAMP=str(RAMP), SHADOW_CANARY_ROUTE=NAME)
        canary.set(VALIDATOR, SHADOW_CANARY_RAMP=str(RAMP))
        raised(canary, Stage.OFF)
        yield canary


def raised(deployed: Deployed, to: Stage) -> None:
    flag = Route.find("GetUser", deployed.aws).flag
    move(flag, to, who=ADA, why="a test", objections=unopposed)


def ticked(deployed: Deployed) -> dict[str, Any]:
    """What operations says of a tick, once the dwell is over."""
    time.sleep(RAMP.dwell.total_seconds() + 0.2)
    answer = deployed.aws.client("lambda").invoke(
        FunctionName=deployed.name("Operations"), Payload=json.dumps({"action": "ramp"})
    )
    done: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, done
    deployed.flag.wait(deployed.flag.deployed().number, lambda *_: None)
    return done


def write(deployed: Deployed, *, mismatched: int = 0) -> None:
    """The counts of 4,000 copies, and of 400 users on the candidate."""
    [version] = candidate_versions(deployed.aws.client("lambda"), deployed.name("Route"))
    pairs, users = {"AskedAgain": "1"}, {"Variant": "candidate"}
    counted: list[tuple[str, dict[str, str], int]] = [
        ("Compared", pairs, 4_000),
        ("Mismatched", pairs, mismatched),
        ("Compared", users, 400),
        ("Requests", users, 400),
    ]
    data: list[Any] = [
        {
            "MetricName": name,
            "Dimensions": [
                {"Name": key, "Value": value}
                for key, value in {"Route": NAME, "CandidateVersion": version, **by}.items()
            ],
            "Timestamp": datetime.now(UTC),
            "Value": value,
        }
        for name, by, value in counted
    ]
    deployed.aws.client("cloudwatch").put_metric_data(Namespace="ShadowCanary", MetricData=data)


def test_a_healthy_candidate_climbs_by_ticks_and_a_bad_one_is_taken_back_and_stays(
    ramped: Deployed,
) -> None:
    assert "a person begins" in ticked(ramped)["why"]
    raised(ramped, Stage.SHADOW)
    unproven = ticked(ramped)
    assert unproven["outcome"] == "hold"
    assert unproven["why"].startswith("0 of 100 pairs compared at this stage; INCONCLUSIVE")
    write(ramped)
    pause(ramped.flag, True, who=ADA, why="lunch")
    assert ticked(ramped)["why"] == "paused, until a person resumes it"
    pause(ramped.flag, False, who=ADA, why="back")
    for step in RAMP.stages:
        done = ticked(ramped)
        assert (done["outcome"], done["changed"], done["to"]) == ("advance", True, str(step)), done
        [newest] = ramped.flag.history(last=1)
        assert newest.change
        assert newest.change.who.writer == Writer.RAMP
        assert newest.change.evidence["verdict"] == "PASS"
        assert newest.change.evidence["pairs at this stage"] in (400, 4_000, 4_400)
        write(ramped)  # what comes at the new stage
    assert ticked(ramped)["outcome"] == "done"
    write(ramped, mismatched=400)
    done = ticked(ramped)
    assert (done["outcome"], done["to"]) == ("roll back", "off")
    for _ in range(2):
        held = ticked(ramped)
        assert held["outcome"] == "hold"
        assert "(from canary(2%) to off): a person begins" in held["why"]
    assert ramped.flag.deployed().position.stage == Stage.OFF
