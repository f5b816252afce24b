"""What a stage needs of a route's dataset: one table, for whoever moves a flag, and for readers."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dataset.register import Difference, Phase, Verification
from operations.dataset_needs import TABLE, lacks, next_step, objections
from shadow_runtime.contract import STAGE_NAMES, Stage
from tests.unit.datasets import NAME, NOW, PlayedDataset, clean, nonsense, raised, refused
from tests.unit.flags import CANARY, STAGES

OPERATE = (Path(__file__).resolve().parents[2] / "docs/operate.md").read_text()
EXPOSED = [CANARY, Stage.LIVE]
DATASET = "shadowctl dataset Users:users"


STALE = {
    "none": None,
    "of the day before": clean(25 * 3_600),
    "with a difference": replace(clean(), differences=(Difference("user-1", ("email",)),)),
    "not ended": replace(clean(), differences=None),
}


def objected(played: PlayedDataset, to: Stage) -> list[str]:
    return [*objections(played.function(), to)]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("to", STAGES)
def test_a_stage_is_reached_at_the_phases_of_the_table_and_at_no_other(
    to: Stage, phase: Phase
) -> None:
    allowed = {
        "off": {*Phase},
        "shadow": {*Phase},
        "canary": {Phase.SYNCED, Phase.SWITCHED, Phase.COMPLETE},
        "live": {Phase.SYNCED, Phase.SWITCHED, Phase.COMPLETE},
        "complete": {Phase.COMPLETE},
    }
    assert (objected(PlayedDataset(phase), to) == []) == (phase in allowed[to.name])


@pytest.mark.parametrize("to", EXPOSED)
@pytest.mark.parametrize("verification", STALE.values(), ids=STALE)
def test_users_read_copies_upon_a_clean_verification_of_the_last_day_alone(
    verification: Verification | None, to: Stage
) -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.verified(verification)
    [why] = objected(played, to)
    assert why == (
        f"no verification of the last 24 hours found both sides of {NAME} equal: `{DATASET} verify`"
    )
    played.verified(clean(23 * 3_600))
    assert objected(played, to) == []


def test_what_the_candidate_holds_as_the_truth_needs_no_verification() -> None:
    played = PlayedDataset(Phase.SWITCHED)
    played.verified(None)
    assert objected(played, Stage.LIVE) == []


@pytest.mark.parametrize(
    ("phase", "to", "verb"),
    [
        (Phase.OFF, CANARY, "backfill"),
        (Phase.DUAL, CANARY, "verify"),
        (Phase.DUAL, Stage.LIVE, "verify"),
        (Phase.SYNCED, Stage.COMPLETE, "switch"),
        (Phase.SWITCHED, Stage.COMPLETE, "complete"),
    ],
)
def test_an_objection_names_the_phase_and_the_command_that_leads_on(
    phase: Phase, to: Stage, verb: str
) -> None:
    [why] = objected(PlayedDataset(phase), to)
    assert f"and it is at {phase}: `{DATASET} {verb}`" in why
    assert why.startswith(f"{to.name} needs {NAME} at ")


def test_what_was_given_up_is_repaired_before_anything_else_leads_on() -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.dead_letters = 2
    assert next_step(played.function().status()) == f"{DATASET} repair"


def test_while_a_move_is_on_its_way_there_is_nothing_but_to_look() -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.fenced(Phase.SWITCHED)
    assert next_step(played.function().status()) == f"{DATASET} status"


def test_at_dual_the_backfill_goes_on_where_it_ended() -> None:
    played = PlayedDataset()
    played.answer({"action": "backfill"})
    assert next_step(played.function().status()) == f"{DATASET} backfill"


BROKEN = {
    "raises": raised("RuntimeError", "the register\nis gone"),
    "is out of time": raised("Sandbox.Timedout", "Task timed out after 300.00 seconds"),
    "is throttled": refused("TooManyRequestsException"),
    "may not be asked": refused("AccessDeniedException"),
    "is gone": refused("ResourceNotFoundException"),
    "answers no JSON": nonsense(b"<html>"),
    "answers nothing": nonsense(b""),
    "answers something else": nonsense(b'{"phase": "beta"}'),
    "answers a list": nonsense(b"[]"),
    "is of another release": nonsense(b'{"name": "Users/users", "phase": "synced"}'),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("to", STAGES)
def test_a_dataset_that_does_not_answer_exposes_nobody_and_holds_up_no_way_back(
    to: Stage, broken: dict[str, object]
) -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.spoiled = lambda _event: dict(broken)
    found = objected(played, to)
    assert bool(found) == (to > Stage.SHADOW)
    assert played.told == (["status"] * len(played.told) if to > Stage.SHADOW else [])
    for why in found:
        assert why.startswith(f"the dataset {NAME} does not answer (")
        assert why.endswith(f"): `{DATASET} status`")
        assert "\n" not in why


def test_a_route_without_a_dataset_hears_nothing_of_it() -> None:
    assert [*objections(None, Stage.COMPLETE)] == []


def test_the_table_has_every_stage_and_the_page_has_the_table() -> None:
    assert {name for need in TABLE for name in need.stages} == {*STAGE_NAMES}
    printed = re.findall(r"^\| `\w+`(?:, `\w+`)* \| `\w+`.*$", OPERATE, re.MULTILINE)
    assert printed == [str(need) for need in TABLE]


def test_its_age_is_that_of_its_beginning() -> None:
    status = PlayedDataset(Phase.SYNCED).function().status()
    assert status.verified is not None
    assert status.verified.started_at == NOW - 7_200
    assert lacks(status, CANARY) == ""
