"""A nonsensical argument is refused at construction: what was given, and what to give."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codedeploy as codedeploy

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic
from stacks.platform import Platform

Service = Callable[..., ShadowCanaryService]


@pytest.fixture(scope="module")
def service(lambdas: Path) -> Service:
    app = cdk.App(context={"aws:cdk:bundling-stacks": []})
    count = iter(range(100))

    def make(**changed: Any) -> ShadowCanaryService:
        good: dict[str, Any] = {
            "route": "get-user",
            "code": RouteCode(lambdas / "routes/orders", root=lambdas),
            "launch": datetime(2030, 1, 7, 9, tzinfo=UTC),
            "ceiling": Stage.OFF,
            "expected_traffic": Traffic.per_day(1_000_000, users=50_000),
        }
        return ShadowCanaryService(
            cdk.Stack(app, f"Stack{next(count)}"), "Service", **{**good, **changed}
        )

    return make


@pytest.mark.parametrize("route", ["", "Get User", "get_user", "-users", "9lives", "x" * 41])
def test_fails_on_a_route_name_that_no_resource_could_carry(service: Service, route: str) -> None:
    with pytest.raises(ValueError, match=r"lower case letters, digits and hyphens.*got '"):
        service(route=route)


def test_fails_on_a_launch_without_a_time_zone(service: Service) -> None:
    with pytest.raises(ValueError, match=r"launch needs a time zone.*tzinfo=UTC.*got datetime"):
        service(launch=datetime(2030, 1, 7, 9))  # noqa: DTZ001 - the mistake under test


def test_fails_on_a_ceiling_that_is_no_stage(service: Service) -> None:
    with pytest.raises(ValueError, match=r"ceiling is a Stage.*got 'canary'"):
        service(ceiling="canary")


@pytest.mark.parametrize("percent", [0, -1, 100.5, float("nan"), 0.001])
def test_fails_on_a_ceiling_out_of_range(percent: float) -> None:
    with pytest.raises(ValueError, match="got "):
        Stage.canary(percent=percent)


def test_fails_when_control_would_have_no_time_left(service: Service) -> None:
    with pytest.raises(ValueError, match=r"control must have 1000 ms left.*leaves 500 ms"):
        service(timeout=cdk.Duration.seconds(3), candidate_deadline=cdk.Duration.millis(2_500))


@pytest.mark.parametrize("name", ["control.py", "candidate.py"])
def test_fails_on_a_route_folder_without_one_of_its_two_files(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "routes" / "get_order"
    folder.mkdir(parents=True)
    other = {"control.py": "candidate.py", "candidate.py": "control.py"}[name]
    (folder / other).touch()
    with pytest.raises(ValueError, match=rf"RouteCode\('.*/routes/get_order'\) needs {name} in"):
        RouteCode(folder, root=tmp_path)


def test_fails_on_a_retirement_before_launch(service: Service) -> None:
    with pytest.raises(ValueError, match="retire_after"):
        service(retire_after=cdk.Duration.days(0))


@pytest.mark.parametrize("traffic", [None, 1_000_000])
def test_fails_on_a_traffic_that_nobody_can_tell_users_from(
    service: Service, traffic: object
) -> None:
    with pytest.raises(ValueError, match=r"expected_traffic is a Traffic, such as .*; got "):
        service(expected_traffic=traffic)


@pytest.mark.parametrize("name", ["error_rate_percent", "mismatch_percent"])
@pytest.mark.parametrize("percent", [0, -1, 100, float("nan")])
def test_fails_on_a_share_that_is_always_or_never_passed(
    service: Service, name: str, percent: float
) -> None:
    with pytest.raises(ValueError, match=rf"{name} is a share, .*; got {percent}"):
        service(**{name: percent})


@pytest.mark.parametrize("times", [0, 1, float("nan")])
def test_fails_on_a_latency_ratio_that_a_candidate_like_control_would_pass(
    service: Service, times: float
) -> None:
    with pytest.raises(ValueError, match=rf"latency_ratio says how many times .*; got {times}"):
        service(latency_ratio=times)


@pytest.mark.parametrize("percent", [0, 100, 1.5])
@pytest.mark.parametrize(
    "routing",
    [codedeploy.TimeBasedCanaryTrafficRouting, codedeploy.TimeBasedLinearTrafficRouting],
)
def test_fails_on_a_shift_that_codedeploy_would_refuse(
    service: Service, routing: Any, percent: float
) -> None:
    shift = routing(percentage=percent, interval=cdk.Duration.minutes(10))
    with pytest.raises(ValueError, match=rf"whole percents, from 1 to 99; got .*{percent}$"):
        service(shift=shift)


@pytest.mark.parametrize(
    "shift",
    [
        codedeploy.TrafficRouting.all_at_once(),
        codedeploy.TrafficRouting.time_based_linear(
            percentage=10, interval=cdk.Duration.minutes(1)
        ),
    ],
    ids=["all at once", "linear"],
)
def test_a_version_may_take_over_in_another_way(
    service: Service, shift: codedeploy.TrafficRouting
) -> None:
    assert len(service(shift=shift).code_canary.alarms) == 3


def test_fails_on_an_issuer_without_its_audience() -> None:
    with pytest.raises(ValueError, match="issuer and audience go together"):
        Platform(cdk.App(), "Platform", issuer="https://login.example.com/")


def test_a_service_needs_no_platform(service: Service) -> None:
    made = service()
    assert made.alias.alias_name == "live"
    assert str(made.clean_up.at) == "2030-01-14 09:00:00+00:00"


def test_a_launch_in_another_time_zone_is_the_same_moment(service: Service) -> None:
    from zoneinfo import ZoneInfo

    made = service(launch=datetime(2030, 7, 1, 9, tzinfo=ZoneInfo("Europe/Berlin")))
    assert str(made.clean_up.at) == "2030-07-08 07:00:00+00:00"
