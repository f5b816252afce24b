"""What an operator reads: the stage, the alarms, and what the metrics of CloudWatch prove."""

from datetime import UTC, datetime, timedelta
from typing import Any

from judge import Counts, Tolerances
from localaws.up import Local
from shadowctl.route import Route
from shadowctl.status import counted, status
from tests.local.deployed import Deployed
from tests.local.way_back import exposure, set_state

WRITTEN = {
    ("Compared", ""): 6_000,
    ("Mismatched", ""): 2,
    ("CandidateErrors", ""): 1,
    ("Empty", ""): 40,
    ("Refused", ""): 50,
    ("FirstSight", ""): 7,
    ("Unsettled", ""): 5,
    ("NoiseCompared", ""): 300,
    ("Noise", ""): 3,
    ("Requests", "candidate"): 100,
    ("Faults", "candidate"): 15,
    ("Requests", "control"): 5_900,
    ("Faults", "control"): 4,
}


def write(local: Local, route: str, at: datetime) -> None:
    data: list[Any] = [
        {
            "MetricName": name,
            "Dimensions": [
                {"Name": "Route", "Value": route},
                *([{"Name": "Variant", "Value": variant}] if variant else []),
            ],
            "Timestamp": at,
            "Value": value,
        }
        for (name, variant), value in WRITTEN.items()
    ]
    local.session().client("cloudwatch").put_metric_data(Namespace="ShadowCanary", MetricData=data)


def test_the_judge_is_given_what_the_functions_counted_since_then(local: Local) -> None:
    now = datetime.now(UTC)
    for hours in (1, 2, 30):  # the last is before the time asked for
        write(local, "counted", now - timedelta(hours=hours))
    cloudwatch = local.session().client("cloudwatch")
    assert counted(cloudwatch, "counted", since=now - timedelta(hours=24)) == Counts(
        pairs=12_000,
        mismatches=6,
        empty=80,
        refused=100,
        first_sights=14,
        unsettled=10,
        hours=2,
        noise_pairs=600,
        noise=6,
        candidate_requests=200,
        candidate_faults=30,
        control_requests=11_800,
        control_faults=8,
    )


def test_the_status_says_where_a_route_is_what_is_red_and_what_is_proven(
    local: Local, canary: Deployed
) -> None:
    cloudwatch, route = local.session().client("cloudwatch"), Route.find("GetUser", canary.aws)
    told = [*status(route, cloudwatch, hours=1, tolerances=Tolerances())]
    assert told[:3] == [
        "get-user: at canary(0.01%), ceiling canary(2%)",
        "none of the 3 exposure alarms is in ALARM, and each can act",
        "CloudWatch knows no mute rules here, so that none mutes an alarm",
    ]
    assert all(line.startswith(("PASS", "FAIL", "INCONCLUSIVE")) for line in told[3:])
    set_state(canary, exposure(canary)[2], "ALARM")
    told = [*status(route, cloudwatch, hours=1, tolerances=Tolerances())]
    assert told[1].startswith("in ALARM: GetUser-get-user-candidate-latency-ratio. ")
