"""Every sample through every stage: a client meets what control alone would have given it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shadow_runtime.contract import Position, Stage
from shadow_runtime.user import per_request
from tests.runtime.front_doors.answers import Received, received
from tests.runtime.front_doors.doors import Event
from tests.runtime.front_doors.events import READ, SAMPLES, WRITTEN, Sample
from tests.runtime.front_doors.measured import counted, named
from tests.runtime.front_doors.route import Aws, Context
from tests.runtime.front_doors.sides import CANDIDATE, CONTROL, echo
from tests.runtime.front_doors.stages import (
    ON_CONTROL,
    ON_THE_CANDIDATE,
    STAGES,
    WITH_A_STAND_IN,
)
from tests.runtime.played import error

READ_WITH_A_USER = {name: sample for name, sample in READ.items() if sample.key}
BY_REQUEST = {name: sample for name, sample in SAMPLES.items() if sample.user is per_request}
UNKEYED = {
    name: sample
    for name, sample in SAMPLES.items()
    if not sample.key and sample.user is not per_request
}

each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
each_read_with_a_user = pytest.mark.parametrize(
    "sample", READ_WITH_A_USER.values(), ids=READ_WITH_A_USER
)


@dataclass(frozen=True)
class Asked:
    """What became of one invocation; `before` is the event as it was before."""

    before: Event
    context: Context
    received: Received
    control: list[tuple[Any, Any]]
    candidate: list[tuple[Any, Any]]


_asked: dict[tuple[int, str, bool], Asked] = {}


def asked(aws: Aws, sample: Sample, stage: str, *, fails: bool = False) -> Asked:
    """Asks once, since several tests look at the same invocation."""
    key = (id(sample), stage, fails)
    if key not in _asked:
        if fails:
            aws.functions.always(error(429, "TooManyRequestsException"))
        _asked[key] = _invoked(aws, sample, STAGES[stage](sample.key))
    return _asked[key]


def _invoked(aws: Aws, sample: Sample, at: Position) -> Asked:
    for side in (CONTROL, CANDIDATE):
        side.answer, side.calls = echo, []
    before, context = copy.deepcopy(sample.event), Context()
    answer = aws.ask(CONTROL, CANDIDATE, sample.event, at=at, context=context, user=sample.user)
    arrived = received(sample.door, answer)
    return Asked(before, context, arrived, CONTROL.calls, CANDIDATE.calls)


@each_sample
def test_a_client_receives_what_control_alone_would_have_answered(aws: Aws, sample: Sample) -> None:
    for stage in STAGES:
        met = asked(aws, sample, stage)
        assert met.received == received(sample.door, echo(met.before)), stage


@each_sample
def test_so_does_a_client_whose_candidate_fails(aws: Aws, sample: Sample) -> None:
    for stage in WITH_A_STAND_IN:
        met = asked(aws, sample, stage, fails=True)
        assert met.received == received(sample.door, echo(met.before)), stage


@each_sample
def test_control_is_called_once_with_its_own_event_and_context_untouched(
    aws: Aws, sample: Sample
) -> None:
    answering = [asked(aws, sample, stage) for stage in ON_CONTROL]
    standing_in = [asked(aws, sample, stage, fails=True) for stage in WITH_A_STAND_IN]
    for met in (*answering, *standing_in):
        [(event, context)] = met.control
        assert event is sample.event
        assert event == met.before
        assert context is met.context


@each_read_with_a_user
def test_who_is_asked_follows_from_the_user_and_the_stage(aws: Aws, sample: Sample) -> None:
    for stage in STAGES:
        met = asked(aws, sample, stage)
        expected = (1, 0) if stage in ON_CONTROL else (0, 1)
        assert (len(met.control), len(met.candidate)) == expected, stage


@each_read_with_a_user
def test_the_candidate_is_handed_the_whole_event(aws: Aws, sample: Sample) -> None:
    for stage in ON_THE_CANDIDATE:
        [(event, _)] = asked(aws, sample, stage).candidate
        assert event == sample.event, stage


@pytest.mark.parametrize("sample", WRITTEN.values(), ids=WRITTEN)
def test_what_may_change_data_is_asked_of_control_alone(aws: Aws, sample: Sample) -> None:
    for stage in STAGES:
        met = asked(aws, sample, stage)
        assert (len(met.control), len(met.candidate)) == (1, 0), stage


@pytest.mark.parametrize("sample", UNKEYED.values(), ids=UNKEYED)
def test_without_a_user_control_answers_and_that_is_counted(
    aws: Aws, capfd: pytest.CaptureFixture[str], sample: Sample
) -> None:
    for position in (Position(Stage.canary(percent=100)), Position(Stage.LIVE)):
        met = _invoked(aws, sample, position)
        assert (len(met.control), len(met.candidate)) == (1, 0)
        assert "Unkeyed" in named(counted(capfd.readouterr().out))


@pytest.mark.parametrize("sample", BY_REQUEST.values(), ids=BY_REQUEST)
def test_a_public_route_can_have_a_canary_of_requests(
    aws: Aws, capfd: pytest.CaptureFixture[str], sample: Sample
) -> None:
    met = _invoked(aws, sample, Position(Stage.canary(percent=100)))
    assert (len(met.control), len(met.candidate)) == (0, 1)
    assert "Unkeyed" not in named(counted(capfd.readouterr().out))


def test_a_user_that_cannot_be_found_is_nobody(aws: Aws) -> None:
    def broken(event: Mapping[str, Any]) -> str:
        key: str = event["requestContext"]["authorizer"]["lambda"]["tenant"]["id"]
        return key

    met = _invoked(
        aws, replace(SAMPLES["HTTP API: a JWT"], user=broken), Position(Stage.canary(percent=100))
    )
    assert (len(met.control), len(met.candidate)) == (1, 0)
