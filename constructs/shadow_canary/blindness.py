"""Warnings at synthesis: a canary that would hardly see what it is there for."""

import math
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from aws_cdk import Annotations
from constructs import IConstruct

from analysis.power.canaries import sees_code, sees_exposure
from analysis.power.evidence import ShadowEvidence
from analysis.power.users import chance_of_anybody
from analysis.power.watch import Watch
from analysis.traffic import Shift, Traffic
from analysis.windows import CanaryWindows, Window
from shadow_runtime.contract import Stage

CODE_CANARY_BLIND = "shadow-canary:code-canary-blind"
EXPOSURE_BLIND = "shadow-canary:exposure-blind"

_FAILING_PERCENT = 20
_ENOUGH = 0.8

_PERCENTS = (1, 2, 5, 10, 20, 50)
_BAKES = (10, 15, 30, 60, 120, 240, 480, 1_440, 2_880)
"""Minutes; the longest is CodeDeploy's."""

_Setting = TypeVar("_Setting")


def warn_of_code_canary(
    scope: IConstruct,
    *,
    traffic: Traffic,
    shift: Shift,
    window: Window | None,
    threshold_percent: float,
) -> None:
    """Warns where a new version that fails 20 % is seen with a chance of less than 80 %.

    Names the nearest canary that would do: more percent for as long or, where that is a smaller
    step, as many percent for longer. `window` is the alarm's, None for the rule.

    Example:
        >>> Annotations.of(service).acknowledge_warning(
        ...     CODE_CANARY_BLIND, "the hook and the copies must do")  # doctest: +SKIP
    """

    def sees(tried: Shift) -> float:
        looks = CanaryWindows.for_code(traffic, tried, given=window).error_rate
        watch = Watch.of(looks, threshold_percent=threshold_percent)
        return sees_code(traffic, tried.steps, watch, failing_percent=_FAILING_PERCENT)

    chance = sees(shift)
    if chance < _ENOUGH:
        found = [_first_enough(tried, sees) for tried in _nearby(shift)]
        nearest = min(filter(None, found), key=lambda each: _size(each[0]), default=None)
        Annotations.of(scope).add_warning_v2(
            CODE_CANARY_BLIND,
            f"{_words(shift)} sees a new version that fails {_FAILING_PERCENT} % of its requests "
            f"with a chance of {_percent(chance)} at {traffic.requests_per_day:,.0f} requests a "
            "day; "
            + (_would_do(_words(nearest[0]), nearest[1]) if nearest else _evidence(traffic)),
        )


def warn_of_exposure(
    scope: IConstruct,
    *,
    traffic: Traffic,
    ceiling: Stage,
    within: timedelta,
    window: Window | None,
    threshold_percent: float,
) -> None:
    """Warns where a candidate that fails 20 % is seen within a day with less than 80 %.

    Counts that the canary may hold nobody. Names the smallest percentage that would do. Up to
    stage `shadow` nobody is exposed, and nothing is to be seen. `window` is the alarm's, None for
    the rule.

    Example:
        >>> Annotations.of(service).acknowledge_warning(
        ...     EXPOSURE_BLIND, "the copies prove it first")  # doctest: +SKIP
    """

    def sees(percent: float) -> float:
        looks = CanaryWindows.for_exposure(traffic, percent, within=within, given=window).error_rate
        watch = Watch.of(looks, threshold_percent=threshold_percent)
        days = within / timedelta(days=1)
        return sees_exposure(traffic, percent, watch, days=days, failing_percent=_FAILING_PERCENT)

    percent = ceiling.candidate_percent
    chance = sees(percent) if percent else 1.0
    if chance < _ENOUGH:
        nearest = _first_enough(_PERCENTS, sees)
        anybody = chance_of_anybody(traffic.users, percent)
        Annotations.of(scope).add_warning_v2(
            EXPOSURE_BLIND,
            f"a canary of {percent:g} % of {traffic.users:,} users holds anybody with a chance of "
            f"{_percent(anybody)}, and sees a candidate that fails {_FAILING_PERCENT} % of its "
            f"requests within a day with {_percent(chance)}; "
            + (_would_do(f"{nearest[0]} %", nearest[1]) if nearest else _evidence(traffic)),
        )


def _nearby(shift: Shift) -> list[Iterable[Shift]]:
    """More percent for as long, and as many percent for longer."""
    bake = shift.minutes or _BAKES[0]
    return [
        (Shift.canary(minutes=bake, percent=percent) for percent in _PERCENTS),
        (
            Shift.canary(minutes=minutes, percent=shift.first_percent)
            for minutes in _BAKES
            if shift.steps
        ),
    ]


def _size(shift: Shift) -> int:
    return sum(minutes * percent for minutes, percent in shift.steps)


def _first_enough(
    settings: Iterable[_Setting], sees: Callable[[_Setting], float]
) -> tuple[_Setting, float] | None:
    tried = ((setting, sees(setting)) for setting in settings)
    return next(((setting, chance) for setting, chance in tried if chance >= _ENOUGH), None)


def _words(shift: Shift) -> str:
    if not shift.steps:
        return "a shift all at once"
    minutes = shift.minutes
    time = f"{minutes} minutes" if minutes <= 60 else f"{minutes / 60:g} hours"
    first, last = shift.steps[0][1], shift.steps[-1][1]
    return f"a canary of {first} % for {time}" if first == last else f"a shift of {time}"


def _percent(chance: float) -> str:
    return f"{math.floor(100 * chance)} %" if chance >= 0.01 else "under 1 %"


def _would_do(setting: str, chance: float) -> str:
    return f"{setting} would do, with {_percent(chance)}"


def _evidence(traffic: Traffic) -> str:
    evidence = ShadowEvidence.of(traffic)
    days = math.ceil(10 * evidence.days) / 10
    return f"no canary would do: rely on shadow evidence, {evidence.pairs:,} pairs in {days:g} days"
