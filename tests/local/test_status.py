"""What an operator reads: the stage, the alarms, and what the metrics of CloudWatch prove."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from judge import Counts, Scores
from localaws.up import Local
from operations.counts import candidate_versions, counted
from shadow_runtime.contract import Stage
from shadowctl.status.command import View
from shadowctl.status.seen import Status
from shadowctl.verb import ExitCode
from tests.local.deployed import Deployed
from tests.local.way_back import exposure, set_state

HOUR = timedelta(hours=1)
USERS = {"Variant": "candidate"}
FIRST, LATER = {"AskedAgain": "1"}, {"AskedAgain": "0.1"}
WRITTEN: list[tuple[str, dict[str, str], int]] = [
    ("Compared", FIRST, 5_000),
    ("Compared", LATER, 1_000),
    ("Mismatched", FIRST, 2),
    ("Mismatched", LATER, 3),
    ("CandidateErrors", FIRST, 1),
    ("Noise", FIRST, 4),
    ("Noise", LATER, 5),
    ("BothDiffer", FIRST, 6),
    ("Empty", FIRST, 40),
    ("Refused", LATER, 50),
    ("FirstSight", FIRST, 7),
    ("Unsettled", FIRST, 5),
    ("StoodIn", {}, 12),
    ("Requests", USERS, 100),
    ("Faults", USERS, 15),
    ("Compared", USERS, 33),
    ("ControlErrors", USERS, 1),
]
"""By dimensions beside the route's and the version's."""


def write(local: Local, route: str, version: str, at: datetime) -> None:
    data: list[Any] = [
        {
            "MetricName": name,
            "Dimensions": [
                {"Name": key, "Value": value}
                for key, value in {"Route": route, "CandidateVersion": version, **by}.items()
            ],
            "Timestamp": at,
            "Value": value,
        }
        for name, by, value in WRITTEN
    ]
    local.session().client("cloudwatch").put_metric_data(Namespace="ShadowCanary", MetricData=data)


def test_the_judge_is_given_all_that_was_counted_of_a_version_and_nothing_of_another(
    local: Local,
) -> None:
    now = datetime.now(UTC)
    for hours in (1, 2, 300):
        write(local, "counted", "12", now - timedelta(hours=hours))
    write(local, "counted", "11", now - timedelta(hours=1))
    found = counted(local.session().client("cloudwatch"), "counted", version="12")
    assert found is not None
    cloudwatch, release = local.session().client("cloudwatch"), now - timedelta(hours=3)
    since = counted(cloudwatch, "counted", version="12", since=release)
    assert since is not None
    assert (since.counts.pairs, since.counts.hours) == (12_000, 2)
    assert since.pairs_an_hour(now) == pytest.approx(12_000 / ((now - since.since) / HOUR))
    begun = now - timedelta(hours=300)
    assert found.since == begun.replace(minute=0, second=0, microsecond=0)
    assert found.counts == Counts(
        compared=(
            Scores(15_000, worse=9, better=12, share=1),
            Scores(3_000, worse=9, better=15, share=0.1),
        ),
        hidden=18,
        empty=120,
        refused=150,
        first_sights=21,
        unsettled=15,
        hours=3,
        asked=Scores(300, worse=36, better=3, share=34 / 85),
    )


def test_of_a_version_that_nobody_asked_nothing_is_known(local: Local) -> None:
    assert counted(local.session().client("cloudwatch"), "counted", version="99") is None


def test_the_status_says_where_a_route_is_who_guards_it_and_what_is_proven(
    local: Local, canary: Deployed
) -> None:
    view = View.of(["GetUser"], canary.aws, clock=local.clock())
    [seen] = view.look()
    assert isinstance(seen, Status)
    assert (seen.name, seen.stage, seen.ceiling) == (
        "GetUser/get-user",
        Stage.canary(percent=0.01),
        Stage.canary(percent=2),
    )
    assert (len(seen.guards), seen.red) == (3, [])
    assert not any(guard.faults for guard in seen.guards)
    assert all(guard.distance for guard in seen.guards)
    assert [seen.version, *seen.beside] == candidate_versions(
        canary.aws.client("lambda"), canary.configuration("Route")["FunctionName"]
    )
    assert seen.history[-1].number == canary.flag.deployed().number
    assert seen.clean_up is not None
    assert timedelta(days=6) < seen.clean_up - seen.now < timedelta(days=8)
    set_state(canary, exposure(canary)[2], "ALARM")
    told = view.once()
    assert told.code == ExitCode.FAIL
    assert any("RED    latency-ratio" in str(line) for line in told.shown)
