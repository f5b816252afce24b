"""`shadowctl dataset`: what is shown and done, what is refused, and the command that mends it."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dataset.reconciler import Repair
from dataset.register import Backfill, Phase
from operations.dataset_function import DatasetError
from shadow_runtime.contract import Stage, Variable
from shadowctl import cli
from shadowctl.commands import dataset as commands
from shadowctl.dataset import moves, screen
from shadowctl.dataset.found import find_dataset
from shadowctl.dataset.meter import Meter
from shadowctl.dataset.scans import Scans
from shadowctl.verb import ExitCode, Result
from tests.unit.datasets import (
    NAME,
    NOW,
    PlayedDataset,
    answered,
    clean,
    nonsense,
    raised,
    refused,
)

DATASET = "shadowctl dataset Users:users"


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "time", SimpleNamespace(time=lambda: NOW))


def ran(
    played: PlayedDataset, monkeypatch: pytest.MonkeyPatch, *arguments: str, asked: str = "users"
) -> Any:
    """What became of a command about the dataset."""
    monkeypatch.setattr(commands, "session", lambda embedded: Account({NAME: played}))
    return CliRunner().invoke(cli.app, ["dataset", asked, *arguments])


class Account:
    """Some datasets, by `<stack>/<name>`, as their stacks say it."""

    region_name = "eu-central-1"

    def __init__(self, held: dict[str, PlayedDataset]) -> None:
        self.held = held
        self.variables: dict[str, str] | None = None

    def client(self, service: str, config: object = None) -> Any:
        if service == "cloudformation":
            pages = [{"Stacks": [*map(self._stack, self.held)]}]
            paginator = SimpleNamespace(paginate=lambda: pages)
            return SimpleNamespace(get_paginator=lambda _name: paginator)
        return SimpleNamespace(get_function_configuration=self._configuration, invoke=self._invoke)

    def _stack(self, name: str) -> Any:
        stack = name.partition("/")[0]
        return {
            "StackName": stack,
            "Outputs": [
                {"OutputKey": "ServiceOperationsName1A2B", "OutputValue": "another"},
                {"OutputKey": "UsersDatasetFunctionName3C4D", "OutputValue": name},
            ],
        }

    def _configuration(self, FunctionName: str) -> Any:  # noqa: N803
        known = {Variable.DATASET: FunctionName} if self.variables is None else self.variables
        return {"Environment": {"Variables": known}}

    def _invoke(self, FunctionName: str, **given: Any) -> Any:  # noqa: N803
        return self.held[FunctionName].client().invoke(FunctionName=FunctionName, **given)


def account(*names: str) -> Any:
    return Account({name: PlayedDataset() for name in names})


FOUND = {
    "its own name": "users",
    "its stack": "Users",
    "both": "Users:users",
    "the stack's path": "Users",
}


@pytest.mark.parametrize("asked", FOUND.values(), ids=FOUND)
def test_a_dataset_is_found_by_its_name_or_its_stack(asked: str) -> None:
    assert find_dataset(asked, account("Orders/orders", "Users/users")).name == "Users/users"


def test_a_stack_in_a_stage_is_named_as_its_path_in_the_app() -> None:
    of = account("Prod-Users/users", "Staging-Users/users")
    assert find_dataset("Prod/Users", of).name == "Prod-Users/users"
    assert find_dataset("Staging/Users:users", of).name == "Staging-Users/users"


def test_an_unknown_name_is_told_those_there_are() -> None:
    of = account("Orders/orders", "Users/users")
    for asked in ("user", "Users:people", "Missing:users"):
        with pytest.raises(DatasetError, match=rf"no dataset '{asked}' .*there: .*Users:users"):
            find_dataset(asked, of)
    with pytest.raises(DatasetError, match="there: none"):
        find_dataset("users", account())


def test_a_name_that_several_have_is_told_how_to_name_each() -> None:
    of = account("Prod-Users/users", "Staging-Users/users")
    with pytest.raises(DatasetError, match="name Prod-Users:users or Staging-Users:users"):
        find_dataset("users", of)


def test_a_function_of_another_release_is_told_to_be_deployed_again() -> None:
    of = account("Users/users")
    of.variables = {}
    with pytest.raises(DatasetError, match=r"Users is of another release .*deploy it with this"):
        find_dataset("users", of)


def test_status_tells_people_and_machines_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    played = PlayedDataset(Phase.SYNCED)
    told = ran(played, monkeypatch, "status")
    assert told.stdout.splitlines() == [
        "Users/users  synced  2030-03-17 17:46:40 UTC",
        "authority control, since 2030-03-17 17:45 UTC; each write is copied to candidate",
        "backfill  done, 2,500 keys enqueued",
        "verified  both sides equal, 2,500 keys, 2 hours ago",
        "queue     0 keys wait to be copied",
        f"next: {DATASET} switch",
    ]
    document = json.loads(ran(played, monkeypatch, "status", "--json").stdout)
    assert (document["phase"], document["authority"]) == ("synced", "control")
    assert document["verification"]["differences"] == []
    assert document["next_steps"] == [f"{DATASET} switch"]


def test_status_says_what_waits_and_ends_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    played = PlayedDataset(Phase.SWITCHED)
    played.fenced(Phase.SYNCED)
    played.queued, played.copies, played.dead_letters, played.unsent = 3, 0, 2, 1
    told = ran(played, monkeypatch, "status")
    assert told.exit_code == ExitCode.FAIL
    for line in (
        "authority candidate, since 2030-03-17 17:45 UTC; each write is copied to control",
        "fence     writes are held for a move to synced, since 3 seconds",
        "queue     3 keys wait to be copied, each for some 60 s",
        f"repair    2 keys were given up: `{DATASET} repair`; of 1 no intent could be sent",
    ):
        assert line in told.stdout
    assert ran(PlayedDataset(), monkeypatch, "status").exit_code == ExitCode.DONE
    stale = PlayedDataset(Phase.SYNCED)
    stale.verified(clean(25 * 3_600))
    told = ran(stale, monkeypatch, "status")
    assert told.exit_code == ExitCode.INCONCLUSIVE
    assert "25 hours ago: too old to move users by" in told.stdout


def no_sleep(_seconds: float) -> None:
    return None


def scanned(
    work: Callable[[Scans], Result],
    played: PlayedDataset,
    sleep: Callable[[float], None] = no_sleep,
) -> tuple[Result, list[str]]:
    """A scan without a terminal: its result, and the lines that it wrote meanwhile."""
    written = io.StringIO()
    done = work(Scans(played.function(), partial(Meter, Console(file=written, width=200)), sleep))
    return done, written.getvalue().splitlines()


def test_a_backfill_goes_on_page_by_page_until_all_is_copied() -> None:
    played = PlayedDataset(keys=2_500)
    done, lines = scanned(Scans.backfill, played)
    assert played.told == ["status", *["backfill"] * 3, *["status"] * 3]
    assert [*done.shown] == ["Users/users: 2,500 keys enqueued, 2,500 in all"]
    assert lines == [
        "backfill: 1,000 keys",
        "copies: 1,000 of about 2,500 keys",
    ]
    assert (done.code, done.next_steps) == (ExitCode.DONE, [f"{DATASET} verify"])


def test_a_second_backfill_with_nothing_to_do_skips_all_at_each_phase() -> None:
    for phase in (Phase.DUAL, Phase.SYNCED, Phase.SWITCHED):
        done, _ = scanned(Scans.backfill, PlayedDataset(phase))
        assert [*done.shown] == ["Users/users: all skipped, 2,500 keys were enqueued before"]
        assert done.code == ExitCode.DONE


def test_where_nothing_is_copied_any_more_a_backfill_is_refused() -> None:
    with pytest.raises(DatasetError, match="at complete: nothing is copied any more"):
        scanned(Scans.backfill, PlayedDataset(Phase.COMPLETE))


def test_a_queue_that_gets_no_shorter_ends_the_wait_and_is_told() -> None:
    played, slept = PlayedDataset(keys=700), list[float]()
    played.copies = 0
    done, _ = scanned(Scans.backfill, played, sleep=slept.append)
    assert sum(slept) == 120
    assert done.code == ExitCode.INCONCLUSIVE
    assert "700 keys wait to be copied, and their number did not fall for 120 s" in str(
        [*done.shown]
    )
    assert done.next_steps == [f"{DATASET} status"]


@pytest.mark.parametrize("work", [Scans.backfill, Scans.verify], ids=["backfill", "verify"])
def test_ctrl_c_ends_a_scan_at_once_and_the_same_command_goes_on_from_there(
    work: Callable[[Scans], Result],
) -> None:
    played = PlayedDataset(Phase.OFF if work is Scans.backfill else Phase.SYNCED, keys=2_500)
    verb = "backfill" if work is Scans.backfill else "verify"

    def pressed(event: dict[str, Any]) -> None:
        if event["action"] == verb and played.told.count(verb) == 2:
            raise KeyboardInterrupt

    played.spoiled = pressed
    written = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        work(Scans(played.function(), partial(Meter, Console(file=written, width=200)), no_sleep))
    told = written.getvalue().splitlines()[-1]
    assert told.startswith(f"{verb}: 1,000 ")
    assert told.endswith(f"`{DATASET} {verb}` goes on from there")

    played.spoiled = lambda _event: None
    played.told.clear()
    done, _ = scanned(work, played)
    assert played.told.count(verb) == (2 if work is Scans.backfill else 3)
    assert done.code == ExitCode.DONE


def test_a_clean_verification_at_dual_leads_to_synced() -> None:
    played = PlayedDataset(Phase.DUAL)
    done, lines = scanned(Scans.verify, played)
    assert lines == ["verify: 1,000 of about 2,500 keys"]
    assert [*done.shown] == ["Users/users: both sides are equal, 2,500 keys; at synced"]
    assert done.next_steps == [f"{DATASET} switch"]


def test_differences_are_told_by_column_each_with_its_repair_and_no_value() -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.differing = {"user-17": ["email", "name"], "user 18": ["*"]}
    done, _ = scanned(Scans.verify, played)
    assert [*done.shown] == [
        "Users/users: 2 of 2,500 keys differ",
        "  user-17: email, name",
        "  user 18: one side has no row",
    ]
    assert done.next_steps == [
        f"{DATASET} repair user-17",
        f"{DATASET} repair 'user 18'",
        f"{DATASET} verify",
    ]
    assert done.code == ExitCode.FAIL


def test_of_very_many_differences_the_first_repairs_are_named() -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.differing = {f"user-{number}": ["email"] for number in range(100)}
    done, _ = scanned(Scans.verify, played)
    assert str(next(iter(done.shown))) == "Users/users: at least 100 of 2,500 keys differ"
    assert len(done.next_steps) == 6


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("user-17", "user-17: made equal, email"),
        ("user-18", "user-18: equal already"),
        (None, "Users/users: 3 keys go through the queue again"),
    ],
)
def test_a_repair_says_what_it_did(
    key: str | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.differing, played.dead_letters = {"user-17": ["email"]}, 3
    told = ran(played, monkeypatch, "repair", *[key] if key else [])
    assert told.stdout.splitlines()[0] == line
    assert told.exit_code == ExitCode.DONE


def test_a_repair_of_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ran(PlayedDataset(Phase.SYNCED), monkeypatch, "repair")
    assert told.stdout.startswith("Users/users: nothing was given up\n")


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Repair.MISSING, "neither side of Users/users knows 'user-17'"),
        (Repair.AHEAD, "'user-17' has a newer version in candidate than in control"),
        (Repair.DIFFERS, "'user-17' differs again in email after each copy"),
    ],
)
def test_a_key_that_is_not_equal_afterwards_is_no_success(
    outcome: Repair, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.outcomes, played.differing = {"user-17": outcome}, {"user-17": ["email"]}
    told = ran(played, monkeypatch, "repair", "user-17")
    assert (told.exit_code, told.stdout) == (ExitCode.ERROR, "")
    assert says in " ".join(told.stderr.split())


def test_an_outcome_of_another_release_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.outcomes = {"user-17": "mended"}
    told = ran(played, monkeypatch, "repair", "user-17")
    assert "'mended'" in told.stderr
    assert "deploy its stack with this release" in " ".join(told.stderr.split())


def test_a_switch_says_how_long_writes_were_held_and_what_takes_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = PlayedDataset(Phase.SYNCED)
    told = ran(played, monkeypatch, "switch", "--yes")
    assert told.stdout.splitlines()[0] == (
        "Users/users: now at switched, candidate is the authority; writes were held for 7.4 s, and "
        f"none is lost; `{DATASET} switch-back` takes it back"
    )
    assert (told.exit_code, played.phase) == (ExitCode.DONE, Phase.SWITCHED)
    for how in ("--yes", "--dry-run"):
        again = ran(played, monkeypatch, "switch", how)
        assert again.stdout.startswith("Users/users: already at switched, candidate is the author")
        assert "complete" not in again.stdout
    back = ran(played, monkeypatch, "switch-back", "--json")
    assert json.loads(back.stdout)["held_s"] == 7.4
    assert played.phase is Phase.SYNCED
    assert played.told.count("move") == 2


@pytest.mark.parametrize("action", ["switch", "complete"])
def test_what_is_not_taken_back_lightly_is_asked_for_and_refused_where_nobody_can_answer(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = PlayedDataset(Phase.SYNCED if action == "switch" else Phase.SWITCHED)
    monkeypatch.setattr(moves, "every", lambda _aws: [])
    told = ran(played, monkeypatch, action)
    assert (told.exit_code, told.stdout) == (ExitCode.ERROR, "")
    assert "add --yes where that is meant" in " ".join(told.stderr.split())
    assert "move" not in played.told


@pytest.mark.parametrize(
    ("typed", "phase"),
    [("y\n", Phase.SWITCHED), ("n\n", Phase.SYNCED), ("\n", Phase.SYNCED), ("", Phase.SYNCED)],
    ids=["yes", "no", "nothing", "the end"],
)
def test_a_person_is_asked_how_long_writes_will_be_held_before_a_switch(
    typed: str, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shadowctl.commands import options

    played, written = PlayedDataset(Phase.SYNCED), io.StringIO()
    stdin = io.StringIO(typed)
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr(options, "progress", Console(file=written, width=200))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("builtins.input", lambda: typed.strip() if typed else _end())
        confirm = partial(options.confirmed, yes=False)
        if phase is Phase.SWITCHED:
            moves.switch(played.function(), confirm)
        else:
            with pytest.raises(options.DeclinedError, match="nothing was changed"):
                moves.switch(played.function(), confirm)
    assert "writes are held for about 6 s, 25 s at most" in written.getvalue()
    assert played.phase is phase


def _end() -> str:
    raise EOFError


def test_a_dry_run_of_a_switch_changes_nothing_and_says_what_would_refuse_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = PlayedDataset(Phase.SYNCED)
    told = ran(played, monkeypatch, "switch", "--dry-run")
    assert told.exit_code == ExitCode.DONE
    assert "1. hold writes, for about 6 s, 25 s at most; reads go on" in told.stdout
    played.verified(None)
    told = ran(played, monkeypatch, "switch", "--dry-run")
    assert told.exit_code == ExitCode.ERROR
    assert "refused: no verification of the last 24 hours found both sides equal" in told.stdout
    assert f"next: {DATASET} verify" in told.stdout
    assert {*played.told} == {"status", "preview"}


def spoiled(phase: Phase, **given: Any) -> PlayedDataset:
    played = PlayedDataset(phase)
    for name, value in given.items():
        setattr(played, name, value)
    return played


def fenced() -> PlayedDataset:
    played = PlayedDataset(Phase.SYNCED)
    played.fenced(Phase.SWITCHED)
    return played


def stale() -> PlayedDataset:
    played = PlayedDataset(Phase.SYNCED)
    played.verified(clean(25 * 3_600))
    return played


REFUSED = {
    "a switch upon an old verification": (stale, ["switch", "--yes"], "verify again", "verify"),
    "a switch from dual": (
        lambda: spoiled(Phase.DUAL),
        ["switch", "--yes"],
        "moves to off or synced, not to switched",
        "verify",
    ),
    "a switch from off": (PlayedDataset, ["switch", "--yes"], "moves to dual", "backfill"),
    "a switch under somebody else's fence": (
        fenced,
        ["switch", "--yes"],
        "a move to switched is on its way",
        "status",
    ),
    "a switch with dead letters": (
        lambda: spoiled(Phase.SYNCED, dead_letters=3),
        ["switch", "--yes"],
        "3 keys wait for a repair",
        "repair",
    ),
    "a switch whose queue does not drain": (
        lambda: spoiled(Phase.SYNCED, queued=9, copies=0),
        ["switch", "--yes"],
        "the queue was not empty after 25 seconds",
        "status",
    ),
    "a way back whose queue does not drain": (
        lambda: spoiled(Phase.SWITCHED, queued=9, copies=0),
        ["switch-back"],
        "the queue was not empty after 25 seconds",
        "status",
    ),
    "off while the candidate is the authority": (
        lambda: spoiled(Phase.SWITCHED),
        ["off"],
        "control is not the authority",
        "switch-back",
    ),
    "a way back from complete": (
        lambda: spoiled(Phase.COMPLETE),
        ["switch-back"],
        "no way leads back",
        "",
    ),
    "complete before the switch": (
        lambda: spoiled(Phase.SYNCED),
        ["complete", "--yes"],
        "not to complete",
        "switch",
    ),
    "a verification under a fence": (fenced, ["verify"], "a move is on its way", "status"),
    "a backfill under a fence": (
        lambda: _with_fence(Phase.DUAL),
        ["backfill"],
        "not at dual",
        "status",
    ),
}


def _with_fence(phase: Phase) -> PlayedDataset:
    played = PlayedDataset(phase)
    played.fenced(Phase.SYNCED)
    return played


@pytest.mark.parametrize(("made", "arguments", "says", "verb"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_why_and_names_the_command_that_leads_on(
    made: Callable[[], PlayedDataset],
    arguments: Sequence[str],
    says: str,
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = made()
    before = played.phase
    told = ran(played, monkeypatch, *arguments)
    said = " ".join(told.stderr.split())
    assert (told.exit_code, told.stdout) == (ExitCode.ERROR, ""), told.output
    assert says in said
    assert f"`{DATASET} {verb}`" in said or not verb
    assert played.phase is before


BROKEN = {
    "it raises": (raised("ValueError", "no such action"), "ValueError: no such action"),
    "it is out of time": (raised("Sandbox.Timedout", "Task timed out"), "Task timed out"),
    "it is throttled": (refused("TooManyRequestsException"), "AWS throttles these calls"),
    "one may not ask it": (refused("AccessDeniedException"), "ask for that permission"),
    "it is gone": (refused("ResourceNotFoundException"), "deploy its stack"),
    "it answers no JSON": (nonsense(b"<html>"), "answers no JSON"),
    "it answers something else": (nonsense(b'"synced"'), "deploy its stack with this release"),
    "it is of another release": (nonsense(b'{"name": "Users/users"}'), "with this release"),
}


@pytest.mark.parametrize(("broken", "says"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["backfill"],
        ["verify"],
        ["repair"],
        ["repair", "user-1"],
        ["switch", "--yes"],
        ["switch", "--dry-run"],
        ["switch-back"],
        ["off"],
        ["complete", "--yes"],
    ],
    ids=" ".join,
)
def test_a_function_that_does_not_do_it_fails_in_one_line_that_says_what_to_do(
    arguments: Sequence[str], broken: Any, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = PlayedDataset(Phase.SYNCED)
    played.spoiled = lambda _event: fresh(broken)
    told = ran(played, monkeypatch, *arguments)
    assert (told.exit_code, told.stdout) == (ExitCode.ERROR, "")
    assert told.stderr.count("\n") == 1
    assert says in told.stderr


def fresh(broken: dict[str, Any]) -> dict[str, Any]:
    """Its payload is read once."""
    if "Payload" not in broken:
        return dict(broken)
    stream = broken["Payload"]._raw_stream
    stream.seek(0)
    return {**broken, "Payload": io.BytesIO(stream.read())}


def test_off_forgets_what_was_copied_and_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    played = PlayedDataset(Phase.SYNCED)
    told = ran(played, monkeypatch, "off")
    assert told.stdout.startswith("Users/users: now at off, control is the authority\n")
    assert not played.register.backfill.is_done
    assert ran(played, monkeypatch, "off").stdout.startswith("Users/users: already at off")


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.canary(percent=5)])
def test_complete_is_refused_while_control_answers_users_of_one_of_its_routes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = PlayedDataset(Phase.SWITCHED)
    routes = {"GetUser/get-user": Stage.LIVE, "Users/update-user": stage, "Orders/x": Stage.OFF}

    def held(_aws: object) -> Any:
        for name in routes:
            of = NAME if "user" in name else ""
            yield SimpleNamespace(name=name, settings=SimpleNamespace(dataset=of))

    def route(found: Any, _aws: object) -> Any:
        return SimpleNamespace(name=found.name, stage=routes[found.name], ceiling=Stage.LIVE)

    monkeypatch.setattr(moves, "every", held)
    monkeypatch.setattr(moves, "Route", SimpleNamespace(of=route))
    told = ran(played, monkeypatch, "complete", "--yes")
    said = " ".join(told.stderr.split())
    assert f"control answers users of Users/update-user at {stage}" in said
    assert "`shadowctl promote Users:update-user`" in said
    routes["Users/update-user"] = Stage.LIVE
    told = ran(played, monkeypatch, "complete", "--yes")
    assert told.stdout.startswith("Users/users: now at complete, candidate is the authority")


def test_on_a_terminal_a_scan_is_drawn_with_its_rate_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shadowctl.dataset import meter as of

    seconds = iter([0.0, 10.0, 20.0])
    monkeypatch.setattr(of, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    written = io.StringIO()
    console = Console(file=written, width=200)
    with Meter(console, "verify", "again", 1_000) as meter:
        meter.count(2_000, 4_000)
        meter.count(3_000, 4_000, "3 differ at first sight")
    assert written.getvalue().splitlines() == [
        "verify: 2,000 of about 4,000 keys, 100 a second, about 20 seconds left",
        "verify: 3,000 of about 4,000 keys, 100 a second, about 10 seconds left, "
        "3 differ at first sight",
    ]


def test_a_verification_of_a_person_who_stopped_goes_on_where_it_was() -> None:
    played, begun = PlayedDataset(Phase.SYNCED), list[int]()
    played.verified(replace(clean(60), looked_at=2_000, differences=None))

    def meter(step: str, again: str, done: int) -> Meter:
        begun.append(done)
        return Meter(Console(file=io.StringIO()), step, again, done)

    Scans(played.function(), meter, no_sleep).verify()
    assert played.told == ["status", "verify", "verify"]
    assert begun == [2_000], "the rate is that of this run"


def test_what_users_write_meanwhile_keeps_no_backfill_from_its_end() -> None:
    played, slept = PlayedDataset(keys=700), list[float]()
    played.copies, played.lag_s = 0, 7.0
    done, _ = scanned(Scans.backfill, played, sleep=slept.append)
    assert (done.code, sum(slept)) == (ExitCode.DONE, 20)


def test_a_backfill_that_was_stopped_while_keys_were_copied_waits_for_them_again() -> None:
    played = PlayedDataset(Phase.DUAL)
    played.queued, played.copies = 2_000, 500
    done, lines = scanned(Scans.backfill, played)
    assert [*done.shown] == ["Users/users: all skipped, 2,500 keys were enqueued before"]
    assert lines[-1] == "copies: 500 of about 1,500 keys"
    assert done.code == ExitCode.DONE


def test_a_slow_queue_is_waited_for_as_long_as_it_gets_shorter() -> None:
    played, slept = PlayedDataset(keys=700), list[float]()
    played.copies = 7
    done, _ = scanned(Scans.backfill, played, sleep=slept.append)
    assert (done.code, sum(slept)) == (ExitCode.DONE, 200)


@pytest.mark.parametrize(("times", "is_done"), [(4, True), (5, False)])
@pytest.mark.parametrize("work", [Scans.backfill, Scans.verify], ids=["backfill", "verify"])
def test_a_page_that_did_not_come_is_asked_for_again_a_few_times(
    work: Callable[[Scans], Result], times: int, is_done: bool
) -> None:
    played, slept = PlayedDataset(Phase.DUAL), list[float]()
    played.register = replace(played.register, backfill=Backfill())
    left = [None] * times

    def unavailable(event: dict[str, Any]) -> dict[str, Any] | None:
        if event["action"] == "status" or not left:
            return None
        left.pop()
        why = {"refusal": "the queue: no answer: ask again", "isDone": False}
        return answered({**played.status(), **why})

    played.spoiled = unavailable
    if is_done:
        assert scanned(work, played, sleep=slept.append)[0].code == ExitCode.DONE
    else:
        with pytest.raises(DatasetError, match="the queue: no answer"):
            scanned(work, played, sleep=slept.append)
    assert slept[:times] == [2.0] * times
