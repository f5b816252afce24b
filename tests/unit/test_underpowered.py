"""A canary that would hardly see a failure says so at synthesis, with the setting that would."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aws_cdk import Annotations, App, Stack
from constructs import Construct

from analysis.power import (
    ExposureRates,
    RateAlarm,
    ShadowEvidence,
    code_at_least,
    underpowered_code,
    underpowered_exposure,
)
from analysis.rules import CanaryWindows, Window
from analysis.simulation.canaries import SimulatedCodeCanary
from analysis.simulation.rehearsal import simulate
from analysis.simulation.scenario import Scenario
from analysis.traffic import Shift, Traffic
from judge import Counts, Scores, Tolerances, Verdict, judge
from shadow_canary import RouteCode, ShadowCanaryService
from shadow_canary.alarms import EXPOSURE_UNDERPOWERED
from shadow_canary.code_canary import CODE_CANARY_UNDERPOWERED
from shadow_runtime.contract import Stage
from tests.unit.rollouts import rate_of, rollout

QUIET = Traffic.per_day(1_000, users=50)
BUSY = Traffic.per_day(1_000_000, users=50_000)
ONE_FOR_TEN = Shift.canary(minutes=10, percent=1)
WEEK = timedelta(days=7)


def test_a_code_canary_that_sees_enough_is_left_alone() -> None:
    assert not of_code(BUSY, ONE_FOR_TEN)


def test_an_underpowered_code_canary_is_told_the_chance_the_harm_and_what_would_do() -> None:
    assert of_code(Traffic.per_day(200_000, users=500), ONE_FOR_TEN) == (
        "a canary of 1 % for 10 minutes sees a new version that fails 20 % of its requests with a "
        "chance of 65 % at 200,000 requests a day, so that about 14,000 of them fail; a canary of "
        "2 % for 60 minutes would do, with 99 % and about 6"
    )


def test_what_is_named_fails_the_fewest_requests_and_not_the_shortest_canary() -> None:
    warning = of_code(QUIET, ONE_FOR_TEN)
    assert warning
    assert "so that about 200 of them fail; a canary of 50 % for 2 hours would do" in warning
    assert warning.endswith("with 99 % and about 3")


@pytest.mark.parametrize("a_day", [1_000, 20_000, 200_000])
def test_the_failed_requests_that_are_told_are_those_of_a_rehearsal(a_day: int) -> None:
    traffic = Traffic.per_day(a_day, users=500)
    warning = of_code(traffic, ONE_FOR_TEN)
    assert warning
    told = re.search(r"; a canary of (\d+) % for (\d+) (minutes|hours) .* and about (\d+)", warning)
    assert told
    minutes = int(told[2]) * (60 if told[3] == "hours" else 1)
    shift = Shift.canary(minutes=minutes, percent=int(told[1]))
    window = CanaryWindows.for_code(traffic, shift).error_rate
    canary = SimulatedCodeCanary(
        replace(rollout(traffic=traffic, CodeAlarm=rate_of("invocations", window)), shift=shift),
        Scenario(rollouts=1_000, minutes=minutes, healthy_percent=0),
    )
    runs = simulate(canary)
    assert (runs.guard >= 0).mean() > 0.95
    assert runs.errors[runs.guard >= 0].mean() == pytest.approx(int(told[4]), rel=0.5)


@pytest.mark.parametrize("a_day", [3_000, 20_000, 100_000])
def test_the_code_canary_that_is_named_does_see_enough(a_day: int) -> None:
    traffic = Traffic.per_day(a_day, users=500)
    warning = of_code(traffic, ONE_FOR_TEN)
    assert warning
    told = re.search(r"; a canary of (\d+) % for (\d+) (minutes|hours) would do", warning)
    assert told
    minutes = int(told[2]) * (60 if told[3] == "hours" else 1)
    shift = Shift.canary(minutes=minutes, percent=int(told[1]))
    alarm = RateAlarm(2, CanaryWindows.for_code(traffic, shift).error_rate)
    assert code_at_least(traffic, shift, alarm, failing_percent=20) >= 0.8


def test_all_at_once_is_underpowered_whatever_the_traffic() -> None:
    warning = of_code(BUSY, Shift.all_at_once())
    assert warning
    assert warning.startswith("a shift all at once sees")
    assert re.search(r"; a canary of \d+ % for \d+ minutes would do, with 99 %", warning)


def test_where_no_canary_would_do_copies_are_named_with_the_days_they_take() -> None:
    warning = of_code(Traffic.per_day(5, users=5), Shift.all_at_once())
    assert warning
    evidence = "rely on shadow evidence, 3,503 pairs in 700.6 days"
    assert warning.endswith(f"; no canary would do: {evidence}")


def test_a_canary_that_may_hold_nobody_is_left_alone_since_copies_tell_of_the_candidate() -> None:
    assert not of_exposure(QUIET, Stage.canary(percent=1))


def test_an_underpowered_exposure_is_told_that_it_may_hold_nobody() -> None:
    traffic = Traffic.per_day(5, users=50)
    warning = of_exposure(traffic, Stage.canary(percent=1))
    assert warning
    assert warning.startswith(
        "a canary of 1 % of 50 users holds anybody with a chance of 39 %, and a candidate that "
        "fails 20 % of its requests, and of the copies, is seen within a day with "
    )
    assert warning.endswith(
        "; no canary would do: rely on shadow evidence, 3,503 pairs in 700.6 days"
    )


@pytest.mark.parametrize(
    "ceiling", [Stage.OFF, Stage.SHADOW, Stage.canary(percent=20), Stage.LIVE, Stage.COMPLETE]
)
def test_an_exposure_that_sees_enough_or_exposes_nobody_is_left_alone(ceiling: Stage) -> None:
    assert not of_exposure(QUIET, ceiling)


def test_a_window_of_ones_own_is_the_one_that_is_computed() -> None:
    strict = Window(
        period=timedelta(minutes=1),
        evaluation_periods=1,
        datapoints_to_alarm=1,
        minimum_requests=1_000,
        minimum_failures=1_000,
    )
    assert of_code(BUSY, ONE_FOR_TEN, window=strict)
    assert of_exposure(BUSY, Stage.canary(percent=1), window=strict)


def test_a_service_warns_of_both_and_each_warning_can_be_acknowledged(lambdas: Path) -> None:
    stack = Stack(App(context={"aws:cdk:bundling-stacks": []}), "GetUser")
    service = ShadowCanaryService(
        stack,
        "Service",
        route="get-user",
        code=RouteCode(lambdas / "routes/orders", root=lambdas),
        launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
        ceiling=Stage.canary(percent=1),
        expected_traffic=Traffic.per_day(5, users=50),
    )
    ids = {service.code_canary: CODE_CANARY_UNDERPOWERED, service.exposure: EXPOSURE_UNDERPOWERED}
    for construct, id_ in ids.items():
        [warning] = warnings(construct)
        assert warning.endswith(f" [ack: {id_}]")
        Annotations.of(stack).acknowledge_warning(id_, "the copies prove it first")
        assert not warnings(construct)


def test_the_evidence_is_what_the_judge_asks_for() -> None:
    evidence = ShadowEvidence.of(QUIET, tolerance_percent=0.1, shadow_percent=50)
    tolerances = Tolerances(mismatch_percent=0.1)
    assert judge(Counts(compared=(Scores(evidence.pairs),)), tolerances).verdict is Verdict.PASS
    assert (
        judge(Counts(compared=(Scores(evidence.pairs - 1),)), tolerances).verdict
        is Verdict.INCONCLUSIVE
    )
    assert evidence.days == evidence.pairs / 500


@pytest.mark.parametrize("shadow_percent", [0, -1, 101, float("nan")])
def test_evidence_without_copies_is_refused(shadow_percent: float) -> None:
    with pytest.raises(ValueError, match="shadow_percent is over 0"):
        ShadowEvidence.of(QUIET, shadow_percent=shadow_percent)


def of_code(traffic: Traffic, shift: Shift, *, window: Window | None = None) -> str | None:
    looks = CanaryWindows.for_code(traffic, shift, given=window).error_rate
    return underpowered_code(RateAlarm(2, looks), traffic, shift, given=window)


def of_exposure(traffic: Traffic, ceiling: Stage, *, window: Window | None = None) -> str | None:
    percent = ceiling.candidate_percent
    windows = CanaryWindows.for_exposure(traffic, percent, within=WEEK, given=window)
    alarms = ExposureRates(RateAlarm(2, windows.error_rate), RateAlarm(2, windows.mismatch_rate))
    return underpowered_exposure(alarms, traffic, percent, within=WEEK, given=window)


def warnings(construct: Construct) -> list[str]:
    """Ours, as the CLI reads them."""
    found = [str(entry.data) for entry in construct.node.metadata if "warning" in entry.type]
    return [text for text in found if "shadow-canary:" in text]
