"""What only people are told: each of it would go unnoticed otherwise."""

import pytest

from tests.snapshot.alarms import SpelledAlarm, alarms
from tests.snapshot.reading import Template


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
    assert metric == "Maximum of ShadowCanary/FlagAge{Route=get-user}"
    assert (alarm.properties["Threshold"], alarm.window) == (300, (5, 1, 1))


def test_a_tenth_of_the_copies_lost_on_any_way_is_told(
    operational: dict[str, SpelledAlarm],
) -> None:
    alarm = operational["CopiesLost"]
    undelivered = "IF(expired - killed > 0, expired, killed)"  # in which no copy is twice
    lost = f"lost + {undelivered}"
    assert alarm.formula == (
        f"IF(compared + {lost} + TIME_SERIES(0) >= 50 AND {lost} >= 2, "
        f"100 * ({lost}) / (compared + {lost}), 0)"
    )
    assert {name: str(metric) for name, metric in alarm.using.items()} == {
        "compared": "Sum of ShadowCanary/Compared{Route=get-user}",
        "lost": "Sum of ShadowCanary/CopiesLost{Route=get-user}",
        "expired": "Sum of AWS/Lambda/AsyncEventsDropped{FunctionName=<ServiceShadow>}",
        "killed": "Sum of AWS/Lambda/Errors{FunctionName=<ServiceShadow>}",
    }
    assert (alarm.properties["Threshold"], alarm.window) == (10, (15, 1, 1))
