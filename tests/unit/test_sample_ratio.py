"""The candidate has the share of users asked for: what is no chance is told, and no more."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from analysis.users import Users
from operations.flag import FlagWriterError
from operations.sample_ratio import SampleRatio
from shadow_runtime.contract import Stage, Variant
from shadowctl.route import Route
from tests.fakes import FakeAppConfig
from tests.unit.flags import ADA, at, flag_on
from tests.unit.guarded import Aws

DAY = timedelta(days=1)
LATER = datetime.fromtimestamp(0, UTC) + 2 * DAY
REQUESTS = 1_000_000
LAUNCHES = 20_000
TENTH = Stage.canary(percent=10)


def ratio(share: float, asked: float = 10, *, users: float = 50_000, **more: int) -> SampleRatio:
    """After a day of a million requests, `share` percent of which the candidate answered."""
    candidate = round(REQUESTS * share / 100)
    nobody = dict.fromkeys(("testers", "unkeyed", "writes", "unread"), 0)
    counts = {**nobody, "control": REQUESTS - candidate, **more}
    return SampleRatio(
        asked_percent=asked, since=LATER - DAY, users=users, candidate=candidate, **counts
    )


# Told, and not told


@pytest.mark.parametrize("share", [0, 5, 20, 100])
def test_a_broken_split_is_told_and_holds_a_raise(share: float) -> None:
    said = ratio(share).objection
    assert said.startswith(
        f"the candidate has {share} % of the requests since 1970-01-02 00:00 UTC"
    )
    assert "10 % of the users were asked for" in said


@pytest.mark.parametrize("share", [7.5, 9.9, 10, 10.1, 12.5])
def test_what_chance_may_do_is_not_told(share: float) -> None:
    assert ratio(share).objection == ""


@pytest.mark.parametrize("kind", ["equal", "unequal"])
@pytest.mark.parametrize("users", [50, 1_000, 20_000, 200_000, 1_000_000])
@pytest.mark.parametrize("asked", [1, 5, 10, 20, 50])
def test_no_healthy_launch_is_told(kind: str, users: int, asked: int) -> None:
    rng = np.random.default_rng(users + asked)
    crowd = (Users.equal if kind == "equal" else Users.unequal)(users)
    parts = crowd.draw(LAUNCHES, rng, 0.0, percent=asked, by_record=False).part
    furthest = [float(parts.min()), float(parts.max())]
    assert [ratio(100 * part, asked, users=users).objection for part in furthest] == ["", ""]


@pytest.mark.parametrize(("users", "told"), [(32_100, False), (32_300, True)])
def test_where_chance_may_take_half_of_what_was_asked_for_nothing_is_said(
    users: int, told: bool
) -> None:
    assert bool(ratio(100, users=users).objection) is told


def test_testers_may_be_as_busy_as_anybody() -> None:
    assert ratio(5, testers=0).objection
    assert not ratio(5, testers=20).objection


@pytest.mark.parametrize(
    ("unkeyed", "writes", "unread", "told"),
    [
        (0, 0, 0, ""),
        (50_000, 49_000, 0, ""),
        (120_000, 0, 0, "10.7"),
        (0, 120_000, 0, "10.7"),
        (0, 0, 110_000, "11"),
    ],
)
def test_a_canary_that_is_smaller_for_want_of_users_or_reads_or_of_a_flag_is_told(
    unkeyed: int, writes: int, unread: int, told: str
) -> None:
    notice = ratio(10, unkeyed=unkeyed, writes=writes, unread=unread).notice
    assert notice.startswith(f"{told} % of the requests") if told else notice == ""


def test_a_few_requests_without_a_user_are_no_notice() -> None:
    few = SampleRatio(
        asked_percent=10,
        since=LATER,
        users=50,
        testers=0,
        candidate=1,
        control=8,
        unkeyed=90,
        writes=0,
        unread=0,
    )
    assert few.notice == ""


def route(appconfig: FakeAppConfig, found: SampleRatio) -> Route:
    return Route(
        "GetUser",
        "get-user",
        flag_on(appconfig),
        Stage.LIVE,
        Aws().read,
        "route",
        lambda: found,
        lambda: ADA,
    )


def test_nobody_more_is_exposed_while_the_split_is_broken() -> None:
    appconfig = at(TENTH)
    broken = route(appconfig, ratio(5))
    with pytest.raises(FlagWriterError, match="nobody is exposed: the candidate has 5 % of the"):
        broken.move(Stage.LIVE, why="a test", progress=lambda *_: None)
    assert appconfig.writes == []
    assert "now at shadow" in broken.move(Stage.SHADOW, why="a test", progress=lambda *_: None)


def test_a_split_as_asked_for_holds_nobody_back() -> None:
    moved = route(at(TENTH), ratio(10.1)).move(Stage.LIVE, why="a test", progress=lambda *_: None)
    assert "now at live" in moved


# Read


class Counted(Aws):
    """A route's metrics, by the side or by their names; two pages of them."""

    def __init__(self, **sums: float) -> None:
        super().__init__()
        self.sums = sums
        self.asked: dict[str, Any] = {}

    def _GetMetricData(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.asked = given
        results = [
            {
                "Id": query["Id"],
                "Timestamps": [given["StartTime"]],
                "Values": [self.sums.get(counted(query["MetricStat"]["Metric"]), 0) / 2],
            }
            for query in given["MetricDataQueries"]
        ]
        more = {} if "NextToken" in given else {"NextToken": "more"}
        return {"MetricDataResults": results, **more}


def counted(metric: dict[str, Any]) -> str:
    sides = [each["Value"] for each in metric["Dimensions"] if each["Name"] == "Variant"]
    return str([*sides, metric["MetricName"]][0]).lower()


def read(
    aws: Counted, appconfig: FakeAppConfig, *, ceiling: Stage = Stage.LIVE, now: datetime = LATER
) -> SampleRatio | None:
    return SampleRatio.read(
        aws.client("cloudwatch"),
        flag_on(appconfig),
        route="GetUser/get-user",
        ceiling=ceiling,
        users=50_000,
        now=now,
    )


def test_requests_are_counted_by_the_side_that_was_drawn_since_everybody_had_the_flag() -> None:
    aws = Counted(candidate=100, control=990, fallbacks=30, unkeyed=20, writes=40, unread=7)
    found = read(aws, at(TENTH, candidate_users=("ada",), control_users=("ada", "bob")))
    assert found is not None
    assert (found.candidate, found.control) == (100, 900)
    assert (found.unkeyed, found.writes, found.unread) == (20, 40, 7)
    assert (found.asked_percent, found.testers, found.share_percent) == (10, 2, 10)
    assert found.users == 50_000
    assert found.since == datetime.fromtimestamp(0, UTC) + timedelta(minutes=2)
    metrics = [query["MetricStat"]["Metric"] for query in aws.asked["MetricDataQueries"]]
    assert {metric["Namespace"] for metric in metrics} == {"ShadowCanary"}
    assert {d["Value"] for metric in metrics for d in metric["Dimensions"]} == {
        "GetUser/get-user",
        *(variant.value for variant in Variant),
    }


def test_only_the_users_that_can_have_come_count() -> None:
    found = read(Counted(), at(TENTH), now=datetime.fromtimestamp(0, UTC) + DAY / 4)
    assert found is not None
    assert found.users == pytest.approx(12_500, rel=0.01)


def test_the_ceiling_says_what_was_asked_for_where_it_is_lower() -> None:
    found = read(Counted(), at(TENTH), ceiling=Stage.canary(percent=2))
    assert found is not None
    assert found.asked_percent == 2


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW, Stage.LIVE, Stage.COMPLETE])
def test_where_no_share_is_asked_for_there_is_none(stage: Stage) -> None:
    assert read(Counted(), at(stage)) is None


def test_while_the_flag_moves_nothing_is_compared() -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.deploy(at(TENTH).versions[1], "raise0")
    assert read(Counted(), appconfig) is None
