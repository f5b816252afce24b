"""A nonsensical argument is refused at construction: what was given, and what to give."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from shadow_canary import RouteCode, ShadowCanaryService, Stage
from stacks.platform import Platform

Service = Callable[..., ShadowCanaryService]


@pytest.fixture(scope="module")
def service() -> Service:
    app = cdk.App(context={"aws:cdk:bundling-stacks": []})
    count = iter(range(100))

    def make(**changed: Any) -> ShadowCanaryService:
        good: dict[str, Any] = {
            "route": "get-user",
            "code": RouteCode("get_user"),
            "launch": datetime(2030, 1, 7, 9, tzinfo=UTC),
            "ceiling": Stage.OFF,
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
    with pytest.raises(ValueError, match=rf"RouteCode\('get_order'\) needs {name} in"):
        RouteCode("get_order", root=tmp_path)


def test_fails_on_a_retirement_before_launch(service: Service) -> None:
    with pytest.raises(ValueError, match="retire_after"):
        service(retire_after=cdk.Duration.days(0))


@pytest.mark.parametrize("given", [{"error_rate_percent": 0}, {"minimum_requests": 0}])
def test_fails_on_an_alarm_that_would_always_or_never_be_red(
    service: Service, given: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        service(**given)


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
