"""DynamoDB and SQS of an embedded AWS that holds nothing else, for what asks them directly."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from localaws import emulator, environment
from shadow_runtime import aws

_numbers = count()


@contextmanager
def services(folder: Path) -> Iterator[Mapping[str, str]]:
    """What a function's environment holds, once the services answer."""
    home = folder / "home"
    home.mkdir()
    port = emulator.free_port()
    with emulator.start(port, home=home, temporary=folder, log=folder / "log"):
        aws._credentials.cache_clear()
        yield environment.client(home, f"http://127.0.0.1:{port}")
    aws._credentials.cache_clear()


@cache
def client(endpoint: str, service: str) -> Any:
    """Of the emulator's root user."""
    session: Any = environment.session(endpoint)
    return session.client(service)


def new_table(endpoint: str, key: str = "pk") -> str:
    """A table's name, of an empty one."""
    name = f"table-{next(_numbers)}"
    client(endpoint, "dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def new_queues(endpoint: str, **attributes: str) -> tuple[str, str]:
    """The URLs of a queue and of its dead letters."""
    sqs = client(endpoint, "sqs")
    number = next(_numbers)
    dead = sqs.create_queue(QueueName=f"dead-{number}.fifo", Attributes={"FifoQueue": "true"})
    queue = sqs.create_queue(
        QueueName=f"intents-{number}.fifo", Attributes={"FifoQueue": "true", **attributes}
    )
    return queue["QueueUrl"], dead["QueueUrl"]
