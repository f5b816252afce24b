"""The flag reader against an AppConfig that is down, slow, wrong or odd: it never lets go of a
good position, never raises, asks no more often than it may, and lets nobody wait for long."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event

import pytest

from shadow_runtime import aws, flag
from shadow_runtime.contract import POLL_INTERVAL, Position
from shadow_runtime.flag import LONGEST_PAUSE, PATIENCE, YOUNG, FlagReader
from tests.runtime.played import DEAD, SILENCE, Reply, Service, nobody_there
from tests.runtime.played_appconfig import CANARY, FAULTS, LIVE, MALFORMED, AppConfig, Fault

LEEWAY = 0.3  # seconds that a busy machine adds


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def appconfig(service: Service) -> AppConfig:
    return AppConfig(service)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(
    appconfig: AppConfig, service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> FlagReader:
    monkeypatch.setenv("AWS_ENDPOINT_URL_APPCONFIGDATA", service.url)
    return reading(clock)


def reading(clock: Clock) -> FlagReader:
    appconfig = aws.Service("appconfigdata")
    return FlagReader(appconfig, application="a1", environment="e1", profile="p1", clock=clock)


def request(reader: FlagReader) -> Position:
    """What one request acts on."""
    with reader.current() as position:
        return position


def later(reader: FlagReader, clock: Clock, seconds: float = POLL_INTERVAL) -> Position:
    """What the request after the next one acts on: the next one polls, if a poll is due."""
    clock.now += seconds
    request(reader)
    return request(reader)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_control_answers_until_a_flag_was_read_and_no_later_than_the_first_good_poll(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, fault: Fault
) -> None:
    appconfig.serve(LIVE)
    appconfig.fault = fault
    assert request(reader) == Position.OFF
    appconfig.fault = None
    clock.now += 2 * POLL_INTERVAL
    assert request(reader) == LIVE


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_last_good_position_is_kept_while_appconfig_fails(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, fault: Fault
) -> None:
    appconfig.serve(CANARY)
    assert request(reader) == CANARY
    appconfig.serve(LIVE)
    appconfig.fault = fault
    assert later(reader, clock) == CANARY
    appconfig.fault = None
    assert later(reader, clock, 2 * POLL_INTERVAL) == LIVE


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_flag_leaves_the_position_standing_and_the_corrected_one_is_read_next(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, content: bytes
) -> None:
    appconfig.content = content
    assert request(reader) == Position.OFF
    appconfig.serve(CANARY)
    assert later(reader, clock) == CANARY
    appconfig.content = content
    assert later(reader, clock) == CANARY
    appconfig.serve(LIVE)
    assert later(reader, clock) == LIVE


def test_an_environment_that_never_read_a_flag_says_so(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.content = b"{"
    request(reader)
    assert reader.is_unread
    appconfig.serve(Position.OFF)
    later(reader, clock)
    assert not reader.is_unread
    appconfig.content = b"{"
    later(reader, clock)
    assert not reader.is_unread


def test_a_refused_connection_costs_a_moment_and_leaves_control(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nobody_there() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_APPCONFIGDATA", url)
        assert request(reading(clock)) == Position.OFF


def test_the_first_poll_is_in_init_where_nobody_waits(
    appconfig: AppConfig, reader: FlagReader
) -> None:
    appconfig.serve(LIVE)
    reader.start()
    assert appconfig.polls == 1
    assert request(reader) == LIVE
    assert appconfig.polls == 1


def test_a_first_poll_that_fails_is_repeated_once(appconfig: AppConfig, reader: FlagReader) -> None:
    calls = iter([FAULTS["throttles"]("start"), None])
    appconfig.serve(LIVE)
    appconfig.fault = lambda _: next(calls) or setattr(appconfig, "fault", None)  # type: ignore[func-returns-value]
    reader.start()
    assert request(reader) == LIVE


def test_an_appconfig_that_is_slow_in_init_is_waited_for(
    appconfig: AppConfig, reader: FlagReader, service: Service
) -> None:
    appconfig.serve(LIVE)
    prompt, slow = service.script, PATIENCE + 0.2

    def script(received: object) -> Reply | None:
        time.sleep(slow / 2)
        return prompt(received)  # type: ignore[arg-type]

    service.script = script
    reader.start()
    assert request(reader) == LIVE


def test_an_appconfig_that_hangs_in_init_is_not_waited_for_for_ever(
    appconfig: AppConfig, reader: FlagReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flag, "INIT_PATIENCE", 0.2)
    appconfig.fault = FAULTS["is slow"]
    assert timed(reader.start) < 2 * 0.2 + LEEWAY


HANGS = {"hangs": SILENCE, "trickles": Reply(200, b"x" * 1_000, pause=0.05)}


@pytest.mark.parametrize("reply", HANGS.values(), ids=HANGS)
@pytest.mark.parametrize("has_flag", [True, False])
def test_an_appconfig_that_hangs_or_trickles_costs_one_user_0_7_seconds_in_total(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, reply: Reply, *, has_flag: bool
) -> None:
    assert PATIENCE == 0.7
    if has_flag:
        request(reader)
    appconfig.fault = lambda _: reply
    clock.now += POLL_INTERVAL
    assert timed(lambda: request(reader)) < PATIENCE + LEEWAY
    assert timed(lambda: request(reader)) < 0.1


@pytest.mark.parametrize("reply", HANGS.values(), ids=HANGS)
def test_an_appconfig_that_hangs_is_asked_less_and_less_often_until_it_answers(
    appconfig: AppConfig,
    reader: FlagReader,
    clock: Clock,
    service: Service,
    reply: Reply,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appconfig.fault = lambda _: reply
    asked: list[float] = []
    with monkeypatch.context() as brief:
        brief.setattr(flag, "PATIENCE", 0.1)
        for _ in range(1_000):
            before = len(service.received)
            request(reader)
            if len(service.received) > before:
                asked.append(clock.now)
            clock.now += 1
    pauses = [after - before for before, after in pairwise(asked)]
    assert pauses == [30, 60, 120, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    appconfig.fault = None
    appconfig.serve(LIVE)
    assert later(reader, clock, LONGEST_PAUSE) == LIVE
    appconfig.serve(CANARY)
    assert later(reader, clock) == CANARY  # as soon as ever


def test_a_young_position_serves_while_the_poll_runs_beside_control(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, service: Service
) -> None:
    appconfig.serve(CANARY)
    request(reader)
    appconfig.serve(LIVE)
    prompt, asked, control_runs = service.script, Event(), Event()

    def waits_for_control(received: object) -> Reply | None:
        asked.set()
        assert control_runs.wait(PATIENCE)
        return prompt(received)  # type: ignore[arg-type]

    service.script = waits_for_control
    clock.now += YOUNG - 1
    with reader.current() as position:
        control_runs.set()
        assert position == CANARY
        assert asked.wait(PATIENCE)
    assert request(reader) == LIVE


def test_a_position_of_a_minute_serves_nobody_before_the_poll(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.serve(LIVE)
    request(reader)
    appconfig.serve_values({"enabled": False})
    clock.now += YOUNG
    assert request(reader) == Position.OFF


@pytest.mark.parametrize("back", [0.001, 5, 1_000_000])
def test_a_clock_that_went_back_polls_at_once(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, back: float
) -> None:
    appconfig.serve(LIVE)
    request(reader)
    appconfig.serve_values({"enabled": False})
    clock.now -= back
    assert request(reader) == Position.OFF


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
@pytest.mark.parametrize("frozen", [POLL_INTERVAL, 600])
def test_after_a_freeze_a_dead_connection_is_replaced_within_the_same_poll(
    appconfig: AppConfig,
    reader: FlagReader,
    clock: Clock,
    service: Service,
    dead: Reply | None,
    frozen: float,
) -> None:
    appconfig.serve(LIVE)
    request(reader)  # a session and a poll
    alive = service.script
    service.script = lambda received: alive(received) if received.nth <= 2 else dead
    appconfig.serve_values({"enabled": False})
    clock.now += frozen
    started = time.perf_counter()
    request(reader)
    assert time.perf_counter() - started < PATIENCE
    assert (request(reader), reader.age) == (Position.OFF, 0)
    assert [received.nth for received in service.received] == [1, 2, 3, 1]


def test_no_poll_is_left_half_read_when_a_request_ends(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, service: Service
) -> None:
    appconfig.serve(CANARY)
    request(reader)
    appconfig.serve(LIVE)
    for work in (lambda: None, lambda: 1 // 0):
        clock.now += POLL_INTERVAL
        try:
            with reader.current():
                work()
        except ZeroDivisionError:
            assert reader.age == 0  # what control raises goes on, after the poll was read
    assert request(reader) == LIVE
    assert appconfig.polls == 3


def test_a_rejected_token_is_dropped_and_a_new_session_started_within_the_same_poll(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.serve(CANARY)
    request(reader)
    appconfig.serve(LIVE)
    appconfig.forget_tokens()
    assert later(reader, clock) == LIVE
    assert len(appconfig.sessions) == 2


def test_a_session_asks_for_this_routes_flag_and_for_the_interval(
    appconfig: AppConfig, reader: FlagReader
) -> None:
    request(reader)
    assert appconfig.sessions == [
        {
            "ApplicationIdentifier": "a1",
            "EnvironmentIdentifier": "e1",
            "ConfigurationProfileIdentifier": "p1",
            "RequiredMinimumPollIntervalInSeconds": POLL_INTERVAL,
        }
    ]


def test_a_disabled_flag_is_off_one_request_after_the_next_poll(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.serve(LIVE)
    assert request(reader) == LIVE
    appconfig.serve_values({"enabled": False})
    assert later(reader, clock) == Position.OFF


def test_an_empty_body_means_that_nothing_changed(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.serve(CANARY)
    assert [later(reader, clock) for _ in range(3)] == [CANARY] * 3
    assert (len(appconfig.sessions), appconfig.polls) == (1, 3)
    assert reader.age == 0


def test_any_number_of_requests_within_the_interval_asks_once(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    for _ in range(1_000):
        later(reader, clock, seconds=0.014)
    assert appconfig.polls == 1
    later(reader, clock, seconds=1.1)
    assert appconfig.polls == 2


@pytest.mark.parametrize("fault", ["fails", "refuses every token"])
def test_an_appconfig_that_fails_is_asked_no_more_often(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, service: Service, fault: str
) -> None:
    appconfig.fault = FAULTS[fault]
    request(reader)
    asked = len(service.received)
    later(reader, clock, seconds=POLL_INTERVAL - 0.1)
    assert len(service.received) == asked
    later(reader, clock, seconds=0.1)
    assert len(service.received) == 2 * asked


def test_appconfig_may_ask_for_longer_pauses(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.interval = 60
    request(reader)
    later(reader, clock, seconds=59.9)
    assert appconfig.polls == 1
    later(reader, clock, seconds=0.1)
    assert appconfig.polls == 2


@pytest.mark.parametrize("interval", [0, -1, 5])
def test_appconfig_cannot_ask_for_shorter_pauses(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, interval: int
) -> None:
    appconfig.interval = interval
    request(reader)
    later(reader, clock, seconds=POLL_INTERVAL - 0.1)
    assert appconfig.polls == 1


def test_while_one_thread_polls_the_others_answer_at_once_with_the_last_good_position(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, service: Service
) -> None:
    appconfig.serve(CANARY)
    request(reader)
    asked, release = Event(), Event()

    def held(_: str) -> Reply:
        asked.set()
        release.wait(5)
        return Reply(status=500)

    appconfig.fault = held
    clock.now += POLL_INTERVAL
    before = len(service.received)
    with ThreadPoolExecutor(1) as other:
        polling = other.submit(request, reader)
        assert asked.wait(5)
        clock.now += 10 * POLL_INTERVAL  # due again, while the first poll is under way
        assert [request(reader) for _ in range(100)] == [CANARY] * 100
        assert len(service.received) == before + 1
        release.set()
        assert polling.result() == CANARY


def test_age_grows_while_appconfig_fails_and_starts_anew_when_it_answers(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    request(reader)
    ages = []
    for fault in (None, FAULTS["fails"], FAULTS["fails"], None):
        appconfig.fault = fault
        later(reader, clock)
        ages.append(reader.age)
    assert ages == [0, POLL_INTERVAL, 2 * POLL_INTERVAL, 0]


def test_age_counts_from_the_start_when_no_flag_was_ever_read(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.fault = FAULTS["fails"]
    request(reader)
    later(reader, clock)
    assert reader.age == POLL_INTERVAL
