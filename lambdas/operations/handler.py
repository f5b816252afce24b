"""The operations function: does what it is asked, and says what it did."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from judge import Outcome
from operations import ending
from operations.actions import RolledBack, check, clean_up, roll_back
from operations.alarms import AlarmNotification, describe
from operations.clean_up import Ending, is_rearmed
from operations.counts import route_versions
from operations.dataset_function import DatasetFunction
from operations.flag import HostedFlag
from operations.observer import Observer
from operations.ramp import look, tick
from operations.report import (
    Message,
    clean_up_message,
    ramp_message,
    report,
    rollback_message,
)
from operations.settings import OperationsSettings
from operations.transitions import Who, Writer
from shadow_runtime.contract import Action, MetricName
from shadow_runtime.telemetry import logger

_ACTIONS = [each.value for each in Action if each is not Action.ROLLBACK]
_NOTHING = {"outcome": "none", "changed": False}


class Context(Protocol):
    """Of Lambda's invocation context what is used."""

    @property
    def aws_request_id(self) -> str:
        """What its attempts have in common."""
        ...

    @property
    def invoked_function_arn(self) -> str:
        """This function."""
        ...


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Runs an action, or a rollback upon an alarm; returns and reports what was done.

    Raises:
        ValueError: an unknown action, or a notification that is no alarm's.
        FlagWriterError: the flag could not be moved; Lambda tries again twice.
    """
    settings = OperationsSettings.of(os.environ)
    match event:
        case {"Records": [{"Sns": {"Message": str(message)}}]}:
            who = Who(Writer.ROLLBACK, context.aws_request_id)
            return _roll_back(settings, AlarmNotification.parse(message), who)
        case {"action": Action.CHECK}:
            return _check(settings, Who(Writer.ROLLBACK, context.aws_request_id))
        case {"action": Action.CLEANUP, "due": str(due)}:
            return _clean_up(settings, datetime.fromisoformat(due), context)
        case {"action": Action.CLEANUP}:  # of a person, who means today
            return _clean_up(settings, datetime.now(UTC), context)
        case {"action": Action.REARM, "due": str(due)}:
            if is_rearmed(datetime.fromisoformat(due), datetime.now(UTC)):
                return _clean_up(settings, datetime.fromisoformat(due), context)
            return _NOTHING
        case {"action": Action.RAMP}:
            return _ramp(settings, context)
    raise ValueError(
        "operations takes notifications of alarms and the actions "
        f"{', '.join(map(repr, _ACTIONS))}; got {event!r}"
    )


def _roll_back(settings: OperationsSettings, alarm: AlarmNotification, who: Who) -> dict[str, Any]:
    if alarm.name not in settings.exposure_alarms or alarm.state != "ALARM":
        logger.info("not an exposure alarm in ALARM", alarm=alarm.name, state=alarm.state)
        return _NOTHING
    return _told(settings, roll_back(_flag(settings), alarm, who=who))


def _check(settings: OperationsSettings, who: Who) -> dict[str, Any]:
    checked = check(
        _flag(settings),
        settings.exposure_alarms,
        partial(describe, boto3.client("cloudwatch")),
        who=who,
    )
    logger.info(Action.CHECK, stage=checked.stage, alarms=checked.states)
    return _told(settings, checked.rollback) if checked.rollback else _NOTHING


def _told(settings: OperationsSettings, done: RolledBack) -> dict[str, Any]:
    versions = _versions(settings.function)
    evidence = {**asdict(done), "versions": versions}
    message = rollback_message(settings.route, done, versions)
    return _report(
        settings, Action.ROLLBACK, MetricName.ROLLBACKS, evidence, message, is_back=done.changed
    )


def _clean_up(settings: OperationsSettings, due: datetime, context: Context) -> dict[str, Any]:
    flag = _flag(settings)
    observer = Observer(boto3.Session(), settings, flag, context.invoked_function_arn)
    seen = ending.look(observer, due=due, now=datetime.now(UTC))
    done = clean_up(flag, seen, who=Who(Writer.CLEANUP, context.aws_request_id))
    if not done.is_news:
        logger.info("settled", **asdict(done))
        return asdict(done)
    is_back = done.changed and done.outcome == Ending.OFF
    message = clean_up_message(settings.route, done)
    return _report(
        settings, Action.CLEANUP, MetricName.CLEANUPS, asdict(done), message, is_back=is_back
    )


def _ramp(settings: OperationsSettings, context: Context) -> dict[str, Any]:
    if settings.ramp is None:  # a late call, of the schedule that a deployment took away
        return _NOTHING
    flag = _flag(settings)
    observer = Observer(boto3.Session(), settings, flag, context.invoked_function_arn)
    done = tick(
        flag,
        settings.ramp,
        partial(look, flag, observer, ceiling=settings.ceiling, now=datetime.now(UTC)),
        objections=observer.objections,
        who=Who(Writer.RAMP, context.aws_request_id),
    )
    if not done.changed:
        logger.info(Action.RAMP, **asdict(done))
        return asdict(done)
    up = done.outcome == Outcome.ADVANCE
    metric = MetricName.ADVANCES if up else MetricName.ROLLBACKS
    message = ramp_message(settings.route, done)
    return _report(settings, Action.RAMP, metric, asdict(done), message, is_back=not up)


def _report(
    settings: OperationsSettings,
    action: Action,
    metric: MetricName,
    done: dict[str, Any],
    message: Message,
    *,
    is_back: bool,
) -> dict[str, Any]:
    """Tells machines and people; where users went back, what they write goes back with them.

    The flag is lowered by then: no dataset keeps anybody from control. One that cannot be asked
    fails this attempt, once people are told, and Lambda tries again.
    """
    name = settings.dataset if is_back else ""
    dataset = DatasetFunction.of(boto3.client, name=name, function=settings.dataset_function)
    done = {**done, "dataset": name}
    with ExitStack() as steps:
        if dataset is not None:
            message = replace(message, did=f"{message.did}\n{_goes_back(dataset)}")
        steps.callback(report, settings, action, metric, done, message)
        if dataset is not None:
            dataset.switch_back()
    return done


def _goes_back(dataset: DatasetFunction) -> str:
    return (
        f"Its dataset {dataset.name} is asked to have control as its authority again, where it was "
        f"switched: `{dataset.command} status` says whether it is."
    )


def _flag(settings: OperationsSettings) -> HostedFlag:
    return HostedFlag.of(boto3.client("appconfig"), settings)


def _versions(function: str) -> dict[str, float]:
    """The route's versions that users are on, with their shares; empty when it cannot be told."""
    try:
        return route_versions(boto3.client("lambda"), function)
    except (BotoCoreError, ClientError) as error:  # users are back, and that is what matters
        logger.warning("versions unknown", error=type(error).__name__)
        return {}
