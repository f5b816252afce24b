"""Records as JSON, between functions."""

from typing import Any

from dataset.steps import Record
from shadow_runtime.front_doors import MalformedError


def to_json(record: Record) -> dict[str, Any]:
    """`record` in JSON's types; its rows hold no others.

    Example:
        >>> to_json(Record("ada", 1, None))
        {'key': 'ada', 'version': 1, 'rows': None, 'operations': {}}
    """
    return {
        "key": record.key,
        "version": record.version,
        "rows": None if record.rows is None else dict(record.rows),
        "operations": dict(record.operations),
    }


def from_json(value: object) -> Record:
    """The record that `to_json` wrote.

    Raises:
        MalformedError: it is something else.
    """
    match value:
        case {
            "key": str(key),
            "version": int(version),
            "rows": None | dict() as rows,
            "operations": dict(operations),
        }:
            return Record(key, version, rows, operations)
    raise MalformedError("this is no record of a dataset: key, version, rows and operations")
