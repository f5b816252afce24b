"""The directory of the sample, whose changes are in DynamoDB: none is lost, none made twice."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataset.steps import Operation, Record, Rows, UnavailableError
from dataset_runtime.api import Api
from dataset_runtime.operation import Attempt, ConflictError, LateError, MissingError
from datasets.users.control import OPERATIONS, USERS, Directory, InMemory, InTable
from shadow_runtime.aws import Service
from tests.local.services import new_table

FIRST: Mapping[str, Rows] = {"ada": {"count": 0}, "bob": {"count": 0}}


@pytest.fixture
def in_table(endpoint: str) -> Callable[[], Directory]:
    """Makes what an execution environment has of one directory."""
    table = new_table(endpoint)
    return lambda: on_dynamodb(table)


def on_dynamodb(table: str) -> Directory:
    return Directory(InTable(Api(Service("dynamodb"), "DynamoDB_20120810"), table), FIRST)


@pytest.fixture(params=["in memory", "in a table"])
def directory(request: pytest.FixtureRequest, in_table: Callable[[], Directory]) -> Directory:
    return in_table() if request.param == "in a table" else Directory(InMemory(), FIRST)


def attempt(id_: str, *, digest: str = "body", in_s: float = 3.0) -> Attempt:
    return Attempt(Operation(id_, digest, ("ada",)), time.time() + in_s)


def counted(rows: Rows) -> Rows:
    return {"count": rows["count"] + 1}


def test_users_are_as_they_were_until_they_are_changed(directory: Directory) -> None:
    assert directory.load("ada") == Record("ada", 1, {"count": 0})
    assert directory.load("eve") is None
    made = directory.apply(attempt("1"), "ada", counted)
    assert made == Record("ada", 2, {"count": 1}, {"1": "body"})
    assert directory.load("ada") == made


def test_an_operation_is_done_once_and_answered_as_it_is_now(directory: Directory) -> None:
    directory.apply(attempt("1"), "ada", counted)
    now = directory.apply(attempt("2"), "ada", counted)
    assert directory.apply(attempt("1"), "ada", counted) == now
    assert directory.apply(attempt("1", in_s=-9), "ada", counted) == now, "late, and yet known"


def test_what_may_not_be_done_is_not(directory: Directory) -> None:
    directory.apply(attempt("1"), "ada", counted)
    with pytest.raises(ConflictError):
        directory.apply(attempt("1", digest="another"), "ada", counted)
    with pytest.raises(MissingError):
        directory.apply(attempt("2"), "eve", counted)
    with pytest.raises(LateError):
        directory.apply(attempt("2", in_s=-0.001), "ada", counted)
    assert (directory.load("ada") or Record("", 0, None)).version == 2


def test_who_was_deleted_is_missing_and_their_version_stays(directory: Directory) -> None:
    assert directory.apply(attempt("1"), "ada", lambda _: None).rows is None
    with pytest.raises(MissingError):
        directory.apply(attempt("2"), "ada", counted)
    assert directory.apply(attempt("1"), "ada", counted).version == 2
    assert [record.key for record in directory.page("", 9)] == ["ada", "bob"]


def test_a_copy_never_makes_a_user_older(directory: Directory) -> None:
    newer, older = Record("ada", 5, {"count": 5}, {"x": "y"}), Record("ada", 4, {"count": 4})
    assert all(directory.copy(record) for record in (newer, older))
    assert directory.load("ada") == newer
    other = Record("ada", 5, {"count": 9})
    assert directory.copy(other)
    assert directory.load("ada") == newer
    assert directory.copy(other, repair=True)
    assert directory.load("ada") == other
    assert directory.copy(Record("zoe", 1, None))
    assert directory.load("zoe") == Record("zoe", 1, None)


def test_pages_hold_everybody_in_order(directory: Directory) -> None:
    directory.copy(Record("alan", 1, {"count": 7}))
    directory.apply(attempt("1"), "bob", counted)
    assert [(r.key, r.version) for r in directory.page("", 2)] == [("ada", 1), ("alan", 1)]
    assert [(r.key, r.version) for r in directory.page("alan", 2)] == [("bob", 2)]


def test_the_newest_operations_are_remembered(directory: Directory) -> None:
    for number in range(OPERATIONS + 5):
        directory.apply(attempt(str(number)), "ada", counted)
    held = directory.load("ada")
    assert held is not None
    assert [*held.operations] == [str(number) for number in range(5, OPERATIONS + 5)]


def test_eight_at_a_time_lose_no_change_and_do_none_twice(
    in_table: Callable[[], Directory],
) -> None:
    def change(number: int) -> None:
        mine = in_table()
        for each in range(4):
            for _ in range(2):  # asked again
                mine.apply(attempt(f"{number} {each}", in_s=60), "ada", counted)

    with ThreadPoolExecutor(8) as threads:
        [*threads.map(change, range(8))]
    held = in_table().load("ada")
    assert held is not None
    assert (held.rows, held.version, len(held.operations)) == ({"count": 32}, 33, 32)


@pytest.mark.usefixtures("in_table")
def test_a_table_that_does_not_answer_is_said_to() -> None:
    gone = on_dynamodb("nowhere")
    for ask in (
        lambda: gone.load("ada"),
        lambda: gone.page("", 9),
        lambda: gone.copy(Record("ada", 2, None)),
        lambda: gone.apply(attempt("1"), "ada", counted),
    ):
        with pytest.raises(UnavailableError, match="ResourceNotFound"):
            ask()


def test_the_sample_has_five_hundred_users() -> None:
    assert len(USERS) == 500
    assert USERS["user-042"]["name"] == "Alan Turing"
