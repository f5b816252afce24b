"""A nonsensical argument is refused at construction: what was given, and what to give."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_

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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("launch", "2030-01-07"),
        ("launch", date(2030, 1, 7)),
        ("ceiling", None),
        ("code", "src/get_user"),
        ("timeout", 10),
        ("candidate_deadline", timedelta(seconds=2)),
        ("retire_after", "7 days"),
        ("latency_bound", 900),
        ("latency_floor", 100.0),
        ("dashboard", "no"),
        ("production", "no"),
        ("route_in_vpc", 0),
        ("code_window", 5),
        ("exposure_window", {}),
    ],
    ids=str,
)
def test_fails_on_an_argument_of_another_type(service: Service, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} is a \w+, such as .*; got "):
        service(**{name: value})


@pytest.mark.parametrize(
    ("name", "ms"),
    [
        ("timeout", 0),
        ("timeout", 2_500),
        ("timeout", 901_000),
        ("candidate_deadline", 0),
        ("latency_bound", 0),
        ("latency_bound", 10_001),
        ("latency_floor", 0),
        ("latency_floor", 10_001),
    ],
)
def test_fails_on_a_time_that_never_or_always_passes(service: Service, name: str, ms: int) -> None:
    with pytest.raises(ValueError, match=rf"{name} is .*got {ms} ms"):
        service(**{name: cdk.Duration.millis(ms)})


@pytest.mark.parametrize(
    "name", ["timeout", "candidate_deadline", "latency_bound", "latency_floor", "retire_after"]
)
def test_fails_on_a_time_that_only_a_deployment_knows(service: Service, name: str) -> None:
    token = cdk.Duration.seconds(cdk.Token.as_number({"Ref": "Seconds"}))
    with pytest.raises(ValueError, match=f"{name} must be known at synthesis"):
        service(**{name: token})


@pytest.mark.parametrize("name", ["error_rate_percent", "mismatch_percent", "latency_ratio"])
def test_fails_on_a_threshold_that_only_a_deployment_knows(service: Service, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} "):
        service(**{name: cdk.Token.as_number({"Ref": "Threshold"})})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shadow_reserved_concurrent_executions", 0),
        ("shadow_reserved_concurrent_executions", 1.5),
        ("provisioned_concurrent_executions", 0),
        ("memory_size", 127),
        ("memory_size", 10_241),
        ("candidate_memory_size", 512.5),
        ("candidate_memory_size", True),
    ],
)
def test_fails_on_a_size_that_lambda_has_not(service: Service, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} is a whole number, .*; got {value}"):
        service(**{name: value})


def test_a_size_may_be_known_at_the_deployment_alone(service: Service) -> None:
    service(memory_size=cdk.Token.as_number({"Ref": "Memory"}))


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs22.x", "provided.al2023"])
def test_fails_on_a_runtime_that_the_code_does_not_run_on(service: Service, runtime: str) -> None:
    with pytest.raises(ValueError, match=rf"runtime is Python 3.12 or newer.*got {runtime}"):
        service(runtime=lambda_.Runtime(runtime))


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
