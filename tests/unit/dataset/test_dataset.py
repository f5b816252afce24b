"""What a dataset does in the ordinary cases, and what it refuses."""

from dataclasses import replace
from typing import Any

import pytest

from dataset.reconciler import Repair, Repaired, reconcile, repair
from dataset.register import AT_ONCE, FENCE_S, FENCED, FRESH_S, Difference, Phase, Register
from dataset.requests import End, Rehearsed, Written, differing, may_answer, read, rehearse, write
from dataset.steps import Dataset, Intent, Mark, Operation, Record, Seen, UnavailableError
from shadow_runtime.contract import Variant
from tests.unit.dataset.play import ADA, BOB, PEOPLE, Play
from tests.unit.dataset.world import USERS, Task


@pytest.fixture
def synced() -> Play:
    """Both users are known, and both sides are equal."""
    play = Play()
    for user in PEOPLE:
        play.run(play.write(user, "update", 0))
    play.synced()
    return play


def moved(play: Play, to: Phase) -> str:
    """Why the phase was not moved; empty when it was."""
    said: list[str] = []
    task = play.move(to)
    task.done = said.append
    play.run(task)
    return said[0]


def written(play: Play, operation: Operation, *fates: str, is_exposed: bool = False) -> Written:
    """How a write ends whose first steps have these fates."""
    ends: list[Written] = []
    play.numbers += 1
    clock = play.world.now_in(0)
    steps = write(
        USERS,
        operation,
        is_exposed=is_exposed,
        attempt=f"test{play.numbers}",
        hold_s=20,
        now=clock,
    )
    task = play.world.start(Task("write", steps, done=ends.append))
    for fate in fates:
        play.world.step(task, fate)
    play.run(task)
    return ends[0]


UPDATE = Operation("an-id", "a body", (ADA,))


def versions(play: Play, key: str = ADA) -> list[int]:
    return [play.world.stores[side][key].version for side in Variant]


def test_a_write_is_in_both_stores_when_it_is_acknowledged(synced: Play) -> None:
    found = written(synced, UPDATE)
    assert (found.end, found.answers, found.unreconciled) == (End.ACKNOWLEDGED, Variant.CONTROL, 0)
    assert versions(synced) == [2, 2]


def test_who_is_on_the_candidate_is_told_by_it(synced: Play) -> None:
    assert written(synced, UPDATE, is_exposed=True).answers is Variant.CANDIDATE
    moved(synced, Phase.DUAL)
    again = Operation("another-id", "", (ADA,))
    assert written(synced, again, is_exposed=True).answers is Variant.CONTROL


def test_at_off_a_write_is_controls_alone() -> None:
    play = Play()
    assert written(play, UPDATE).end is End.ACKNOWLEDGED
    assert [len(store) for store in play.world.stores.values()] == [1, 0]
    assert play.world.queue == []


def test_the_same_id_again_changes_nothing_and_is_answered_alike(synced: Play) -> None:
    first = written(synced, UPDATE)
    assert written(synced, UPDATE) == first
    assert versions(synced) == [2, 2]


def test_the_same_id_with_another_body_is_a_conflict(synced: Play) -> None:
    written(synced, UPDATE)
    assert written(synced, replace(UPDATE, digest="another body")).end is End.CONFLICT
    assert versions(synced) == [2, 2]


def test_a_key_that_the_dataset_does_not_know_is_missing(synced: Play) -> None:
    unknown = Operation("an-id", "", ("eve",), body="must be known")
    assert written(synced, unknown).end is End.MISSING


def test_what_the_authority_rejects_has_changed_nothing(synced: Play) -> None:
    assert written(synced, replace(UPDATE, body="malformed")).end is End.REJECTED
    assert versions(synced) == [1, 1]


def test_without_the_register_nothing_is_written(synced: Play) -> None:
    assert written(synced, UPDATE, "refused").end is End.REFUSED
    assert versions(synced) == [1, 1]


def test_without_the_queue_who_is_exposed_is_refused_and_others_leave_a_mark(synced: Play) -> None:
    assert written(synced, UPDATE, "ok", "refused", is_exposed=True).end is End.REFUSED
    assert versions(synced) == [1, 1]
    found = written(synced, UPDATE, "ok", "refused")
    assert (found.end, found.unreconciled) == (End.ACKNOWLEDGED, 1)
    assert synced.world.marks[ADA].unsent_at
    assert written(synced, UPDATE, "ok", "refused", "refused").end is End.REFUSED


def test_what_the_authority_does_not_answer_is_not_acknowledged(synced: Play) -> None:
    assert written(synced, UPDATE, "ok", "ok", "lost").end is End.AMBIGUOUS
    assert versions(synced) == [2, 1]
    synced.settle()
    assert versions(synced) == [2, 2]


def test_what_can_be_neither_copied_nor_marked_is_not_acknowledged(synced: Play) -> None:
    fates = ("ok", "ok", "ok", "refused", "refused")
    assert written(synced, UPDATE, *fates).end is End.AMBIGUOUS


def test_a_record_that_cannot_be_translated_fails_no_users_write(synced: Play) -> None:
    def broken(_: Any) -> Any:
        raise KeyError("log")

    steps = write(
        Dataset("users", broken, broken),
        UPDATE,
        is_exposed=False,
        attempt="an-attempt",
        hold_s=20,
        now=synced.world.now_in(0),
    )
    ends: list[Written] = []
    synced.run(synced.world.start(Task("write", steps, done=ends.append)))
    assert [each.end for each in ends] == [End.ACKNOWLEDGED]
    assert versions(synced) == [2, 1]
    assert synced.world.marks[ADA].version == 2


def test_what_the_author_raises_is_told_by_its_kind_alone() -> None:
    def broken(_: Any) -> Any:
        raise ValueError("ada@example.com")

    with pytest.raises(UnavailableError) as raised:
        Dataset("users", broken, broken).toward(Variant.CANDIDATE, Record("ada", 1, {}))
    assert str(raised.value) == "users: ValueError"


def test_a_key_that_could_not_be_copied_is_answered_by_the_authority(synced: Play) -> None:
    synced.exposed[0][ADA] = True
    assert written(synced, UPDATE, "ok", "ok", "ok", "refused").end is End.ACKNOWLEDGED
    asked: list[Any] = []
    for _ in range(2):
        task = synced.read(ADA, 0)
        task.done = asked.append
        synced.run(task)
        synced.settle()
        synced.world.wait(10)
    assert [(got.side, got.is_unheard) for got in asked] == [
        (Variant.CONTROL, True),
        (Variant.CANDIDATE, False),
    ]


def test_a_flag_that_is_ahead_of_the_phase_shows_nobody_the_candidate(synced: Play) -> None:
    moved(synced, Phase.DUAL)
    synced.exposed[0][ADA] = True
    asked: list[Any] = []
    task = synced.read(ADA, 0)
    task.done = asked.append
    synced.run(task)
    assert asked[0].side is Variant.CONTROL


@pytest.mark.parametrize(
    ("phase", "mark", "sides"),
    [
        (Phase.SYNCED, None, "candidate control"),
        (Phase.SWITCHED, None, "candidate control"),
        (Phase.SWITCHED, Mark(ADA, Variant.CONTROL, 2), "candidate"),
        (Phase.COMPLETE, None, "candidate"),
    ],
    ids=["synced", "switched", "switched and control is behind", "complete"],
)
def test_control_stands_in_for_the_candidate_unless_it_is_behind(
    phase: Phase, mark: Mark | None, sides: str
) -> None:
    steps = read(Variant.CANDIDATE, (ADA,), now=lambda: 0.0)
    asked = [next(steps).ask.side]  # type: ignore[union-attr]
    try:
        seen = Seen(Register(phase=phase), (mark,) if mark else ())
        asked.append(steps.send((None, seen)).side)  # type: ignore[union-attr]
        steps.send("an answer")
    except StopIteration as stopped:
        answer = stopped.value
    assert " ".join(asked) == sides
    assert (answer.answer is None, answer.is_unheard) == (len(asked) == 1, False)


def test_the_authority_is_heard_whatever_a_late_mark_tells_of_it() -> None:
    late = Mark(ADA, Variant.CANDIDATE, version=1)
    for phase in (Phase.SWITCHED, Phase.COMPLETE):
        assert may_answer(Variant.CANDIDATE, Seen(Register(phase=phase), (late,)), now=0.0)
    assert not may_answer(Variant.CANDIDATE, Seen(Register(phase=Phase.SYNCED), (late,)), now=0.0)


def test_a_mark_that_came_after_its_intent_is_cleared_by_the_sweep(synced: Play) -> None:
    synced.world.marks[ADA] = Mark(ADA, Variant.CANDIDATE, version=1)
    synced.run(synced.sweep())
    assert synced.world.marks[ADA].until


# The authority moves


def test_the_authority_moves_and_back_and_nothing_is_lost(synced: Play) -> None:
    assert moved(synced, Phase.SWITCHED) == ""
    assert written(synced, UPDATE).answers is Variant.CANDIDATE
    assert versions(synced) == [2, 2]
    assert moved(synced, Phase.SYNCED) == ""
    assert written(synced, replace(UPDATE, id="back again")).end is End.ACKNOWLEDGED
    assert versions(synced) == [3, 3]
    assert written(synced, UPDATE).end is End.ACKNOWLEDGED
    assert versions(synced) == [3, 3], "an id of before the switch is known after it"


def test_a_write_is_held_while_the_authority_moves(synced: Play) -> None:
    task = synced.move(Phase.SWITCHED)
    for _ in range(3):
        synced.world.step(task)
    assert synced.world.register.fence is not None
    held = synced.write(ADA, "update", 0)
    for _ in range(7):  # it looks, and waits a little
        synced.world.step(held)
    assert held in synced.world.tasks
    synced.run(task)
    assert synced.phase is Phase.SWITCHED
    synced.run(held)
    assert versions(synced) == [2, 2]


def test_a_fence_whose_owner_died_is_lifted_by_the_next_write(synced: Play) -> None:
    task = synced.move(Phase.SWITCHED)
    for _ in range(3):
        synced.world.step(task)
    synced.world.kill(task)
    synced.world.wait(FENCE_S + 2)
    assert written(synced, UPDATE).end is End.ACKNOWLEDGED
    assert (synced.phase, synced.world.register.fence) == (Phase.SYNCED, None)


def test_an_owner_that_comes_back_to_a_lifted_fence_moves_nothing(synced: Play) -> None:
    said: list[str] = []
    task = synced.move(Phase.SWITCHED)
    task.done = said.append
    for _ in range(3):
        synced.world.step(task)
    synced.world.wait(FENCE_S + 2)
    written(synced, UPDATE)
    synced.run(task)
    assert said[0].endswith("nothing was moved")
    assert synced.phase is Phase.SYNCED


def test_a_queue_that_nobody_takes_leaves_everything_as_it_was(synced: Play) -> None:
    said: list[str] = []
    task = synced.move(Phase.SWITCHED)
    task.done = said.append
    synced.world.run(task)  # and no message is delivered
    assert said == ["the queue was not empty after 25 seconds: nothing was moved"]
    assert (synced.phase, synced.world.register.fence) == (Phase.SYNCED, None)


@pytest.mark.parametrize("left", ["a dead letter", "an intent that was not sent"])
def test_nothing_is_moved_while_a_key_waits_for_a_repair(synced: Play, left: str) -> None:
    if left == "a dead letter":
        synced.world.dead.append(Intent(ADA, "an-id", "an attempt"))
    else:
        synced.world.marks[ADA] = Mark(ADA, Variant.CANDIDATE, 0, unsent_at=1.0)
    assert moved(synced, Phase.SWITCHED) == "1 keys wait for a repair: nothing was moved"


def test_a_switch_needs_a_verification_of_the_last_day(synced: Play) -> None:
    synced.world.wait(FRESH_S)
    unproven = "no verification of the last 24 hours found both sides equal: verify again"
    assert moved(synced, Phase.SWITCHED) == unproven
    synced.verified()
    assert moved(synced, Phase.SWITCHED) == ""


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("to", Phase)
def test_a_phase_moves_one_step(phase: Phase, to: Phase) -> None:
    register = Register(phase=phase)
    if (phase, to) not in AT_ONCE | FENCED:
        assert f"a dataset at {phase} moves to " in register.refusal(to, now=0.0)
    elif to in (Phase.DUAL, Phase.OFF, Phase.COMPLETE) or phase is Phase.SWITCHED:
        assert register.refusal(to, now=0.0) == "", "a way back is always open"
    else:
        assert register.refusal(to, now=0.0)


def test_from_off_on_the_candidates_data_is_unknown_again(synced: Play) -> None:
    moved(synced, Phase.OFF)
    moved(synced, Phase.DUAL)
    assert moved(synced, Phase.SYNCED) == "the backfill is not done"


# Backfill and verification


def test_a_backfill_is_resumed_and_a_second_one_copies_nothing(synced: Play) -> None:
    moved(synced, Phase.OFF)
    moved(synced, Phase.DUAL)
    for done in (1, 2, 2):
        synced.run(synced.backfill())
        assert synced.world.register.backfill.enqueued == done
    assert synced.world.register.backfill.is_done
    synced.world.wait(10)
    copied: list[bool] = []
    for _ in PEOPLE:
        for number in range(2):
            if (task := synced.deliver(number)) is not None:
                task.done = copied.append
                synced.run(task)
    assert copied == [False, False]


def wrong(record: Record | None) -> dict[str, Record]:
    return {} if record is None else {record.key: record}


@pytest.mark.parametrize(
    ("copy", "columns"),
    [
        (None, ("*",)),
        (Record("ada", 1, {"entries": "another"}), ("entries",)),
        (Record("ada", 0, {"entries": "op1"}), ("version",)),
        (Record("ada", 1, None), ("*",)),
    ],
    ids=["missing", "differs", "is behind", "was deleted"],
)
def test_a_verification_finds_what_differs_by_column(
    synced: Play, copy: Record | None, columns: tuple[str, ...]
) -> None:
    store = synced.world.stores[Variant.CANDIDATE]
    del store[ADA]
    store.update(wrong(copy))
    synced.verified()
    verification = synced.world.register.verification
    assert verification is not None
    [difference] = verification.differences or ()
    assert (difference, verification.looked_at) == (Difference(ADA, columns), 2)
    synced.world.wait(1)
    assert "no verification" in moved(synced, Phase.SWITCHED)


def test_a_verification_finds_what_only_the_follower_knows(synced: Play) -> None:
    synced.world.stores[Variant.CANDIDATE]["zoe"] = Record("zoe", 1, {"entries": ""})
    synced.verified()
    [difference] = synced.world.register.verification.differences  # type: ignore[union-attr, misc]
    assert difference == Difference("zoe", ("*",))


TAMPERED: dict[str, tuple[Record | None, Repaired]] = {
    "equal": (Record(ADA, 1, {"entries": "op1"}), Repaired(Repair.EQUAL)),
    "differs": (Record(ADA, 1, {"entries": "another"}), Repaired(Repair.REPAIRED, ("entries",))),
    "is behind": (Record(ADA, 0, {"entries": "op1"}), Repaired(Repair.REPAIRED, ("version",))),
    "is lost": (None, Repaired(Repair.REPAIRED, ("*",))),
    "was deleted": (Record(ADA, 1, None), Repaired(Repair.REPAIRED, ("*",))),
    "is ahead": (Record(ADA, 2, {"entries": "op1"}), Repaired(Repair.AHEAD, ("version",))),
}


@pytest.mark.parametrize(("copy", "expected"), TAMPERED.values(), ids=TAMPERED)
def test_a_repair_makes_a_key_equal(synced: Play, copy: Record | None, expected: Repaired) -> None:
    store = synced.world.stores[Variant.CANDIDATE]
    del store[ADA]
    store.update(wrong(copy))
    assert repaired(synced, ADA) == expected
    if expected.outcome is not Repair.AHEAD:
        synced.check_equal()


def repaired(play: Play, key: str) -> Repaired:
    found: list[Repaired] = []
    task = play.repair(key)
    task.done = found.append
    play.run(task)
    return found[0]


def test_a_repair_deletes_what_the_authority_never_knew(synced: Play) -> None:
    assert repaired(synced, "zoe") == Repaired(Repair.MISSING)
    synced.world.stores[Variant.CANDIDATE]["zoe"] = Record("zoe", 1, {"entries": ""})
    assert repaired(synced, "zoe") == Repaired(Repair.REPAIRED, ("*",))
    synced.verified()
    assert synced.world.register.verification.differences == ()  # type: ignore[union-attr]


def test_a_repair_says_so_where_a_store_gives_back_something_else(synced: Play) -> None:
    other = Dataset("users", lambda old: {"entries": len(old["log"]), "at": 1.5}, dict)
    synced.world.stores[Variant.CANDIDATE][ADA] = Record(ADA, 1, {"entries": 0})
    steps = repair(other, ADA)
    found: list[Any] = []
    task = synced.world.start(Task("repair", steps, done=found.append))
    forgetful = synced.world.stores[Variant.CANDIDATE]
    while task in synced.world.tasks:
        synced.world.step(task)
        forgetful[ADA] = Record(ADA, 1, {"entries": 0})
    assert found == [Repaired(Repair.DIFFERS, ("entries", "at"))]


def test_what_is_written_during_a_verification_is_no_difference(synced: Play) -> None:
    synced.run(synced.verify())
    written(synced, replace(UPDATE, keys=(BOB,)), "ok", "ok", "lost")
    synced.run(synced.verify())
    synced.run(synced.verify())
    assert [each.key for each in synced.world.register.verification.suspects] == [BOB]  # type: ignore[union-attr]
    synced.world.wait(10)
    while (task := synced.deliver(0)) is not None:
        synced.run(task)
    synced.verified()
    assert synced.world.register.verification.differences == ()  # type: ignore[union-attr]


def test_a_deletion_is_copied_and_is_no_difference(synced: Play) -> None:
    synced.run(synced.write(ADA, "delete", 0))
    assert [synced.world.stores[side][ADA].rows for side in Variant] == [None, None]
    synced.verified()
    assert synced.world.register.verification.differences == ()  # type: ignore[union-attr]


def test_an_old_copy_that_comes_late_changes_nothing(synced: Play) -> None:
    written(synced, UPDATE, "ok", "ok", "ok", "late")
    written(synced, replace(UPDATE, id="another"))
    for landing in [*synced.world.landings]:
        synced.world.land(landing)
    assert versions(synced) == [3, 3]


def test_at_off_an_intent_moves_nothing(synced: Play) -> None:
    moved(synced, Phase.OFF)
    steps = reconcile(USERS, Intent(ADA, "an-id", "a"), now=lambda: 0.0)
    copied: list[bool] = []
    synced.run(synced.world.start(Task("reconcile", steps, done=copied.append)))
    assert copied == [False]


# The shadow of a write


def test_a_dry_run_tells_what_control_left_and_what_the_candidate_would_have(synced: Play) -> None:
    before = (synced.world.stores[Variant.CONTROL][ADA],)
    right = (replace(before[0], version=2, rows={"log": [*before[0].rows["log"], "dry"]}),)  # type: ignore[index]
    found: list[Rehearsed] = []
    for after in (right, before, ()):
        steps = rehearse(USERS, Operation("dry", "", (ADA,)), before, after)
        task = Task("rehearse", steps, done=found.append)
        synced.run(synced.world.start(task))
    assert [each.answer for each in found] == ["answered"] * 3
    assert [left == wanted for each in found for wanted, left in each.pairs] == [True, False, False]
    assert [wanted is None for each in found for wanted, _ in each.pairs] == [False, False, True]
    assert versions(synced) == [1, 1]


@pytest.mark.parametrize(
    ("expected", "found", "columns"),
    [
        ({"a": 1}, {"a": 1}, ()),
        ({"a": 1, "b": 2}, {"a": 1}, ("b",)),
        ({"a": 1}, {"a": 1, "b": None}, ("b",)),
        ({"a": 1}, None, ("*",)),
        (None, {"a": 1}, ("*",)),
        (None, None, ()),
    ],
    ids=["alike", "lacking", "more", "no row", "a row too many", "no rows"],
)
def test_rows_differ_by_column(expected: Any, found: Any, columns: tuple[str, ...]) -> None:
    assert differing(Record("k", 1, expected), Record("k", 1, found)) == columns


def test_an_intent_holds_nothing_of_a_users_but_the_key() -> None:
    assert {*Intent.__dataclass_fields__} == {"key", "operation", "attempt"}
    one, other = Intent("ada", "an-id", "first"), Intent("ada", "an-id", "second")
    assert one.deduplication != other.deduplication
    assert one.group == other.group
