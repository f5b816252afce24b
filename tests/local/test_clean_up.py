"""The clean-up, deployed: it retires what is proven, and waits a week for what is not."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shadow_runtime.contract import Position, Stage, Variable, flag_document
from tests.local.deployed import Deployed

ROUTE = "CleanUp/get-user"
"""Nothing of another test is counted under this name."""

PROVEN: list[tuple[str, dict[str, str], int]] = [
    ("Compared", {"AskedAgain": "1"}, 20_000),
    ("Requests", {"Variant": "candidate"}, 5_000),
    ("Compared", {"Variant": "candidate"}, 5_000),
]


@pytest.fixture
def route(canary: Deployed) -> Iterator[Deployed]:
    with canary.kept("Candidate"), canary.kept("Operations"):
        canary.set("Operations", SHADOW_CANARY_ROUTE=ROUTE, SHADOW_CANARY_CEILING="complete")
        yield canary


def test_a_profile_is_kept_as_long_as_it_has_versions_as_on_aws(canary: Deployed) -> None:
    settings = canary.configuration("Operations")["Environment"]["Variables"]
    with pytest.raises(ClientError, match="there are still hosted configuration versions existing"):
        canary.aws.client("appconfig").delete_configuration_profile(
            ApplicationId=settings[Variable.FLAG_APPLICATION],
            ConfigurationProfileId=settings[Variable.FLAG_PROFILE],
        )


def count(route: Deployed, name: str, value: int, **by: str) -> None:
    """As the route's functions would have, half an hour ago."""
    dimensions = [{"Name": key, "Value": each} for key, each in {"Route": ROUTE, **by}.items()]
    data: Any = {
        "MetricName": name,
        "Dimensions": dimensions,
        "Timestamp": datetime.now(UTC) - timedelta(minutes=30),
        "Value": value,
    }
    route.aws.client("cloudwatch").put_metric_data(Namespace="ShadowCanary", MetricData=[data])


def cleaned(route: Deployed, *, action: str = "rearm", day: int) -> dict[str, Any]:
    """What operations did, asked as the scheduler asks it so many days after it was due."""
    due = datetime.now(UTC) - timedelta(days=day)
    asked = route.aws.client("lambda").invoke(
        FunctionName=route.name("Operations"),
        Payload=json.dumps({"action": action, "due": due.isoformat()}),
    )
    done: dict[str, Any] = json.loads(asked["Payload"].read())
    assert "FunctionError" not in asked, done
    return done


def test_what_is_proven_and_quiet_is_retired_and_what_is_not_waits_a_week_and_goes_to_off(
    route: Deployed,
) -> None:
    version = route.renew("Candidate").rpartition(":")[2]
    arn = f"{route.configuration('Candidate')['FunctionArn']}:{version}"
    route.set("Route", SHADOW_CANARY_CANDIDATE=arn)
    route.renew("Route")
    assert cleaned(route, action="cleanup", day=0)["outcome"] == "re-armed"
    waiting = cleaned(route, day=6)
    assert (waiting["outcome"], waiting["changed"]) == ("re-armed", False)
    assert waiting["lacks"][0].startswith("it is at canary(")
    lacks = "\n".join(waiting["lacks"])
    assert "INCONCLUSIVE: no pairs yet" in lacks
    assert "cannot be seen" not in lacks
    ended = cleaned(route, day=7)
    assert (ended["outcome"], ended["changed"]) == ("off", True)
    assert route.flag.deployed().position.stage == Stage.OFF

    route.deploy(flag_document(Position(Stage.COMPLETE)))
    for name, by, value in PROVEN:
        count(route, name, value, CandidateVersion=version, **by)
    assert cleaned(route, day=0, action="cleanup")["outcome"] == "re-armed", "nobody was asked"
    count(route, "Requests", 4_000, Variant="candidate")
    retired = cleaned(route, day=1)
    assert (retired["outcome"], retired["changed"], retired["lacks"]) == ("retired", True, [])
    assert route.flag.deployed().deprecated_on == f"{datetime.now(UTC):%Y-%m-%d}"
    assert cleaned(route, day=2)["changed"] is False
    change = route.flag.history()[-1].change
    assert change is not None
    assert (change.who.writer, change.evidence["candidate answered"]) == ("cleanup", 4_000)
