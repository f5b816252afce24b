"""`shadowctl check` fails a build for what should have been finished, of every route of an app;
and `finish` looks at every route that one statement makes."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from typer.testing import CliRunner

from analysis.template import TemplateError
from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic
from shadowctl import cli
from shadowctl.check import Due, due
from shadowctl.deployed import RouteError
from shadowctl.finish import command as finish_command
from shadowctl.finish.source import FinishError

CLEAN_UP = date(2030, 1, 14)
NAMES = ["Inner", "Beta/Orders", "Prod/Orders", "Two:orders", "Two:users"]


@pytest.fixture(scope="module")
def assembly(lambdas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Routes in Stages, in a nested stack, two in one stack; and a stack of something else."""
    app = cdk.App(
        context={"aws:cdk:bundling-stacks": []}, outdir=str(tmp_path_factory.mktemp("cdk.out"))
    )

    def service(stack: cdk.Stack, id_: str, route: str, *, days: int = 0) -> None:
        ShadowCanaryService(
            stack,
            id_,
            route=route,
            code=RouteCode(lambdas / "routes/orders", root=lambdas),
            # The 14th there is the 13th in UTC.
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC) + timedelta(days=days),
            ceiling=Stage.LIVE,
            expected_traffic=Traffic.per_day(1_000_000, users=50_000),
        )

    two = cdk.Stack(app, "Two")
    service(two, "Orders", "orders")
    service(two, "Users", "users", days=1)
    for stage, days in {"Beta": -21, "Prod": 0}.items():
        service(cdk.Stack(cdk.Stage(app, stage), "Orders"), "Service", "orders", days=days)
    service(cdk.NestedStack(cdk.Stack(app, "Inner"), "Nested"), "Service", "orders", days=-30)
    cdk.CfnOutput(cdk.Stack(app, "Else"), "Nothing", value="")
    app.synth()
    return Path(app.outdir)


def checked(assembly: Path, today: str, *options: str) -> Any:
    return CliRunner().invoke(
        cli.app, ["check", "--cdk-out", str(assembly), "--today", today, *options]
    )


def test_every_route_of_an_app_is_seen_the_most_urgent_first(assembly: Path) -> None:
    found = due(assembly=assembly, grace=timedelta(days=7))
    assert [each.route for each in found] == NAMES
    assert {each.route: (each.clean_up - CLEAN_UP).days for each in found} == dict(
        zip(NAMES, (-30, -21, 0, 0, 1), strict=True)
    )


@pytest.mark.parametrize(
    ("today", "over"),
    [
        ("2029-12-15", []),
        ("2029-12-22", []),  # the last day of grace
        ("2029-12-23", NAMES[:1]),
        ("2030-01-01", NAMES[:2]),
        ("2030-01-21", NAMES[:2]),
        ("2030-01-22", NAMES[:4]),
        ("2031-01-01", NAMES),
    ],
)
def test_a_build_fails_from_the_day_after_the_grace_with_the_command_that_finishes_each(
    assembly: Path, today: str, over: list[str]
) -> None:
    ran = checked(assembly, today)
    assert ran.exit_code == (1 if over else 0)
    commands = [f"shadowctl finish {route}" for route in over]
    assert [line for line in ran.stdout.splitlines() if line.startswith("next: ")] == [
        f"next: {command}" for command in commands
    ]
    for command in commands:
        assert f"ago; {command}\n" in ran.stdout
    document = json.loads(checked(assembly, today, "--json").stdout)
    assert document["next_steps"] == commands
    assert [each["route"] for each in document["routes"] if each["is_over"]] == over
    assert document["today"] == today


def test_the_grace_may_be_another(assembly: Path) -> None:
    assert checked(assembly, "2029-12-16", "--grace", "0").exit_code == 1
    assert checked(assembly, "2030-01-21", "--grace", "90").exit_code == 0


def test_it_needs_no_clock_where_a_day_is_given_and_no_aws_ever(
    assembly: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert checked(assembly, "2030-01-14").stdout == checked(assembly, "2030-01-14").stdout
    ran = CliRunner().invoke(cli.app, ["check", "--cdk-out", str(assembly)])
    assert f"in {(CLEAN_UP - datetime.now(UTC).date()).days + 1} days" in ran.stdout


@pytest.mark.parametrize("today", ["2030-13-01", "14.1.2030", "tomorrow", "2030-02-30", ""])
def test_what_is_no_day_is_a_usage_error(assembly: Path, today: str) -> None:
    assert checked(assembly, today).exit_code == 2


def test_an_assembly_that_is_not_there_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"there are no stacks in .*; run `cdk synth` first"):
        due(assembly=tmp_path / "nothing", grace=timedelta())
    assert checked(tmp_path, "2030-01-14").exit_code == 1


def test_the_words_say_how_long_there_is() -> None:
    route = Due("GetUser", CLEAN_UP, timedelta(days=7))
    assert {days: route.line(CLEAN_UP + timedelta(days=days)) for days in (-1, 0, 1, 7, 8)} == {
        -1: "GetUser: clean-up on 2030-01-14, in 1 day",
        0: "GetUser: clean-up on 2030-01-14, in 0 days",
        1: "GetUser: clean-up was on 2030-01-14, 1 day ago; to be finished until 2030-01-21",
        7: "GetUser: clean-up was on 2030-01-14, 7 days ago; to be finished until 2030-01-21",
        8: "GetUser: clean-up was on 2030-01-14, 8 days ago; shadowctl finish GetUser",
    }


# What else one control.py is for


def test_a_route_is_finished_where_every_stage_of_it_is(
    assembly: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what AWS would say of each is played here: where the flag is."""
    asked = []

    def said(route: str, _aws: object) -> list[str]:
        asked.append(route)
        if route == "Prod/Orders:orders":
            return ["Prod-Orders/orders is at live, and only what is complete can be finished"]
        if route == "Inner:orders":
            raise RouteError("no stack 'Inner' in eu-central-1")
        return []

    monkeypatch.setattr(finish_command, "_objections", said)
    aws: Any = SimpleNamespace(region_name="eu-central-1")
    with pytest.raises(FinishError) as refused:
        finish_command.finish("Beta/Orders", aws, override="", say=print, assembly=assembly)
    assert sorted(asked) == ["Beta/Orders", "Inner:orders", "Prod/Orders:orders", "Two:orders"]
    for objection in (
        "Prod-Orders/orders is at live, and only what is complete can be finished",
        "Inner is of the same code, and not in eu-central-1 of this account: `shadowctl finish "
        "Inner:orders` checks it where it is",
        ". Where you know better, --override takes the reason",
    ):
        assert objection in str(refused.value)
