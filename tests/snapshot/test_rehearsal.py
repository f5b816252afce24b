"""The sample's own template is rehearsed whole: each guard acts on what it is there for."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.alarms import Alarm
from analysis.rollout import Rollout
from analysis.rules import AlarmName
from analysis.simulation.rehearsal import RehearsedCanary, canaries
from analysis.simulation.scenario import Scenario
from tests.unit.alarms import entry, resource

FEW = Scenario(rollouts=1_000, failing_percent=0)


@pytest.fixture(scope="module")
def rollout(assembly: Path) -> Rollout:
    return Rollout.load(assembly, "GetUser")


def acted(rollout: Rollout, scenario: Scenario) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """The part of the rollouts that each guard took back: the code's, and the data source's."""
    code, exposure = (RehearsedCanary.of(canary) for canary in canaries(rollout, scenario))
    return code.summary.by, exposure.summary.by


def test_everything_is_read_from_the_template(rollout: Rollout) -> None:
    assert rollout.route == "GetUser/get-user"
    names = [*rollout.code_alarms, *rollout.exposure_alarms, *rollout.operational_alarms]
    of_route = [*AlarmName][: [*AlarmName].index(AlarmName.DATASET_DEAD_LETTERS)]
    assert names == of_route
    assert rollout.has_hook
    assert rollout.clean_up.isoformat() == "2030-01-14T09:00:00+00:00"


def test_a_dead_version_and_a_dead_candidate_always_go_back(rollout: Rollout) -> None:
    code, exposure = acted(rollout, replace(FEW, failing_percent=100))
    assert code["code-error-rate"] > 0.99
    assert sum(exposure.values()) == 1


def test_what_a_candidate_fails_is_seen_in_the_copies_of_all_users_first(rollout: Rollout) -> None:
    _, exposure = acted(rollout, replace(FEW, failing_percent=20))
    assert exposure["candidate-mismatch-rate"] > 0.5


def test_wrong_answers_are_taken_back_by_the_mismatch_alarms(rollout: Rollout) -> None:
    code, exposure = acted(rollout, replace(FEW, mismatch_percent=50))
    assert code["code-mismatch-rate"] > 0.99
    assert exposure["candidate-mismatch-rate"] == 1


def test_a_slow_candidate_is_taken_back_by_the_latency_ratio(rollout: Rollout) -> None:
    _, exposure = acted(rollout, replace(FEW, slow_times=6))
    assert exposure["candidate-latency-ratio"] > 0.95


def test_a_slow_version_is_taken_back_by_its_latency_where_it_has_the_sample(
    rollout: Rollout,
) -> None:
    busy = replace(rollout.traffic, requests_per_day=10 * rollout.traffic.requests_per_day)
    code, _ = acted(replace(rollout, traffic=busy), replace(FEW, slow_times=50))
    assert code["code-latency"] > 0.95


def test_without_a_failure_hardly_anything_goes_back(rollout: Rollout) -> None:
    for canary in canaries(rollout, replace(FEW, rollouts=10_000)):
        assert RehearsedCanary.of(canary).false_rollbacks < 0.01


def test_an_alarm_over_the_whole_function_would_see_none_of_it(rollout: Rollout) -> None:
    [name, *_] = rollout.code_alarms
    seed = replace(rollout, code_alarms={name: _function_wide(rollout)})
    code, _ = acted(seed, replace(FEW, failing_percent=100))
    assert code == {name: 0}


def _function_wide(rollout: Rollout) -> Alarm:
    """Over 2 % of all invocations in 3 of 5 minutes."""
    whole = {"FunctionName": rollout.versions.function}
    return Alarm.of(
        resource(
            "100 * errors / invocations",
            entry("errors", "AWS/Lambda", "Errors", whole, "Sum", 60),
            entry("invocations", "AWS/Lambda", "Invocations", whole, "Sum", 60),
        )
    )
