"""The flag reader against an AppConfig that is down, slow, wrong or odd: it never lets go of a
good position, never raises, and asks no more often than it may."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import boto3
import pytest
from botocore.config import Config

from shadow_runtime.contract import POLL_INTERVAL, Position
from shadow_runtime.flag import FlagReader
from tests.runtime.played import Reply, Service, nobody_there
from tests.runtime.played_appconfig import CANARY, FAULTS, LIVE, MALFORMED, AppConfig, Fault

# As the route sets them.
CONFIG = Config(connect_timeout=0.2, read_timeout=0.5, retries={"total_max_attempts": 1})


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def appconfig(service: Service) -> AppConfig:
    return AppConfig(service)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(appconfig: AppConfig, service: Service, clock: Clock) -> FlagReader:
    return reading(service.url, clock)


def reading(url: str, clock: Clock) -> FlagReader:
    client = boto3.client("appconfigdata", endpoint_url=url, config=CONFIG)
    return FlagReader(client, application="a1", environment="e1", profile="p1", clock=clock)


def later(reader: FlagReader, clock: Clock, seconds: float = POLL_INTERVAL) -> Position:
    clock.now += seconds
    return reader.read()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_control_answers_until_a_flag_was_read_and_no_later_than_the_first_good_poll(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, fault: Fault
) -> None:
    appconfig.serve(LIVE)
    appconfig.fault = fault
    assert reader.read() == Position.OFF
    appconfig.fault = None
    assert later(reader, clock) == LIVE


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_last_good_position_is_kept_while_appconfig_fails(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, fault: Fault
) -> None:
    appconfig.serve(CANARY)
    assert reader.read() == CANARY
    appconfig.serve(LIVE)
    appconfig.fault = fault
    assert later(reader, clock) == CANARY
    appconfig.fault = None
    assert later(reader, clock) == LIVE


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_flag_leaves_the_position_standing_and_the_corrected_one_is_read_next(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, content: bytes
) -> None:
    appconfig.content = content
    assert reader.read() == Position.OFF
    appconfig.serve(CANARY)
    assert later(reader, clock) == CANARY
    appconfig.content = content
    assert later(reader, clock) == CANARY
    appconfig.serve(LIVE)
    assert later(reader, clock) == LIVE


def test_a_refused_connection_costs_a_moment_and_leaves_control(clock: Clock) -> None:
    with nobody_there() as url:
        assert reading(url, clock).read() == Position.OFF


def test_an_appconfig_that_hangs_costs_one_user_0_7_seconds_at_most(
    appconfig: AppConfig, reader: FlagReader
) -> None:
    appconfig.fault = FAULTS["is slow"]
    started = time.perf_counter()
    reader.read()
    assert time.perf_counter() - started < 0.7 + 0.3  # and what a busy machine adds


def test_a_rejected_token_is_dropped_and_a_new_session_started_within_the_same_poll(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.serve(CANARY)
    reader.read()
    appconfig.serve(LIVE)
    appconfig.forget_tokens()
    assert later(reader, clock) == LIVE
    assert len(appconfig.sessions) == 2


def test_a_session_asks_for_this_routes_flag_and_for_the_interval(
    appconfig: AppConfig, reader: FlagReader
) -> None:
    reader.read()
    assert appconfig.sessions == [
        {
            "ApplicationIdentifier": "a1",
            "EnvironmentIdentifier": "e1",
            "ConfigurationProfileIdentifier": "p1",
            "RequiredMinimumPollIntervalInSeconds": POLL_INTERVAL,
        }
    ]


def test_a_disabled_flag_is_off_at_the_next_poll(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.serve(LIVE)
    assert reader.read() == LIVE
    appconfig.serve_values({"enabled": False})
    assert later(reader, clock) == Position.OFF


def test_an_empty_body_means_that_nothing_changed(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.serve(CANARY)
    assert [later(reader, clock) for _ in range(3)] == [CANARY] * 3
    assert (len(appconfig.sessions), appconfig.polls) == (1, 3)
    assert reader.age == 0


def test_any_number_of_reads_within_the_interval_asks_once(
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
    reader.read()
    asked = len(service.received)
    later(reader, clock, seconds=POLL_INTERVAL - 0.1)
    assert len(service.received) == asked
    later(reader, clock, seconds=0.1)
    assert len(service.received) == 2 * asked


def test_appconfig_may_ask_for_longer_pauses(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    appconfig.interval = 60
    reader.read()
    later(reader, clock, seconds=59.9)
    assert appconfig.polls == 1
    later(reader, clock, seconds=0.1)
    assert appconfig.polls == 2


@pytest.mark.parametrize("interval", [0, -1, 5])
def test_appconfig_cannot_ask_for_shorter_pauses(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, interval: int
) -> None:
    appconfig.interval = interval
    reader.read()
    later(reader, clock, seconds=POLL_INTERVAL - 0.1)
    assert appconfig.polls == 1


def test_while_one_thread_polls_the_others_answer_at_once_with_the_last_good_position(
    appconfig: AppConfig, reader: FlagReader, clock: Clock, service: Service
) -> None:
    appconfig.serve(CANARY)
    reader.read()
    asked, release = Event(), Event()

    def held(_: str) -> Reply:
        asked.set()
        release.wait(5)
        return Reply(status=500)

    appconfig.fault = held
    clock.now += POLL_INTERVAL
    before = len(service.received)
    with ThreadPoolExecutor(1) as other:
        polling = other.submit(reader.read)
        assert asked.wait(5)
        clock.now += 10 * POLL_INTERVAL  # due again, while the first poll is under way
        assert [reader.read() for _ in range(100)] == [CANARY] * 100
        assert len(service.received) == before + 1
        release.set()
        assert polling.result() == CANARY


def test_age_grows_while_appconfig_fails_and_starts_anew_when_it_answers(
    appconfig: AppConfig, reader: FlagReader, clock: Clock
) -> None:
    reader.read()
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
    reader.read()
    later(reader, clock)
    assert reader.age == POLL_INTERVAL
