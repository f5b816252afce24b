"""Routes of every size, synthesized from the construct and read as `shadowctl rehearse` does."""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import aws_cdk as cdk
from aws_cdk import Duration
from aws_cdk import aws_codedeploy as codedeploy

from analysis.rollout import Rollout
from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic, Window
from shadowctl.synthesis import ROOT

A_DAY = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
PERCENTS = (1, 5, 20)
MINUTES = 10
BUSY = Window(
    period=timedelta(minutes=1), evaluation_periods=5, datapoints_to_alarm=3, minimum_requests=10
)


class Case(NamedTuple):
    """A route: requests a day, a user for every 20 of them, and the percentage of both canaries."""

    a_day: int
    percent: int
    rollout: Rollout

    @property
    def traffic(self) -> Traffic:
        """As synthesis has it."""
        return _traffic(self.a_day)


def cases(window: Window | None) -> Iterator[Case]:
    """Every traffic with every percentage; the alarms have `window`, or that of the rule."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    grid = {f"Route{a_day}x{p}": (a_day, p) for a_day in A_DAY for p in PERCENTS}
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, context={**context, "aws:cdk:bundling-stacks": []})
        for name, (a_day, percent) in grid.items():
            _Route(app, name, a_day=a_day, percent=percent, window=window)
        app.synth()
        for name, (a_day, percent) in grid.items():
            yield Case(a_day, percent, Rollout.load(Path(folder), name))


class _Route(cdk.Stack):
    def __init__(
        self, scope: cdk.App, id_: str, *, a_day: int, percent: int, window: Window | None
    ) -> None:
        super().__init__(scope, id_)
        ShadowCanaryService(
            self,
            "Service",
            route="get-user",
            code=RouteCode("lambdas/routes/get_user", root="lambdas"),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
            ceiling=Stage.canary(percent=percent),
            expected_traffic=_traffic(a_day),
            shift=codedeploy.TimeBasedCanaryTrafficRouting(
                percentage=percent, interval=Duration.minutes(MINUTES)
            ),
            code_window=window,
            exposure_window=window,
        )


def _traffic(a_day: int) -> Traffic:
    return Traffic.per_day(a_day, users=a_day // 20)
