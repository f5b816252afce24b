"""Routes of every size, synthesized from the construct and read as `shadowctl rehearse` does."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Self

import aws_cdk as cdk
from aws_cdk import Duration
from aws_cdk import aws_codedeploy as codedeploy

from analysis.power.played import Failure
from analysis.rollout import Rollout
from bench.contest import ROOT
from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic, Window


@dataclass(frozen=True)
class Route:
    """What a team says of one: traffic, the percentage and bake of both canaries, and a window."""

    traffic: Traffic
    percent: int
    minutes: int = 10
    window: Window | None = None


@dataclass(frozen=True)
class Setting:
    """A route and what fails of it, drawn by chance."""

    route: Route
    failure: Failure
    guard: str
    minutes: int

    @classmethod
    def drawn(cls, draw: Random, guards: Sequence[str]) -> Self:
        """From 1,000 to 100,000,000 requests a day; half of the windows are a team's own."""
        requests = 10 ** draw.uniform(3, 8)
        periods = draw.choice([1, 2, 3, 5])
        window = Window(
            period=timedelta(minutes=draw.choice([1, 5, 10, 60, 360])),
            evaluation_periods=periods,
            datapoints_to_alarm=draw.randint(1, periods),
            minimum_requests=draw.choice([3, 10, 50]),
            minimum_failures=draw.choice([2, 5]),
        )
        route = Route(
            Traffic.per_day(round(requests, -2), users=round(10 ** draw.uniform(1, 5))),
            draw.choice([1, 2, 5, 10, 20, 50]),
            minutes=draw.choice([10, 30, 60, 240]),
            window=draw.choice([None, window]),
        )
        failure = Failure(
            draw.choice([0.5, 1, 2, 3, 5, 20, 100]),
            by_record=draw.random() < 0.5,
            unequal_users=draw.random() < 0.5,
        )
        return cls(route, failure, draw.choice(guards), draw.choice([60, 240, 480]))


def rollouts(routes: Sequence[Route]) -> Iterator[Rollout]:
    """Those of `routes`, in their order, from one assembly."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, context={**context, "aws:cdk:bundling-stacks": []})
        for place, route in enumerate(routes):
            _Route(app, f"Route{place}", route)
        app.synth()
        for place, _ in enumerate(routes):
            yield Rollout.load(Path(folder), f"Route{place}")


class _Route(cdk.Stack):
    def __init__(self, scope: cdk.App, id_: str, route: Route) -> None:
        super().__init__(scope, id_)
        ShadowCanaryService(
            self,
            "Service",
            route="get-user",
            code=RouteCode("lambdas/routes/get_user", root="lambdas"),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
            ceiling=Stage.canary(percent=route.percent),
            expected_traffic=route.traffic,
            shift=codedeploy.TimeBasedCanaryTrafficRouting(
                percentage=route.percent, interval=Duration.minutes(route.minutes)
            ),
            code_window=route.window,
            exposure_window=route.window,
        )
