"""What only people are told: each of it would go unnoticed otherwise."""

import numpy as np
import pytest

from analysis.alarms import Alarm, State
from tests.reading import Template, resources
from tests.snapshot.alarms import SpelledAlarm, alarms


@pytest.fixture
def operational(get_user: Template) -> dict[str, SpelledAlarm]:
    return alarms(get_user, "OperationalAlarms")


def test_one_dead_letter_of_operations_is_told_within_a_minute(
    operational: dict[str, SpelledAlarm],
) -> None:
    alarm = operational["DeadLetters"]
    queue = "QueueName=<ServiceOperationsDeadLetters.QueueName>"
    [metric] = map(str, alarm.metrics)
    assert metric == f"Maximum of AWS/SQS/ApproximateNumberOfMessagesVisible{{{queue}}}"
    assert (alarm.properties["Threshold"], alarm.window) == (0, (1, 1, 1))


def test_one_environment_that_has_not_read_the_flag_for_five_minutes_is_told(
    operational: dict[str, SpelledAlarm],
) -> None:
    alarm = operational["FlagAge"]
    [metric] = map(str, alarm.metrics)
    assert alarm.formula == "age + TIME_SERIES(0)"
    assert metric == "Maximum of ShadowCanary/FlagAge{Route=GetUser/get-user}"
    assert (alarm.properties["Threshold"], alarm.window) == (300, (5, 1, 1))


def test_a_tenth_of_the_copies_lost_on_any_way_is_told(
    operational: dict[str, SpelledAlarm],
) -> None:
    alarm = operational["CopiesLost"]
    undelivered = "IF(expired - killed > 0, expired, killed)"  # in which no copy is twice
    lost = f"lost + {undelivered}"
    assert alarm.formula == (
        f"IF(compared + {lost} + TIME_SERIES(0) >= 0 AND {lost} >= 2, "
        f"100 * ({lost}) / IF(compared + {lost} > 50, compared + {lost}, 50), 0)"
    )
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "compared": "Sum of ShadowCanary/Compared{Route=GetUser/get-user}",
        "lost": "Sum of ShadowCanary/CopiesLost{Route=GetUser/get-user}",
        "expired": "Sum of AWS/Lambda/AsyncEventsDropped{FunctionName=<ServiceShadow>}",
        "killed": "Sum of AWS/Lambda/Errors{FunctionName=<ServiceShadow>}",
    }
    assert (alarm.properties["Threshold"], alarm.window) == (10, (15, 1, 1))


def test_a_shadow_that_compares_nothing_of_what_it_is_sent_is_told(
    operational: dict[str, SpelledAlarm],
) -> None:
    alarm = operational["ShadowDead"]
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "sent": "Sum of ShadowCanary/CopiesSent{Route=GetUser/get-user}",
        "compared": "Sum of ShadowCanary/Compared{Route=GetUser/get-user}",
    }
    assert (alarm.properties["Threshold"], alarm.window) == (50, (15, 2, 2))


N = np.nan
COPIES = {
    "dead, as it never compared": ([N, 0, 90, 90], [N, N, N, N], State.ALARM),
    "dead since two periods": ([90, 90, 90, 90], [90, 90, N, N], State.ALARM),
    "dead since one period": ([90, 90, 90, 90], [90, 90, 90, N], State.OK),
    "a burst at the end of a period": ([N, N, 90, N], [N, N, N, 90], State.OK),
    "bursts at the ends of periods": ([N, 90, 90, 90], [N, N, 90, 90], State.OK),
    "one comparison": ([90, 90, 90, 90], [90, 90, 90, 1], State.OK),
    "hardly any copy": ([N, N, 9, 9], [N, N, N, N], State.OK),
    "no copy": ([N, N, N, N], [N, N, N, N], State.OK),
    "it is sent nothing any more": ([90, N, N, N], [N, N, N, N], State.OK),
}


@pytest.mark.parametrize(("sent", "compared", "state"), COPIES.values(), ids=COPIES)
def test_a_shadow_is_dead_when_two_periods_in_a_row_bring_copies_and_no_comparison(
    get_user: Template, sent: list[float], compared: list[float], state: State
) -> None:
    found = resources(get_user, "AWS::CloudWatch::Alarm")
    [resource] = [r for i, r in found.items() if "ShadowDead" in i]
    alarm = Alarm.of(resource)
    series = {"sent": np.array(sent), "compared": np.array(compared)}
    points = alarm.formula.evaluate(series)
    assert State(int(alarm.states(points))) is state
