"""A register and a queue that are slow, gone, throttled, or answer nonsense: what users notice."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dataset.register import Phase, Register
from dataset.steps import Intent, Mark
from dataset_runtime.api import PATIENCE_S, Api, CallError
from dataset_runtime.intents import IntentQueue
from dataset_runtime.register import GRACE_S, RegisterTable
from shadow_runtime.aws import Service
from shadow_runtime.contract import Stage, Variable, Variant
from shadow_runtime.handlers import find
from shadow_runtime.migrating import Migration, migrating
from shadow_runtime.settings import settings
from tests.runtime.played import (
    DEAD,
    HANG_UP,
    SILENCE,
    Received,
    Reply,
    nobody_there,
    once,
    serving,
)
from tests.runtime.played import Service as Played
from tests.runtime.written import Written

BAD: dict[str, Reply | None] = {
    "hangs up": HANG_UP,
    "fails": Reply(500, b'{"__type": "com.amazon.coral#InternalServerError"}'),
    "throttles": Reply(400, b'{"__type": "x#ProvisionedThroughputExceededException"}'),
    "refuses": Reply(400, b'{"__type": "x#AccessDeniedException"}'),
    "answers no JSON": Reply(200, b"<html>"),
    "answers a list": Reply(200, b"[]"),
    "nests too deeply": Reply(200, b"[" * 100_000),
}


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    with serving() as played:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", played.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", played.url)
        yield played


@pytest.fixture
def table(dynamodb: Played) -> RegisterTable:
    return RegisterTable(Api(Service("dynamodb"), "DynamoDB_20120810"), "users")


@pytest.fixture
def queue(dynamodb: Played) -> IntentQueue:
    return IntentQueue(Api(Service("sqs"), "AmazonSQS"), "Users/users", url="https://sqs/intents")


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_is_not_answered_is_not_known_and_not_done(
    bad: Reply | None, dynamodb: Played, table: RegisterTable, queue: IntentQueue
) -> None:
    dynamodb.always(bad)
    assert table.read() is None
    assert table.look(("ada",)).seen() is None
    assert not table.change(0, Register(epoch=1))
    assert not table.put_mark(Mark("ada", Variant.CONTROL, 1))
    assert not queue.send(Intent("ada", "an-id", "an-attempt"))


ITEM = {"pk": {"S": "register"}, "epoch": {"N": "1"}}
NONSENSE: dict[str, Any] = {
    "no state": ITEM,
    "no JSON": {**ITEM, "state": {"S": "{"}},
    "another release's": {**ITEM, "state": {"S": '{"phase": "beyond"}'}},
}


@pytest.mark.parametrize("item", NONSENSE.values(), ids=NONSENSE)
def test_a_register_that_is_none_is_unread(
    item: Any, dynamodb: Played, table: RegisterTable
) -> None:
    dynamodb.script = lambda received: Reply(
        200,
        json.dumps(
            {"Item": item}
            if received.headers["x-amz-target"].endswith("GetItem")
            and "Batch" not in received.headers["x-amz-target"]
            else {"Responses": {"users": [item]}}
        ).encode(),
    )
    assert table.read() is None
    assert table.look(("ada",)).seen() is None


def test_a_look_of_which_a_part_was_throttled_is_none(
    dynamodb: Played, table: RegisterTable
) -> None:
    part = {"Responses": {"users": []}, "UnprocessedKeys": {"users": {"Keys": []}}}
    dynamodb.always(Reply(200, json.dumps(part).encode()))
    assert table.look(("ada",)).seen() is None


def test_a_look_goes_on_while_the_side_is_asked(dynamodb: Played, table: RegisterTable) -> None:
    dynamodb.always(Reply(200, b'{"Responses": {"users": []}}', delay=0.3))
    begun = time.monotonic()
    glance = table.look(("ada",))
    time.sleep(0.3)  # the side
    assert glance.seen() is not None
    assert time.monotonic() - begun < 0.5


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_a_look_on_a_connection_that_died_is_asked_again_however_late_it_is_read(
    dead: Reply | None, dynamodb: Played, table: RegisterTable
) -> None:
    dynamodb.script = once(Reply(200, b'{"Responses": {"users": []}}'), dead)
    assert table.look(("ada",)).seen() is not None
    glance = table.look(("ada",))
    time.sleep(PATIENCE_S + 0.1)  # the side
    begun = time.monotonic()
    assert glance.seen() is not None
    assert time.monotonic() - begun < GRACE_S


def test_a_table_that_hangs_keeps_one_user_waiting_and_then_none(
    dynamodb: Played, table: RegisterTable
) -> None:
    dynamodb.always(SILENCE)
    waits = []
    for _ in range(3):
        begun = time.monotonic()
        assert table.look(("ada",)).seen() is None
        waits.append(time.monotonic() - begun)
    assert PATIENCE_S * 0.9 < waits[0] < PATIENCE_S + 0.5
    assert max(waits[1:]) < 0.1


def test_each_call_ends_in_time_however_slowly_it_trickles(
    dynamodb: Played, queue: IntentQueue
) -> None:
    dynamodb.always(Reply(200, b'{"MessageId": "1"}', pause=0.2))
    begun = time.monotonic()
    assert not queue.send(Intent("ada", "an-id", "an-attempt"))
    assert time.monotonic() - begun < PATIENCE_S + 0.5


def test_an_error_says_its_kind_and_nothing_else(
    dynamodb: Played, capfd: pytest.CaptureFixture[str]
) -> None:
    dynamodb.always(Reply(400, b'{"__type": "x#ValidationException", "message": "s3cret ada"}'))
    with pytest.raises(CallError) as raised:
        Api(Service("dynamodb"), "DynamoDB_20120810").call("GetItem", {"Key": "ada"})
    assert str(raised.value) == "ValidationException"
    said = json.loads(capfd.readouterr().out)
    assert (said["message"], said["call"], said["error"]) == (
        "call failed",
        "DynamoDB_20120810.GetItem",
        "ValidationException",
    )
    assert "s3cret" not in str(said)
    [received] = dynamodb.received
    assert received.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert received.headers["content-type"] == "application/x-amz-json-1.0"


# And a route with them


def on_services(stage: Stage, dynamodb: str, monkeypatch: pytest.MonkeyPatch) -> Written:
    """A route whose register and queue are behind `dynamodb`."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", dynamodb)
    route = Written(stage, Register(phase=Phase.SYNCED))
    made: Any = route
    made.table = RegisterTable(Api(Service("dynamodb"), "DynamoDB_20120810"), "users")
    made.queue = IntentQueue(Api(Service("sqs"), "AmazonSQS"), "Users/users", url="https://sqs/q")
    route.renew()
    return route


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW, Stage.canary(percent=100), Stage.LIVE])
def test_without_a_register_reads_are_answered_and_writes_come_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nobody_there() as url:
        route = on_services(stage, url, monkeypatch)
        assert json.loads(route.get().body) == {"name": "Ada"}
        refused = route.put()
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert route.versions == [1, 1]


def test_a_register_that_hangs_delays_a_write_by_no_more_than_its_patience(
    dynamodb: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamodb.always(SILENCE)
    route = on_services(Stage.LIVE, dynamodb.url, monkeypatch)
    begun = time.monotonic()
    assert route.put().status == 503
    assert time.monotonic() - begun < PATIENCE_S + 0.5


def test_a_slow_queue_leaves_no_effect_outside_of_the_lease(
    dynamodb: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {
        "phase": "synced",
        **{"since": 0, "fence": None, "verification": None},
        "backfill": {"after": "", "enqueued": 0, "is_done": True},
    }
    item = {"Item": {**ITEM, "state": {"S": json.dumps(state)}}}
    clock = [1_000_000.0]

    def answer(received: Received) -> Reply:
        if received.headers["x-amz-target"] == "AmazonSQS.SendMessage":
            clock[0] += 2.5
        return Reply(200, json.dumps(item).encode())

    dynamodb.script = answer
    route = on_services(Stage.SHADOW, dynamodb.url, monkeypatch)
    route.renew(now=lambda: clock[0])
    assert (route.put().status, route.versions) == (503, [1, 1])


def test_a_route_function_finds_its_dataset_by_its_settings(
    dynamodb: Played, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        Variable.DATASET: "Users/users",
        Variable.DATASET_PACKAGE: "datasets.users",
        Variable.DATASET_TABLE: "users",
        Variable.DATASET_QUEUE: "https://sqs/intents",
    }.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    found = find(Migration, migrating(lambda event, context: {"statusCode": 204}))
    assert found is not None
    made: Any = getattr(found._runtime, "dataset", None)
    assert made.dataset.name == "Users/users"
    assert made.perform.stores.keys() == {Variant.CONTROL}
