"""The watcher does for the embedded AWS what CloudWatch does: metrics from logs, and alarms."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis.metric_math import Formula
from localaws.assembly import MINUTE_SECONDS
from localaws.route_folder import RouteFolder
from localaws.up import Local
from localaws.watcher import AlarmEvaluator, Measurement, SupportedAlarms, key_of
from tests.local.crowd import Crowd
from tests.local.deployed import Deployed, awaited, watched

ERROR_RATE = "GetUser-get-user-candidate-error-rate"
MISMATCH_RATE = "GetUser-get-user-candidate-mismatch-rate"
EXPOSED = {"Route": "GetUser/get-user", "Exposed": "true"}
_streams = itertools.count()


@pytest.fixture
def deployed(local: Local) -> Iterator[Deployed]:
    found = Deployed(local)
    with found.flag_kept():
        yield found


class Log:
    """Lines in the log group of the shadow, as if it had written them."""

    def __init__(self, deployed: Deployed) -> None:
        self._logs = deployed.aws.client("logs")
        self._group = deployed.resource("AWS::Logs::LogGroup", "ServiceShadowLogs")
        self._stream = f"test-{next(_streams)}"
        self._logs.create_log_stream(logGroupName=self._group, logStreamName=self._stream)

    def measure(self, namespace: str, dimensions: dict[str, str], **values: float) -> None:
        now = int(time.time() * 1_000)
        directive = {
            "Namespace": namespace,
            "Dimensions": [[*dimensions]],
            "Metrics": [{"Name": name} for name in values],
        }
        emf = {"_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]}}
        self._logs.put_log_events(
            logGroupName=self._group,
            logStreamName=self._stream,
            logEvents=[{"timestamp": now, "message": json.dumps(emf | dimensions | values)}],
        )


def metric(deployed: Deployed, namespace: str, name: str, **dimensions: str) -> float:
    """The sum of all that CloudWatch holds."""
    now = datetime.now(UTC)
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    measured = {"Namespace": namespace, "MetricName": name, "Dimensions": listed}
    query: Any = {"Id": "m", "MetricStat": {"Metric": measured, "Period": 60, "Stat": "Sum"}}
    [found] = deployed.aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
    )["MetricDataResults"]
    return sum(found["Values"])


def alarm(deployed: Deployed, name: str) -> Any:
    [found] = deployed.aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found


def state_is(deployed: Deployed, name: str, state: str) -> bool:
    return awaited(lambda: alarm(deployed, name)["StateValue"] == state, True) == 1


def test_what_the_functions_write_can_be_asked_of_cloudwatch(
    local: Local, deployed: Deployed
) -> None:
    crowd = Crowd(local)
    of = {"Route": "GetUser/get-user", "Variant": "control"}
    with watched(local):
        written = deployed.count("Route", "Requests", Variant="control")
        held = metric(deployed, "ShadowCanary", "Requests", **of)
        seen = len(crowd.asks())
        assert deployed.count("Route", "Requests", Variant="control") - written == seen
        awaited(lambda: metric(deployed, "ShadowCanary", "Requests", **of) - held, seen)
        time.sleep(2)
        assert metric(deployed, "ShadowCanary", "Requests", **of) - held == seen


def test_each_line_counts_once(local: Local, deployed: Deployed) -> None:
    log, name = Log(deployed), f"Lines{next(_streams)}"
    with watched(local):
        for _ in range(100):
            log.measure("Test", {"Of": "lines"}, **{name: 1})
            time.sleep(0.03)
        awaited(lambda: metric(deployed, "Test", name, Of="lines"), 100)
        time.sleep(2)
        assert metric(deployed, "Test", name, Of="lines") == 100


def test_an_alarm_of_the_template_turns_red_and_green_again_by_log_lines(
    local: Local, deployed: Deployed
) -> None:
    log = Log(deployed)
    with watched(local):
        assert state_is(deployed, MISMATCH_RATE, "OK")
        deadline = time.monotonic() + 30
        while alarm(deployed, MISMATCH_RATE)["StateValue"] == "OK":
            assert time.monotonic() < deadline, "it did not turn red"
            log.measure("ShadowCanary", EXPOSED, Compared=20, Wrong=10)
            time.sleep(0.4)
        red = alarm(deployed, MISMATCH_RATE)
        assert red["StateValue"] == "ALARM"
        assert (
            "3 out of the last 5 datapoints [50.0, 50.0, 50.0] were greater than"
            in red["StateReason"]
        )
        assert json.loads(red["StateReasonData"])["recentDatapoints"][-3:] == [50.0] * 3
        assert state_is(deployed, MISMATCH_RATE, "OK")


def test_a_state_that_the_data_do_not_bear_out_is_set_right(
    local: Local, deployed: Deployed
) -> None:
    with watched(local):
        assert state_is(deployed, ERROR_RATE, "OK")
        deployed.aws.client("cloudwatch").set_alarm_state(
            AlarmName=ERROR_RATE,
            StateValue="ALARM",
            StateReason="a test",
        )
        assert state_is(deployed, ERROR_RATE, "OK")


class Told:
    """What a route's topic says of an alarm, heard by a queue; operations' words are text."""

    def __init__(self, deployed: Deployed, name: str) -> None:
        self._sqs, self._sns = deployed.aws.client("sqs"), deployed.aws.client("sns")
        self._url = self._sqs.create_queue(QueueName=f"told-{next(_streams)}")["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        arn = asked["Attributes"]["QueueArn"]
        may = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        self._sqs.set_queue_attributes(
            QueueUrl=self._url, Attributes={"Policy": json.dumps({"Statement": [may]})}
        )
        [topic] = alarm(deployed, name)["AlarmActions"]
        self._subscription = self._sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        self._name = name
        self._heard = list[str]()

    def __enter__(self) -> "Told":
        return self

    def __exit__(self, *_: object) -> None:
        self._sns.unsubscribe(SubscriptionArn=self._subscription)
        self._sqs.delete_queue(QueueUrl=self._url)

    def states(self) -> list[str]:
        """The states that the alarm turned to so far."""
        while found := self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=1).get(
            "Messages"
        ):
            for message in found:
                said = json.loads(message["Body"])["Message"]
                if said.startswith("{") and json.loads(said)["AlarmName"] == self._name:
                    self._heard.append(json.loads(said)["NewStateValue"])
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self._heard


@pytest.mark.parametrize(
    ("never_missing", "times"), [(" + TIME_SERIES(0)", 1), ("", 3)], ids=["as it is", "without"]
)
def test_ten_failing_minutes_tell_people_once_and_would_three_times_if_values_were_missing(
    local: Local, deployed: Deployed, never_missing: str, times: int
) -> None:
    supported = SupportedAlarms.of(Path(local.assembly)).alarms[ERROR_RATE]
    assert supported.formula.text.count(" + TIME_SERIES(0)") == 1
    text = supported.formula.text.replace(" + TIME_SERIES(0)", never_missing)
    watched_alarm = replace(supported, formula=Formula.parse(text))
    assert watched_alarm.period == 3_600
    evaluator = AlarmEvaluator(deployed.aws, {ERROR_RATE: watched_alarm})
    begun, red = time.time() // MINUTE_SECONDS * MINUTE_SECONDS, False
    with Told(deployed, ERROR_RATE) as told:
        for minute in range(200):
            now = begun + minute * MINUTE_SECONDS
            if minute < 10 and not red:  # then everybody is back on control
                failed = [
                    Measurement(key_of(m), "Count", now, (1.0,) * 3)
                    for m in watched_alarm.metrics.values()
                ]
                evaluator.add(failed, now=now)
            evaluator.evaluate(at=now + MINUTE_SECONDS)
            red = red or alarm(deployed, ERROR_RATE)["StateValue"] == "ALARM"
        assert told.states() == ["ALARM"] * times
    assert alarm(deployed, ERROR_RATE)["StateValue"] == "OK"


def test_what_was_there_before_counts_for_nothing(local: Local, deployed: Deployed) -> None:
    log, name = Log(deployed), f"Lines{next(_streams)}"
    log.measure("Test", {"Of": "lines"}, **{name: 7})
    time.sleep(0.1)
    with watched(local):
        log.measure("Test", {"Of": "lines"}, **{name: 1})
        awaited(lambda: metric(deployed, "Test", name, Of="lines"), 1)
    assert metric(deployed, "Test", name, Of="lines") == 1


def test_what_the_demo_prints_says_how_many_alarms_are_not_evaluated_and_why(local: Local) -> None:
    said, routes = "\n".join(local.differences), len(RouteFolder.all_of(Path(local.assembly)))
    assert "a minute lasts 2 s" in said
    of_dataset = 3
    for count, missing in (
        (3 * routes, "CodeDeploy"),
        (routes + of_dataset, "AWS/SQS"),
        (routes, "AWS/Lambda"),
    ):
        [line] = [line for line in local.differences if missing in line and "not evaluated" in line]
        assert line.endswith(f"({count})")
    assert MISMATCH_RATE not in said
