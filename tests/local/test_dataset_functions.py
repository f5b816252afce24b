"""A dataset's two functions on DynamoDB and SQS: how it is filled, verified, moved and repaired."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from dataset.register import DELAY_S, Phase, Verification
from dataset.requests import End, Written, write
from dataset.steps import Apply, Dataset, Intent, Mark, Operation, Record, Step
from dataset_runtime import commands, handler
from dataset_runtime.api import Api
from dataset_runtime.commands import CommandError, Commands
from dataset_runtime.intents import IntentQueue
from dataset_runtime.operation import Attempt
from dataset_runtime.perform import Performer, run
from dataset_runtime.register import RegisterTable
from dataset_runtime.team import Team
from localaws import environment
from shadow_runtime.aws import Service
from shadow_runtime.contract import Variant
from tests.local.services import new_queues, new_table
from tests.runtime.routes import counted
from tests.runtime.written import Store, to_new, to_old

USERS = "Users/users"
KEYS = [f"user-{number:02}" for number in range(25)]


class World:
    """A dataset of 25 users whose stores are in memory, and whose queue is taken by `reconciling`.

    The queue is that of the emulator, the batch and its answer those of Lambda's event source.
    """

    def __init__(self, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
        url, dead = new_queues(endpoint, DelaySeconds=str(int(DELAY_S)), VisibilityTimeout="2")
        self.control, self.candidate = Store("name"), Store("new_name")
        self.control.records = {key: Record(key, 1, {"name": key}) for key in KEYS}
        self.dataset = Dataset(USERS, translate=to_new, inverse=to_old)
        self.perform = Performer(
            RegisterTable(Api(Service("dynamodb"), "DynamoDB_20120810"), new_table(endpoint)),
            IntentQueue(Api(Service("sqs"), "AmazonSQS"), USERS, url=url, dead_letters=dead),
            {Variant.CONTROL: self.control, Variant.CANDIDATE: self.candidate},
        )
        self.commands = Commands(self.dataset, self.perform)
        self.dead_url, self._url = dead, url
        self._sqs = environment.session(endpoint).client("sqs")
        team = Team(self.dataset, lambda request: (request.user,), self.perform)
        monkeypatch.setattr(handler, "_team", lambda: team)
        monkeypatch.setattr(handler, "settings", lambda: SimpleNamespace(dataset=USERS))

    def ask(self, action: str, **more: Any) -> Any:
        return self.commands.do({"action": action, **more})

    def asked_until(self, action: str, is_done: Callable[[Any], bool]) -> Any:
        for _ in range(10):
            if is_done(answer := self.ask(action)):
                return answer
        raise AssertionError(f"{action} has no end: {answer}")

    def take(self) -> list[str]:
        """One batch, as Lambda hands it over; what was not done comes again."""
        found = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, AttributeNames=["All"]
        ).get("Messages", [])
        records = [record_of(message) for message in found]
        if not records:
            return []
        failed = handler.reconcile({"Records": records}, None)["batchItemFailures"]
        left = {each["itemIdentifier"] for each in failed}
        for message in found:
            if message["MessageId"] not in left:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found if message["MessageId"] in left]

    @contextmanager
    def reconciling(self) -> Iterator[None]:
        """The queue is taken from meanwhile."""
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                self.take()
                over.wait(0.05)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def drained(self) -> None:
        until = time.monotonic() + 30
        while self.perform.queue.depth() and time.monotonic() < until:
            time.sleep(0.1)
        assert self.perform.queue.depth() == 0

    def write(self, key: str, name: str) -> Written:
        """As a route's function does it, whose candidate runs here."""
        operation = Operation(f"{key} {name}", name, (key,))

        def perform(step: Step) -> Any:
            if isinstance(step, Apply):
                side = self.control if step.side is Variant.CONTROL else self.candidate
                rows = {side.column: name}
                return (side.apply(Attempt(operation, step.until), key, lambda _: rows),)
            return self.perform(step)

        steps = write(
            self.dataset,
            operation,
            is_exposed=False,
            attempt=f"{time.time()}",
            hold_s=20,
            now=time.time,
        )
        return run(steps, perform)

    def at(self, phase: Phase) -> None:
        """Moved there as if all that it takes had been done."""
        register = self.perform.register.read()
        assert register is not None
        for record in self.control.records.values():
            self.candidate.copy(self.dataset.toward(Variant.CANDIDATE, record))
        clean = Verification(time.time(), differences=())
        made = replace(register, phase=phase, epoch=register.epoch + 1, verification=clean)
        assert self.perform.register.change(register.epoch, made)


def record_of(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:intents.fifo",
        "awsRegion": "us-east-1",
    }


@pytest.fixture
def world(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(endpoint, monkeypatch)


def test_a_dataset_goes_all_the_way_and_back_and_loses_no_write(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    status = world.ask("status")
    assert (status["phase"], status["queued"], status["deadLetters"], status["unsent"]) == (
        Phase.OFF,
        *(0, 0, 0),
    )
    with world.reconciling():
        filled = world.asked_until("backfill", lambda answer: answer["isDone"])
        assert filled["backfill"] == {"after": KEYS[-1], "enqueued": 25, "isDone": True}
        assert filled["phase"] is Phase.DUAL
        assert world.write(KEYS[0], "written at dual").end is End.ACKNOWLEDGED
        world.drained()
        assert world.candidate.records.keys() == {*KEYS}
        found = world.asked_until("verify", lambda answer: answer["isDone"])
        assert found["verification"]["differences"] == []
        assert (found["refusal"], found["phase"]) == ("", Phase.SYNCED)
        assert found["verification"]["differences"] == []
        assert found["verification"]["lookedAt"] == 25
        assert world.ask("preview", to="switched")["holdsS"] >= 10
        assert world.write(KEYS[1], "written at synced").end is End.ACKNOWLEDGED
        held: list[Written] = []
        moving = threading.Thread(target=lambda: answers.append(world.ask("move", to="switched")))
        answers: list[Any] = []
        moving.start()
        time.sleep(2)
        held.append(world.write(KEYS[2], "written while it moves"))
        moving.join()
        assert (answers[0]["refusal"], answers[0]["phase"]) == ("", Phase.SWITCHED)
        assert 9 < answers[0]["heldS"] < 25
        assert (held[0].end, held[0].answers) == (End.ACKNOWLEDGED, Variant.CANDIDATE)
        assert world.write(KEYS[3], "written at switched").end is End.ACKNOWLEDGED
        back = world.ask("switch-back")
        assert (back["changed"], back["phase"]) == (True, Phase.SYNCED)
        assert world.ask("switch-back")["changed"] is False
        world.drained()
    names = [(world.control.records[key].rows or {})["name"] for key in KEYS[:4]]
    assert names == [
        "written at dual",
        "written at synced",
        "written while it moves",
        "written at switched",
    ]
    out = counted(capfd)
    assert out[f"Repaired Dataset={USERS}"] == 24, "one of them was copied at its write"
    assert out[f"FollowerLag Dataset={USERS}"] > 25 * DELAY_S
    assert world.ask("status")["lagS"] is None


def test_what_cannot_be_copied_comes_again_and_is_no_obstacle_for_others(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.at(Phase.SYNCED)
    broken, sound = KEYS[0], KEYS[1]
    world.control.records[broken] = Record(broken, 2, {"other": "s3cret"})
    world.control.records[sound] = Record(sound, 2, {"name": "new"})
    for key in (broken, sound):
        assert world.perform.queue.send(Intent(key, "an-id", "an-attempt"))
    time.sleep(DELAY_S + 0.5)
    left = [*world.take(), *world.take()]
    assert [broken in body for body in left] == [True]
    assert world.candidate.records[sound].version == 2
    assert world.candidate.records[broken].version == 1
    written = capfd.readouterr().out
    assert "UnavailableError" in written
    assert "s3cret" not in written
    assert broken not in written


def test_a_message_that_says_nothing_fails_alone(world: World) -> None:
    world.at(Phase.SYNCED)
    failed = handler.reconcile(
        {
            "Records": [
                record_of(
                    {
                        "MessageId": str(number),
                        "ReceiptHandle": "",
                        "Body": body,
                        "MD5OfBody": "",
                        "Attributes": {
                            "SentTimestamp": "1",
                            "MessageGroupId": str(number),
                            "ApproximateReceiveCount": "1",
                        },
                    }
                )
                for number, body in enumerate(["nonsense", '{"epoch": 1, "group": 2}'])
            ]
        },
        None,
    )
    assert failed == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_a_second_backfill_copies_nothing(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.at(Phase.OFF)
    with world.reconciling():
        assert world.asked_until("backfill", lambda answer: answer["isDone"])
        world.drained()
    assert f"Repaired Dataset={USERS}" not in counted(capfd)


def test_differences_are_shown_by_column_and_repaired_by_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.at(Phase.SYNCED)
    key, lost, extra = KEYS[3], KEYS[4], "zoe"
    world.candidate.records[key] = Record(key, 1, {"new_name": "another"})
    del world.candidate.records[lost]
    world.candidate.records[extra] = Record(extra, 1, {"new_name": "Zoe"})
    found = world.asked_until("verify", lambda answer: answer["isDone"])
    assert found["verification"]["differences"] == [
        {"key": key, "columns": ["new_name"]},
        {"key": lost, "columns": ["*"]},
        {"key": extra, "columns": ["*"]},
    ]
    assert (found["verification"]["isFresh"], found["phase"]) == (False, Phase.SYNCED)
    refused = world.ask("move", to="switched")
    assert "no verification of the last 24 hours" in refused["refusal"]
    repaired = [world.ask("repair", key=each) for each in (key, lost, extra, "nobody", KEYS[0])]
    assert repaired == [
        {"outcome": "repaired", "columns": ["new_name"]},
        {"outcome": "repaired", "columns": ["*"]},
        {"outcome": "repaired", "columns": ["*"]},
        {"outcome": "missing", "columns": []},
        {"outcome": "equal", "columns": []},
    ]


def test_a_scan_whose_time_is_up_goes_on_when_it_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.at(Phase.SYNCED)
    monkeypatch.setattr(commands, "BUDGET_S", 0.3)
    begun = world.ask("verify")
    assert (begun["isDone"], begun["verification"]["lookedAt"]) == (False, 25)
    began = begun["verification"]["startedAt"]
    assert world.ask("verify")["verification"]["startedAt"] == began


def test_dead_letters_keep_the_authority_and_are_sent_again(world: World) -> None:
    world.at(Phase.SYNCED)
    world._sqs.send_message(
        QueueUrl=world.dead_url,
        MessageBody='{"dataset": "Users/users", "key": "user-01", "operation": "", "attempt": "a"}',
        MessageGroupId="1",
        MessageDeduplicationId="1",
    )
    for body in ('{"epoch": 1, "group": 2}', "nonsense"):
        world._sqs.send_message(
            QueueUrl=world.dead_url,
            MessageBody=body,
            MessageGroupId="1",
            MessageDeduplicationId=body[:9].replace('"', "").replace("{", "x").replace(" ", ""),
        )
    assert world.ask("status")["deadLetters"] == 3
    assert world.ask("preview", to="switched")["refusal"].startswith("3 keys wait for a repair")
    assert world.ask("move", to="switched")["heldS"] == 0
    assert world.ask("repair") == {"redriven": 1}
    status = world.ask("status")
    assert (status["deadLetters"], status["queued"]) == (0, 1)


def test_the_sweep_copies_what_no_intent_could_be_sent_of(world: World) -> None:
    world.at(Phase.SYNCED)
    world.control.records[KEYS[0]] = Record(KEYS[0], 2, {"name": "new"})
    world.perform.register.put_mark(Mark(KEYS[0], Variant.CANDIDATE, 0, unsent_at=time.time() - 60))
    assert world.ask("status")["unsent"] == 1
    assert world.ask("sweep") == {"looked": 1}
    assert world.candidate.records[KEYS[0]].version == 2
    assert world.ask("status")["unsent"] == 0


def test_a_move_that_is_refused_says_why_and_moves_nothing(world: World) -> None:
    assert world.ask("move", to="switched") == {
        "refusal": "a dataset at off moves to dual, not to switched",
        "phase": Phase.OFF,
        "heldS": 0.0,
    }
    assert world.ask("verify")["refusal"] == "a dataset at off is copied to no other side"
    assert world.ask("move", to="dual")["refusal"] == ""
    assert world.ask("move", to="dual")["refusal"] == "", "it is there"


@pytest.mark.parametrize(
    "event",
    [
        {"action": "vanish"},
        {"action": "move"},
        {"action": "move", "to": "gone"},
        {"action": "repair", "key": 7},
        {"action": None},
    ],
    ids=str,
)
def test_what_it_does_not_take_is_refused_by_name(world: World, event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"'status', 'move'|off, dual, synced"):
        world.commands.do(event)


def test_a_command_that_the_services_do_not_answer_says_so(world: World) -> None:
    nowhere = replace(
        world.perform,
        register=RegisterTable(Api(Service("dynamodb"), "DynamoDB_20120810"), "nowhere"),
    )
    for action in ("status", "backfill", "verify", "sweep", "switch-back"):
        with pytest.raises(CommandError, match="ask again"):
            Commands(world.dataset, nowhere).do({"action": action})
