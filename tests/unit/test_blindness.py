"""A canary that would hardly see a failure says so at synthesis, with the setting that would."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from aws_cdk import Annotations, App, Stack
from aws_cdk import Stage as AppStage

from analysis.power import Watch, power_of_code, power_of_exposure
from analysis.power.evidence import ShadowEvidence
from analysis.traffic import Shift, Traffic
from analysis.windows import Window
from judge import Counts, Tolerances, Verdict, judge
from shadow_canary.blindness import (
    CODE_CANARY_BLIND,
    EXPOSURE_BLIND,
    warn_of_code_canary,
    warn_of_exposure,
)
from shadow_runtime.contract import Stage

QUIET = Traffic.per_day(1_000, users=50)
BUSY = Traffic.per_day(1_000_000, users=50_000)
ONE_FOR_TEN = Shift.canary(minutes=10, percent=1)
WEEK = timedelta(days=7)


def test_a_code_canary_that_sees_enough_is_left_alone() -> None:
    assert not warnings(of_code(BUSY, ONE_FOR_TEN))


def test_a_blind_code_canary_is_told_the_chance_and_the_nearest_setting() -> None:
    assert warnings(of_code(Traffic.per_day(200_000, users=500), ONE_FOR_TEN)) == [
        "a canary of 1 % for 10 minutes sees a new version that fails 20 % of its requests with a "
        "chance of 52 % at 200,000 requests a day; a canary of 1 % for 30 minutes would do, with "
        f"91 % [ack: {CODE_CANARY_BLIND}]"
    ]


@pytest.mark.parametrize("minutes", [5, 30])
def test_twice_the_percent_is_nearer_than_twice_the_time(minutes: int) -> None:
    traffic = Traffic.per_day(2_900_000 / minutes, users=500)
    (warning,) = warnings(of_code(traffic, Shift.canary(minutes=minutes, percent=1)))
    assert "; a canary of 2 % for " in warning


@pytest.mark.parametrize("a_day", [3_000, 20_000, 100_000])
def test_the_code_canary_that_is_named_does_see_enough(a_day: int) -> None:
    traffic = Traffic.per_day(a_day, users=500)
    (warning,) = warnings(of_code(traffic, ONE_FOR_TEN))
    told = re.search(r"; a canary of (\d+) % for (\d+) (minutes|hours) would do", warning)
    assert told
    minutes = int(told[2]) * (60 if told[3] == "hours" else 1)
    assert sees_code(traffic, minutes, int(told[1])) >= 0.8


def test_all_at_once_is_blind_whatever_the_traffic() -> None:
    (warning,) = warnings(of_code(BUSY, Shift.all_at_once()))
    assert warning.startswith("a shift all at once sees")
    assert "a canary of 1 % for 10 minutes would do" in warning


def test_where_no_canary_would_do_copies_are_named_with_the_days_they_take() -> None:
    (warning,) = warnings(of_code(QUIET, Shift.all_at_once()))
    evidence = "rely on shadow evidence, 4,876 pairs in 4.9 days"
    assert f"; no canary would do: {evidence} [ack" in warning


def test_a_blind_exposure_is_told_that_it_may_hold_nobody_and_the_nearest_percentage() -> None:
    assert warnings(of_exposure(QUIET, Stage.canary(percent=1))) == [
        "a canary of 1 % of 50 users holds anybody with a chance of 39 %, and sees a candidate "
        "that fails 20 % of its requests within a day with 36 %; 5 % would do, with 90 % "
        f"[ack: {EXPOSURE_BLIND}]"
    ]
    assert sees_exposure(QUIET, 10) >= 0.8
    assert sees_exposure(QUIET, 5) < 0.8


@pytest.mark.parametrize(
    "ceiling", [Stage.OFF, Stage.SHADOW, Stage.canary(percent=20), Stage.LIVE, Stage.COMPLETE]
)
def test_an_exposure_that_sees_enough_or_exposes_nobody_is_left_alone(ceiling: Stage) -> None:
    assert not warnings(of_exposure(QUIET, ceiling))


def test_a_window_of_ones_own_is_the_one_that_is_computed() -> None:
    strict = Window(
        period=timedelta(minutes=1),
        evaluation_periods=1,
        datapoints_to_alarm=1,
        minimum_requests=1_000,
    )
    assert warnings(of_code(BUSY, ONE_FOR_TEN, window=strict))
    assert warnings(of_exposure(BUSY, Stage.canary(percent=1), window=strict))


@pytest.mark.parametrize("id_", [CODE_CANARY_BLIND, EXPOSURE_BLIND])
def test_a_warning_can_be_acknowledged(id_: str) -> None:
    stack = of_exposure(QUIET, Stage.canary(percent=1), of_code(QUIET, ONE_FOR_TEN))
    Annotations.of(stack).acknowledge_warning(id_, "the copies prove it first")
    (left,) = warnings(stack)
    assert id_ not in left


def test_the_evidence_is_what_the_judge_asks_for() -> None:
    evidence = ShadowEvidence.of(QUIET, tolerance_percent=0.1, shadow_percent=50)
    tolerances = Tolerances(mismatch_percent=0.1)
    assert judge(Counts(pairs=evidence.pairs), tolerances).verdict is Verdict.PASS
    assert judge(Counts(pairs=evidence.pairs - 1), tolerances).verdict is Verdict.INCONCLUSIVE
    assert evidence.days == evidence.pairs / 500


@pytest.mark.parametrize("shadow_percent", [0, -1, 101, float("nan")])
def test_evidence_without_copies_is_refused(shadow_percent: float) -> None:
    with pytest.raises(ValueError, match="shadow_percent is over 0"):
        ShadowEvidence.of(QUIET, shadow_percent=shadow_percent)


def of_code(traffic: Traffic, shift: Shift, *, window: Window | None = None) -> Stack:
    stack = Stack(App(), "GetUser")
    warn_of_code_canary(stack, traffic=traffic, shift=shift, window=window, threshold_percent=2)
    return stack


def of_exposure(
    traffic: Traffic, ceiling: Stage, stack: Stack | None = None, *, window: Window | None = None
) -> Stack:
    stack = stack or Stack(App(), "GetUser")
    warn_of_exposure(
        stack, traffic=traffic, ceiling=ceiling, within=WEEK, window=window, threshold_percent=2
    )
    return stack


def warnings(stack: Stack) -> list[str]:
    """Ours, as the CLI reads them."""
    app = AppStage.of(stack)
    assert app
    told = json.loads((Path(app.synth().directory) / "GetUser.metadata.json").read_text())
    found = [entry["data"] for entry in told["/GetUser"] if entry["type"] == "aws:cdk:warning"]
    return [text for text in found if "shadow-canary:" in text]


def sees_code(traffic: Traffic, minutes: int, percent: float) -> float:
    window = Window.for_rate(traffic.per_minute * percent / 100, within=timedelta(minutes=minutes))
    return power_of_code(traffic, [(minutes, percent)], watch_of(window)).sees[20]


def sees_exposure(traffic: Traffic, percent: float) -> float:
    window = Window.for_rate(traffic.per_minute * percent / 100, within=WEEK)
    return power_of_exposure(traffic, percent, watch_of(window), days=7).sees[20]


def watch_of(window: Window) -> Watch:
    return Watch.of(window, threshold_percent=2)
