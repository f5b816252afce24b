"""Operations moves the flag and says so, to machines and people, until both have heard of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from judge import Counts, Ramp, Scores
from operations import ending
from operations import handler as operations
from operations.alarms import ExposureAlarm
from operations.moves import move, unopposed
from operations.ramp import Proof
from operations.settings import OperationsSettings
from shadow_runtime.contract import Position, Stage, Variable
from tests.fakes import FakeAppConfig, RefusedError
from tests.runtime.played import Received, Reply, Service, serving
from tests.unit.cleanups import seen
from tests.unit.flags import ADA, CANARY, at, flag_on
from tests.unit.guarded import described

BAD, SLOW = "GetUser-get-user-error-rate", "GetUser-get-user-latency-ratio"
ENVIRONMENT: dict[str, str] = {
    Variable.ROUTE: "get-user",
    Variable.FUNCTION: "GetUser-Route",
    Variable.CEILING: "live",
    Variable.FLAG_APPLICATION: "app0",
    Variable.FLAG_ENVIRONMENT: "env0",
    Variable.FLAG_PROFILE: "pro0",
    Variable.RAISE_STRATEGY: "raise0",
    Variable.LOWER_STRATEGY: "lower0",
    Variable.EXPOSURE_ALARMS: f"{BAD}\n{SLOW}",
    Variable.USERS: "50000",
    Variable.TOPIC: "arn:aws:sns:eu-central-1:123456789012:GetUser",
    Variable.DASHBOARD: "GetUser-get-user",
}


class Heard:
    """EventBridge, SNS and Lambda; each of the first two fails when it is told to."""

    def __init__(self, service: Service) -> None:
        self.events: list[Any] = []
        self.messages: list[dict[str, str]] = []
        self.failing: dict[str, Reply] = {}
        self.asked: list[tuple[str, Any]] = []
        service.script = self._answer

    def _answer(self, received: Received) -> Reply:
        if "/invocations" in received.path:
            self.asked.append((received.headers["x-amz-invocation-type"], received.json))
            return self.failing.get("dataset") or Reply(202)
        if "/aliases" in received.path:
            live = {"Name": "live", "FunctionVersion": "7"}
            return Reply(body=json.dumps({"Aliases": [live]}).encode())
        if "x-amz-target" in received.headers:
            return self.failing.get("events") or self._put_events(received)
        return self.failing.get("sns") or self._publish(received)

    def _put_events(self, received: Received) -> Reply:
        self.events += [json.loads(entry["Detail"]) for entry in received.json["Entries"]]
        return Reply(body=b'{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}')

    def _publish(self, received: Received) -> Reply:
        form = parse_qs(received.body.decode())
        self.messages.append({name: form[name][0] for name in ("Subject", "Message")})
        return Reply(body=b"<PublishResponse><PublishResult/></PublishResponse>")


FAILING = {
    "the bus refuses": ("events", Reply(400, b'{"__type": "AccessDeniedException"}')),
    "the bus does not take the event": (
        "events",
        Reply(body=b'{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}'),
    ),
    "the topic refuses": (
        "sns",
        Reply(
            403, b"<ErrorResponse><Error><Code>AuthorizationError</Code></Error></ErrorResponse>"
        ),
    ),
}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    with serving() as service:
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.url)
        yield Heard(service)


class Invocation:
    """Of Lambda's context, what operations looks at."""

    def __init__(self, aws_request_id: str) -> None:
        self.aws_request_id = aws_request_id
        self.invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:Operations"


def asked(
    appconfig: FakeAppConfig,
    event: Any,
    monkeypatch: pytest.MonkeyPatch,
    *,
    attempt_at: str = "request-1",
) -> Any:
    def flag(settings: OperationsSettings) -> Any:
        assert settings == OperationsSettings.of(ENVIRONMENT)
        return flag_on(appconfig)

    def look(observer: Any, *, due: datetime, now: datetime) -> Any:
        """What failed, where it stands; on that day."""
        return replace(seen(flag_on(appconfig).deployed().stage, verdict="FAIL"), now=now, due=due)

    monkeypatch.setattr(operations, "_flag", flag)
    monkeypatch.setattr(ending, "look", look)
    return operations.handler(event, Invocation(attempt_at))


def in_alarm(name: str = BAD, state: str = "ALARM") -> dict[str, Any]:
    message = {
        "AlarmName": name,
        "AlarmDescription": "get-user: the candidate failed",
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": "2030-01-09T03:00:00.000+0000",
    }
    return {"Records": [{"Sns": {"Message": json.dumps(message)}}]}


CLEAN_UP = {"action": "cleanup"}


def test_a_rollback_is_told_to_machines_and_people(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = asked(at(CANARY), in_alarm(), monkeypatch)
    assert (done["changed"], done["versions"]) == (True, {"7": 1})
    assert heard.events == [{"route": "get-user", **done}]
    [message] = heard.messages
    assert message["Subject"] == "get-user: users are back on control"
    assert (
        f"{BAD} in ALARM since 2030-01-09T03:00:00.000+0000 (from canary(5%) to off)"
        in (message["Message"])
    )
    assert "region=eu-central-1#dashboards/dashboard/GetUser-get-user" in message["Message"]
    assert [line for line in capfd.readouterr().out.splitlines() if '"Rollbacks"' in line]


def test_without_a_dashboard_people_are_led_to_the_alarms(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Variable.DASHBOARD, "")
    monkeypatch.setitem(ENVIRONMENT, Variable.DASHBOARD, "")
    asked(at(CANARY), in_alarm(), monkeypatch)
    [message] = heard.messages
    assert "region=eu-central-1#alarmsV2:?search=get-user\n" in message["Message"]


@pytest.mark.parametrize(("failing", "reply"), FAILING.values(), ids=FAILING)
@pytest.mark.parametrize("event", [in_alarm(), CLEAN_UP], ids=["rollback", "clean-up"])
def test_who_can_be_told_is_told_and_the_next_attempt_tells_everybody_the_same(
    failing: str, reply: Reply, event: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(CANARY)
    heard.failing[failing] = reply
    with pytest.raises(Exception, match=r"PutEvents|Publish|default bus"):
        asked(appconfig, event, monkeypatch)
    assert appconfig.position.stage == Stage.OFF
    told = (heard.messages if failing == "events" else heard.events)[0]
    assert (heard.messages + heard.events) == [told]

    heard.failing.clear()
    asked(appconfig, event, monkeypatch)
    assert heard.messages[-1]["Subject"] in (
        "get-user: users are back on control",
        "get-user: clean-up, at off",
    )
    assert "The flag went to off" in heard.messages[-1]["Message"]
    assert heard.events[-1]["changed"] is True
    assert len(heard.messages + heard.events) == 3


def test_a_raise_from_off_that_was_stopped_is_told_by_the_next_attempt_too(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(Stage.OFF)
    appconfig.move(Position(CANARY), "raise0")
    heard.failing["sns"] = FAILING["the topic refuses"][1]
    with pytest.raises(Exception, match="Publish"):
        asked(appconfig, in_alarm(), monkeypatch)
    heard.failing.clear()
    asked(appconfig, in_alarm(), monkeypatch)
    assert "(from canary(5%) to off)" in heard.messages[-1]["Message"]


def test_another_alarm_is_told_which_one_moved_the_users(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(CANARY)
    asked(appconfig, in_alarm(BAD), monkeypatch)
    asked(appconfig, in_alarm(SLOW), monkeypatch, attempt_at="request-2")
    message = heard.messages[-1]
    assert message["Subject"] == "get-user: in ALARM, and the flag is off already"
    assert f"rollback: {BAD} in ALARM" in message["Message"]


def test_a_clean_up_whose_pruning_failed_says_at_the_next_attempt_what_it_moved(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RefusedError("AccessDeniedException", "not for you")

    appconfig = at(CANARY)
    appconfig.before("DeleteHostedConfigurationVersion", refuse)
    with pytest.raises(Exception, match="AccessDenied"):
        asked(appconfig, CLEAN_UP, monkeypatch)
    done = asked(appconfig, CLEAN_UP, monkeypatch)
    assert (done["outcome"], done["changed"], done["pruned"]) == ("off", True, 1)
    assert "control answers everybody" in heard.messages[-1]["Message"]
    assert "FAIL: 9 of 10 pairs differ (from canary(5%) to off)" in heard.messages[-1]["Message"]


def test_a_clean_up_of_a_person_is_of_that_day_and_the_schedulers_of_the_day_it_was_due(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(at(Stage.OFF), CLEAN_UP, monkeypatch)["day"] == 0
    due = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%dT%H:%M:%S+00:00}"
    done = asked(at(Stage.OFF), {**CLEAN_UP, "due": due}, monkeypatch)
    assert (done["outcome"], done["day"]) == ("off", 3)
    assert len(heard.messages) == len(heard.events) == 1, "what is settled is told once"


@pytest.mark.parametrize(
    ("days", "looks"), [(-30, False), (0, False), (1, True), (7, True), (8, True), (9, False)]
)
def test_the_daily_look_is_taken_in_the_week_after_the_clean_up_alone(
    days: int, looks: bool, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%S+00:00}"
    appconfig = at(CANARY)
    done = asked(appconfig, {"action": "rearm", "due": due}, monkeypatch)
    assert (done["outcome"], appconfig.position.stage) == (
        ("off", Stage.OFF) if looks else ("none", CANARY)
    )
    assert len(heard.messages) == looks


@pytest.fixture
def dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        Variable.DATASET: "Users/users",
        Variable.DATASET_FUNCTION: "Users-Dataset",
    }.items():
        monkeypatch.setitem(ENVIRONMENT, name, value)
        monkeypatch.setenv(name, value)


ASKED = [("Event", {"action": "switch-back"})]
GOES_BACK = "Its dataset Users/users is asked to have control as its authority again"


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize("event", [in_alarm(), CLEAN_UP], ids=["rollback", "clean-up"])
def test_what_users_write_goes_back_with_them_and_both_are_told(
    event: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = asked(at(CANARY), event, monkeypatch)
    assert heard.asked == ASKED
    assert done["dataset"] == heard.events[-1]["dataset"] == "Users/users"
    assert GOES_BACK in heard.messages[-1]["Message"]
    assert "`shadowctl dataset Users:users status`" in heard.messages[-1]["Message"]


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize("event", [in_alarm(), CLEAN_UP], ids=["rollback", "clean-up"])
def test_where_nobody_went_back_the_data_of_other_routes_stays_where_it_is(
    event: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(at(Stage.OFF), event, monkeypatch)["dataset"] == ""
    assert heard.asked == []
    assert "dataset" not in heard.messages[-1]["Message"]


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize(
    "reply",
    [Reply(403, b'{"__type": "AccessDeniedException"}'), Reply(404, b'{"Message": "gone"}')],
    ids=["may not be asked", "is gone"],
)
def test_a_dataset_that_cannot_be_asked_delays_no_rollback_and_is_asked_again(
    reply: Reply, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(CANARY)
    heard.failing["dataset"] = reply
    with pytest.raises(Exception, match=r"Invoke|Users/users"):
        asked(appconfig, in_alarm(), monkeypatch)
    assert appconfig.position.stage == Stage.OFF
    assert len(heard.messages) == len(heard.events) == 1, (
        "people and machines are told all the same"
    )
    heard.failing.clear()
    asked(appconfig, in_alarm(), monkeypatch)
    assert heard.asked[-1:] == ASKED


def test_a_route_without_a_dataset_asks_none(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(at(CANARY), in_alarm(), monkeypatch)["dataset"] == ""
    assert heard.asked == []


TICK = {"action": "ramp"}
RAMP = Ramp(percents=(1, 5), dwell=timedelta(hours=1))
GOOD = Counts(compared=(Scores(6_000, share=1),), asked=Scores(900))
FAILING_CANDIDATE = Counts(compared=(Scores(6_000, worse=600, share=1),))


@dataclass
class World:
    """What the ramp looks at, in the place of AWS."""

    counts: Counts

    def proof(self, _stage: Stage | None, _since: datetime | None) -> Proof:
        return Proof({"7": self.counts}, 500)

    def objections(self, _to: Stage) -> list[str]:
        return []


@pytest.fixture
def ramp(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(GOOD)
    monkeypatch.setitem(ENVIRONMENT, Variable.RAMP, str(RAMP))
    monkeypatch.setenv(Variable.RAMP, str(RAMP))
    monkeypatch.setattr(operations, "Observer", lambda *_: world)
    return world


@pytest.mark.parametrize("fails", [False, True], ids=["at once", "at the second attempt"])
@pytest.mark.parametrize(
    ("stage", "counts", "subject", "metric"),
    [
        (Stage.SHADOW, GOOD, "get-user: the ramp goes to canary(1%)", '"Advances"'),
        (CANARY, FAILING_CANDIDATE, "get-user: the ramp took users back", '"Rollbacks"'),
    ],
    ids=["up", "back"],
)
def test_a_step_of_the_ramp_is_told_to_machines_and_people(
    stage: Stage,
    counts: Counts,
    subject: str,
    metric: str,
    fails: bool,
    ramp: World,
    heard: Heard,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    appconfig = at(Stage.OFF)
    move(flag_on(appconfig), stage, who=ADA, why="a test", objections=unopposed, override="a test")
    ramp.counts = counts
    if fails:
        heard.failing["sns"] = FAILING["the topic refuses"][1]
        with pytest.raises(Exception, match="Publish"):
            asked(appconfig, TICK, monkeypatch)
        heard.failing.clear()
    done = asked(appconfig, TICK, monkeypatch)
    assert done["changed"] is True
    assert heard.events[-1] == {"route": "get-user", **done}
    [message] = heard.messages
    assert message["Subject"] == subject
    assert done["why"] in message["Message"]
    assert "pairs: 6000" in message["Message"]
    assert [line for line in capfd.readouterr().out.splitlines() if metric in line]


def test_a_ramp_that_holds_is_a_line_in_the_log_and_no_message(
    ramp: World, heard: Heard, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    appconfig = at(Stage.OFF)
    assert asked(appconfig, TICK, monkeypatch)["outcome"] == "hold"
    assert [*appconfig.writes, *heard.messages, *heard.events] == []
    [seen] = map(json.loads, capfd.readouterr().out.splitlines())
    assert (seen["message"], seen["outcome"]) == ("ramp", "hold")
    assert seen["why"].endswith("a person begins, and moves it to shadow")


def test_a_tick_of_a_ramp_that_was_taken_away_does_nothing(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(Stage.SHADOW)
    assert asked(appconfig, TICK, monkeypatch) == {"outcome": "none", "changed": False}
    assert [*appconfig.writes, *heard.messages] == []


CHECK = {"action": "check"}


@pytest.mark.parametrize("fails", [False, True], ids=["at once", "at the second attempt"])
def test_a_red_alarm_without_a_message_is_told_with_what_was_seen(
    fails: bool, heard: Heard, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    red = {
        BAD: ExposureAlarm.of(described(BAD)),
        SLOW: ExposureAlarm.of(described(SLOW, "ALARM")),
    }
    monkeypatch.setattr(operations, "describe", lambda _client, _names: red)
    appconfig = at(CANARY)
    if fails:
        heard.failing["sns"] = FAILING["the topic refuses"][1]
        with pytest.raises(Exception, match="Publish"):
            asked(appconfig, CHECK, monkeypatch)
        heard.failing.clear()
    done = asked(appconfig, CHECK, monkeypatch)
    assert (done["alarm"], done["changed"], done["by_message"]) == (SLOW, True, False)
    assert heard.events[-1] == {"route": "get-user", **done}
    [message] = heard.messages
    assert message["Subject"] == "get-user: users are back on control"
    assert "No message of it had arrived" in message["Message"]
    [seen] = [
        line
        for line in map(json.loads, capfd.readouterr().out.splitlines())
        if line.get("message") == "check"
    ][-1:]
    assert seen["alarms"] == {BAD: "OK", SLOW: "ALARM"}


def test_a_check_that_sees_nothing_is_a_line_in_the_log_and_no_message(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert asked(at(Stage.SHADOW), CHECK, monkeypatch) == {"outcome": "none", "changed": False}
    assert heard.messages + heard.events == []
    [seen] = map(json.loads, capfd.readouterr().out.splitlines())
    assert (seen["message"], seen["stage"], seen["alarms"]) == ("check", "shadow", {})


@pytest.mark.parametrize("event", [in_alarm("another"), in_alarm(BAD, "OK")])
def test_what_is_no_exposure_alarm_in_alarm_changes_nothing(
    event: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    appconfig = at(CANARY)
    assert asked(appconfig, event, monkeypatch) == {"outcome": "none", "changed": False}
    assert appconfig.writes == []
    assert heard.messages + heard.events == []


@pytest.mark.parametrize("event", [{}, {"action": "raise"}, {"Records": []}])
def test_an_event_that_operations_does_not_know_is_an_error_that_says_so(
    event: Any, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"takes .*'check', 'cleanup', 'ramp', 'rearm'; got"):
        asked(at(CANARY), event, monkeypatch)
