"""The register, the marks and the queue of a dataset, as DynamoDB and SQS keep them."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from dataset.register import (
    GROUPS,
    Backfill,
    Difference,
    Fence,
    Phase,
    Register,
    Suspect,
    Verification,
)
from dataset.steps import ClearMark, Intent, Mark, Marker, Seen
from dataset_runtime.api import Api
from dataset_runtime.intents import IntentQueue
from dataset_runtime.register import RegisterTable
from shadow_runtime.aws import Service
from shadow_runtime.contract import Variant
from tests.local.services import new_queues, new_table

DELAY_S = 1


@pytest.fixture
def table(endpoint: str) -> str:
    return new_table(endpoint)


def register_of(table: str) -> RegisterTable:
    """As another execution environment has it."""
    return RegisterTable(Api(Service("dynamodb"), "DynamoDB_20120810"), table)


@pytest.fixture
def register(table: str) -> RegisterTable:
    return register_of(table)


WHOLE = Register(
    phase=Phase.SYNCED,
    epoch=1,
    since=1_796_035_200.25,
    fence=Fence(Phase.SWITCHED, 1_796_035_300.5),
    backfill=Backfill("user-500", 500, is_done=True),
    verification=Verification(
        1_796_035_250.125,
        after="user-500",
        looked_at=500,
        suspects=(Suspect("ädä\n", 3),),
        scanned_at=1_796_035_260.0,
        differences=(Difference("ada", ("name", "*")),),
    ),
)


def test_a_dataset_begins_at_off(register: RegisterTable) -> None:
    assert register.read() == Register()
    assert register.look(("ada",)).seen() == Seen(Register(), ())


@pytest.mark.parametrize(
    "state",
    [WHOLE, replace(WHOLE, fence=None, verification=None), Register(epoch=1)],
    ids=["whole", "without a fence", "at off"],
)
def test_what_was_written_is_read(register: RegisterTable, state: Register) -> None:
    assert register.change(0, state)
    assert register.read() == state


def test_of_two_who_change_the_same_epoch_one_does(register: RegisterTable) -> None:
    assert register.change(0, Register(phase=Phase.DUAL, epoch=1))
    assert not register.change(0, Register(phase=Phase.DUAL, epoch=1, since=9.0))
    assert register.read() == Register(phase=Phase.DUAL, epoch=1)


def test_a_change_that_was_sent_twice_was_made_once(
    table: str, register: RegisterTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Service.send

    def twice(*args: Any, **options: Any) -> Any:
        send(*args, **options).reply(time.monotonic() + 5)  # which nobody hears
        return send(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Service, "send", twice)
        assert register.change(0, Register(phase=Phase.DUAL, epoch=1))
    assert not register_of(table).change(0, Register(phase=Phase.DUAL, epoch=1))


def test_each_group_is_drained_for_its_fence_alone(register: RegisterTable) -> None:
    register.change(0, replace(WHOLE, epoch=1))
    assert all(register.drain(Marker(1, group)) for group in (0, 3, 3))
    assert register.drain(Marker(7, 5)), "a fence of before: it is done with"
    fence = getattr(register.read(), "fence", None)
    assert fence == Fence(Phase.SWITCHED, 1_796_035_300.5, frozenset({0, 3}))
    register.change(1, replace(WHOLE, epoch=2, fence=Fence(Phase.SWITCHED, 2.0)))
    assert getattr(register.read(), "fence", None) == Fence(Phase.SWITCHED, 2.0)


def test_eight_at_a_time_lose_no_change(table: str) -> None:
    register_of(table).change(0, replace(WHOLE, epoch=1, backfill=Backfill()))

    def count(_: int) -> int:
        mine, made = register_of(table), 0
        while made < 5:
            held = mine.read()
            assert held is not None
            enqueued = held.backfill.enqueued + 1
            made += mine.change(held.epoch, held.scanned(Backfill(enqueued=enqueued)))
        return made

    with ThreadPoolExecutor(8) as threads:
        done = sum(threads.map(count, range(8)))
    found = register_of(table).read()
    assert found is not None
    assert (found.backfill.enqueued, found.epoch, done) == (40, 41, 40)


def test_eight_at_a_time_drain_every_group(table: str) -> None:
    register_of(table).change(0, replace(WHOLE, epoch=1))
    with ThreadPoolExecutor(8) as threads:
        [*threads.map(lambda group: register_of(table).drain(Marker(1, group)), range(GROUPS))]
    fence = getattr(register_of(table).read(), "fence", None)
    assert fence is not None
    assert fence.drained == frozenset(range(GROUPS))


def test_who_has_seen_complete_asks_no_more(endpoint: str, register: RegisterTable) -> None:
    complete = Register(phase=Phase.COMPLETE, epoch=1)
    register.change(0, complete)
    assert register.look(("ada",)).seen() == Seen(complete, ())
    register.change(1, replace(complete, epoch=2))
    assert register.read() == complete


def test_marks_are_merged_by_version(register: RegisterTable) -> None:
    newer, older = (Mark("ada", Variant.CANDIDATE, version) for version in (7, 6))
    assert register.put_mark(newer)
    assert register.put_mark(older)
    seen = register.look(("ada", "bob", "ada")).seen()
    assert seen == Seen(Register(), (newer,))


def test_eight_at_a_time_leave_the_newest_mark(table: str) -> None:
    def put(version: int) -> bool:
        return register_of(table).put_mark(Mark("ada", Variant.CANDIDATE, version))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(put, range(1, 9)))
    seen = register_of(table).look(("ada",)).seen()
    assert seen is not None
    assert seen.marks == (Mark("ada", Variant.CANDIDATE, 8),)


def test_a_mark_ends_when_its_cause_has_and_is_found_until_then(register: RegisterTable) -> None:
    unsent = Mark("ada", Variant.CANDIDATE, 0, unsent_at=100.0)
    behind = Mark("bob", Variant.CANDIDATE, 4)
    register.put_mark(unsent)
    register.put_mark(behind)
    assert (sorted(register.marked(9)), len(register.marked(1))) == (["ada", "bob"], 1)
    assert register.unsent() == 1
    register.clear_mark(ClearMark("ada", version=9, unsent_before=99.0, until=500.0))
    register.clear_mark(ClearMark("bob", version=3, unsent_before=999.0, until=500.0))
    assert sorted(register.marked(9)) == ["ada", "bob"], "what is newer than what was looked at"
    register.clear_mark(ClearMark("ada", version=9, unsent_before=101.0, until=500.0))
    register.clear_mark(ClearMark("bob", version=4, unsent_before=999.0, until=501.5))
    register.clear_mark(ClearMark("eve", version=4, unsent_before=999.0, until=501.5))
    assert (register.marked(9), register.unsent()) == ((), 0)
    seen = register.look(("ada", "bob", "eve")).seen()
    assert seen is not None
    assert {mark.until for mark in seen.marks} == {500.0, 501.5}


def test_all_marks_are_found_however_many(register: RegisterTable) -> None:
    for number in range(30):
        register.put_mark(Mark(f"user-{number}", Variant.CONTROL, 1))
    assert len(register.marked(100)) == 30


def test_a_table_that_is_not_there_is_unread_and_changes_nothing(endpoint: str) -> None:
    nowhere = register_of("nowhere")
    assert nowhere.read() is None
    assert nowhere.look(("ada",)).seen() is None
    assert not nowhere.change(0, Register(epoch=1))
    assert not nowhere.drain(Marker(1, 1))
    assert not nowhere.put_mark(Mark("ada", Variant.CONTROL, 1))


def test_a_look_at_more_keys_than_a_batch_holds_is_none(register: RegisterTable) -> None:
    keys = tuple(map(str, range(100)))
    assert register.look(keys).seen() is None
    assert register.look(keys[:99]).seen() is not None


# The queue


@pytest.fixture
def queue(endpoint: str) -> IntentQueue:
    url, dead = new_queues(endpoint, DelaySeconds=str(DELAY_S))
    return IntentQueue(Api(Service("sqs"), "AmazonSQS"), "Users/users", url=url, dead_letters=dead)


def received(queue: IntentQueue, seconds: float = DELAY_S + 2) -> list[Intent | Marker]:
    """What comes out of the queue meanwhile; the queue is looked at as if it were the dead one."""
    same = IntentQueue(queue._sqs, "Users/users", url=queue._url, dead_letters=queue._url)
    found: list[Intent | Marker] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for letter in same.receive_dead():
            found.append(queue.read(letter.body))
            same.delete_dead(letter)
        time.sleep(0.05)
    return found


def test_an_intent_comes_out_after_the_delay_and_not_before(queue: IntentQueue) -> None:
    intent, marker = Intent("ädä", "an-id", "an-attempt"), Marker(3, 5)
    assert queue.send(intent)
    assert queue.send(marker)
    assert (received(queue, DELAY_S / 2), queue.depth()) == ([], 2)
    assert sorted(map(str, received(queue))) == sorted(map(str, [intent, marker]))
    assert queue.depth() == 0


def test_an_attempt_is_sent_once_and_a_second_attempt_again(queue: IntentQueue) -> None:
    attempts = [Intent("ada", "an-id", name) for name in ("first", "first", "second")]
    assert all(map(queue.send, attempts))
    assert received(queue) == [attempts[0], attempts[2]]


def test_a_group_keeps_its_order(queue: IntentQueue) -> None:
    sent = [Intent("ada", "an-id", str(number)) for number in range(5)]
    assert queue.send_all(sent)
    assert received(queue) == sent


def test_more_than_a_batch_is_sent_whole(queue: IntentQueue) -> None:
    sent = [Intent(f"user-{number}", "", "an-attempt") for number in range(23)]
    assert queue.send_all(sent)
    assert queue.depth() == 23
    assert {*received(queue)} == {*sent}


def test_a_queue_that_is_not_there_takes_nothing(queue: IntentQueue) -> None:
    gone = IntentQueue(queue._sqs, "Users/users", url=f"{queue._url}-gone.fifo")
    assert not gone.send(Intent("ada", "an-id", "an-attempt"))
    assert not gone.send_all([Intent("ada", "an-id", "an-attempt")])


@pytest.mark.parametrize(
    "body",
    ["", "{}", "[", '{"dataset": "Other/other", "key": "k", "operation": "", "attempt": ""}'],
    ids=["nothing", "empty", "no JSON", "another dataset's"],
)
def test_what_is_no_message_of_the_dataset_is_refused(queue: IntentQueue, body: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own is one too
        queue.read(body)
