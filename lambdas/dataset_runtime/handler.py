"""The two functions of a dataset: what takes its messages, and what is commanded."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from dataset.reconciler import reconcile as reconciled
from dataset_runtime.commands import Commands
from dataset_runtime.perform import run
from dataset_runtime.team import Team, team
from shadow_runtime.contract import MetricName, Variant
from shadow_runtime.settings import settings
from shadow_runtime.telemetry import Measurements, logger


def reconcile(event: dict[str, Any], context: Any) -> PartialItemFailureResponse:
    """Takes messages of the queue: copies what the follower lacks of their keys.

    What could not be done comes again, and with it what is behind it in its group.
    """
    measurements, lags = Measurements(), list[float]()
    # A whole batch that fails is no error of the function's: each message counts by itself.
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False

    def one(record: SQSRecord) -> None:
        lag = time.time() - int(record.attributes.sent_timestamp) / 1_000
        _take(record.body, measurements)
        measurements.add(MetricName.FOLLOWER_LAG, lag, dataset=settings().dataset)
        lags.append(lag)

    try:
        return process_partial_response(event, one, processor, context)
    finally:
        measurements.flush()
        if lags:
            _team().perform.register.note_lag(max(lags))


def operate(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """Does what it is asked for; answers what came of it.

    Raises:
        ValueError: it takes no such action.
        CommandError: it was not done.
    """
    dataset, _, perform = _team()
    return Commands(dataset, perform).do(event)


def _take(body: str, measurements: Measurements) -> None:
    dataset, _, perform = _team()
    try:
        message = perform.queue.read(body)
        if run(reconciled(dataset, message, now=time.time), perform):
            measurements.add(MetricName.REPAIRED, dataset=dataset.name)
    except Exception as error:
        logger.warning("not reconciled", error=type(error).__name__)
        raise


@cache
def _team() -> Team:
    return team(*Variant)
