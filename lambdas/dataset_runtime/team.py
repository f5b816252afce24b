"""A team's dataset as a function finds it: the code of its package, its register, its queue."""

import importlib
from typing import NamedTuple

from dataset.steps import Dataset
from dataset_runtime.api import Api
from dataset_runtime.intents import IntentQueue
from dataset_runtime.perform import Performer
from dataset_runtime.register import RegisterTable
from dataset_runtime.store import Keys
from shadow_runtime.aws import Service
from shadow_runtime.contract import Variant
from shadow_runtime.settings import settings


class Team(NamedTuple):
    """What its author gives, and what asks its register, its queue and its stores."""

    dataset: Dataset
    keys: Keys
    perform: Performer


def team(*sides: Variant) -> Team:
    """The dataset that the construct's settings describe, with the stores of `sides`.

    The candidate's brings a database's driver along, which a route does not ship.

    Raises:
        ImportError: the package has no `records`, or not the module of a side.
    """
    given = settings()
    records = importlib.import_module(f"{given.dataset_package}.records")
    queue = IntentQueue(
        Api(Service("sqs"), "AmazonSQS"),
        given.dataset,
        url=given.dataset_queue,
        dead_letters=given.dataset_dead_letters,
    )
    stores = {
        side: importlib.import_module(f"{given.dataset_package}.{side}").store for side in sides
    }
    return Team(
        Dataset(given.dataset, records.translate, records.inverse),
        records.keys,
        Performer(
            RegisterTable(Api(Service("dynamodb"), "DynamoDB_20120810"), given.dataset_table),
            queue,
            stores,
        ),
    )
