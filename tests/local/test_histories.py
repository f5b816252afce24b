"""No history of a dataset loses, doubles or hides an acknowledged write, on real services either.

Each function is one who may do what the template lets its role do. `make soak` plays more.
"""

from collections.abc import Iterator

import pytest
from hypothesis import Phase as Stage
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dataset.steps import Marked, UnavailableError
from tests.local.histories import ServedHistories, served_histories
from tests.local.roles import acting_as
from tests.local.served import Served
from tests.unit.dataset.play import RULES
from tests.unit.dataset.soak import history
from tests.unit.dataset.test_histories import WRONG as IN_MEMORY

WRONG = {
    **IN_MEMORY,  # where nobody can be created again after a deletion, two do not go wrong
    "3: a delay of a lease": (933, "I5"),
    "4: tombstones": (457, "I3"),
}
"""A history that goes wrong without a rule, by its seed, and what it violates."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[ServedHistories]]:
    with served_histories(tmp_path_factory.mktemp("services")) as found:
        yield found


def test_in_every_history_that_is_drawn_at_random(served: type[ServedHistories]) -> None:
    drawn = settings(max_examples=8, stateful_step_count=15, deadline=None, phases=[Stage.generate])
    run_state_machine_as_test(served, settings=drawn)


@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_a_history_goes_wrong(rule: str, served: type[ServedHistories]) -> None:
    seed, invariant = WRONG[rule]
    assert history(seed, rule, of=served) == invariant


@pytest.mark.parametrize("seed", sorted({seed for seed, _ in WRONG.values()}))
def test_with_all_rules_the_same_history_does_not(seed: int, served: type[ServedHistories]) -> None:
    assert history(seed, of=served) == ""


def test_a_route_may_not_look_for_marks_and_operations_may(served: type[ServedHistories]) -> None:
    world = Served(served.endpoint, served.socket)
    with acting_as(world.roles["route"]), pytest.raises(UnavailableError):
        world.services(Marked(9))
    with acting_as(world.roles["operations"]):
        assert world.services(Marked(9)) == ()
