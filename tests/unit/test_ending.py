"""What a clean-up decides upon is what there is; what cannot be seen is a doubt, and no failure."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from judge import Verdict
from operations.clean_up import Seen
from operations.ending import look
from operations.observer import Observer
from operations.settings import OperationsSettings
from shadow_runtime.contract import Position, Stage, Variable
from tests.fakes import FakeAppConfig
from tests.unit.cleanups import DUE
from tests.unit.flags import CANARY, at, flag_on
from tests.unit.guarded import FUNCTION, NAMES, TOPIC, described
from tests.unit.test_sample_ratio import Counted

VARIABLES: dict[str, str] = {
    **dict.fromkeys(Variable, ""),
    Variable.CEILING: "complete",
    Variable.ROUTE: "GetUser/get-user",
    Variable.FUNCTION: "Route",
    Variable.EXPOSURE_ALARMS: "\n".join(NAMES),
    Variable.USERS: "50000",
    Variable.TOPIC: TOPIC,
}
SETTINGS = OperationsSettings.of(VARIABLES)
NOW = DUE + timedelta(days=2, minutes=1)


class Aws(Counted):
    """The route's alias and version beside the metrics; each call is refused when it is told to."""

    def _ListAliases(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert given == {"FunctionName": "Route"}
        return {"Aliases": [{"Name": "live", "FunctionVersion": "3"}]}

    def _GetFunctionConfiguration(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert given == {"FunctionName": "Route:3"}
        return {"Environment": {"Variables": {Variable.CANDIDATE: f"{FUNCTION}:12"}}}


def looked(aws: Aws, appconfig: FakeAppConfig, settings: OperationsSettings = SETTINGS) -> Seen:
    session: Any = aws
    observer = Observer(session, settings, flag_on(appconfig), FUNCTION)
    return look(observer, due=DUE, now=NOW)


def test_a_route_is_seen_as_it_is() -> None:
    appconfig = at(Stage.COMPLETE)
    found = looked(Aws(candidate=500, control=7, compared=20_000), appconfig)
    assert (found.stage, found.day, found.is_running) == (Stage.COMPLETE, 2, False)
    assert (found.is_paused, found.is_retired, found.red, found.doubts) == (False, False, [], [])
    assert found.answers is not None
    assert (found.answers.control, found.answers.candidate) == (7, 500)
    assert found.judged.verdict is Verdict.PASS


def test_a_change_under_way_and_the_ceiling_are_seen() -> None:
    appconfig = at(Stage.SHADOW)
    appconfig.move(Position(CANARY), "raise0")
    assert (looked(Aws(), appconfig).stage, looked(Aws(), appconfig).is_running) == (CANARY, True)
    held = replace(SETTINGS, ceiling=Stage.canary(percent=2))
    assert looked(Aws(), at(Stage.COMPLETE), held).stage == Stage.canary(percent=2)


def test_a_guard_that_is_red_or_could_not_act_is_seen() -> None:
    aws = Aws()
    aws.alarms[NAMES[0]] = described(NAMES[0], "ALARM")
    assert looked(aws, at(CANARY)).red == [NAMES[0]]
    aws.alarms[NAMES[0]] = described(NAMES[0], ActionsEnabled=False)
    [doubt] = looked(aws, at(CANARY)).doubts
    assert doubt.startswith(f"the actions of {NAMES[0]} are disabled")


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("ListAliases", "what was counted"),
        ("GetMetricData", "what was counted"),
        ("DescribeAlarms", "the guards"),
        ("ListSubscriptionsByTopic", "the guards"),
    ],
)
def test_what_cannot_be_seen_proves_nothing(call: str, what: str) -> None:
    aws = Aws(candidate=500, compared=20_000)
    aws.refused = call
    found = looked(aws, at(Stage.COMPLETE))
    assert found.doubts[0].startswith(f"{what} cannot be seen: ")
    assert not found.is_finished
    if call == "GetMetricData":
        assert found.answers is None


@pytest.mark.parametrize("content", [None, b"off"], ids=["off", "unreadable"])
def test_where_nobody_is_exposed_nobody_is_asked(content: bytes | None) -> None:
    class Deaf(Aws):
        def client(self, service: Any) -> Any:
            raise AssertionError(service)

    appconfig = at(Stage.OFF) if content is None else FakeAppConfig(content)
    assert looked(Deaf(), appconfig).stage == (Stage.OFF if content is None else None)
