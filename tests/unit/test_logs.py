"""What functions write, line by line: each once, however late it comes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from shadowctl import logs as logs_
from shadowctl.logs import logs

SINCE = datetime.now(UTC) - timedelta(minutes=10)


class Written:
    """Log groups that hold more at each look; a session, its client and its pages in one."""

    def __init__(self, *looks: dict[str, list[tuple[float, str]]]) -> None:
        self._looks = iter(looks)
        self._now: dict[str, list[tuple[float, str]]] = {}
        self.asked: list[dict[str, Any]] = []

    def client(self, _service: str) -> Any:
        self._now = next(self._looks)
        return self

    def get_paginator(self, _call: str) -> Any:
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(asked)
        for seconds, message in self._now[asked["logGroupName"]]:
            at = int((SINCE.timestamp() + seconds) * 1_000)
            if at >= asked["startTime"]:
                yield {"events": [{"timestamp": at, "message": message}]}


def said(lines: Iterator[str]) -> list[str]:
    return [line.split(" ", 1)[1] for line in lines]


def test_lines_of_all_functions_come_in_the_order_in_which_they_were_written() -> None:
    written: Any = Written({"a": [(1, "one\n"), (3, "three")], "b": [(2, "two")]})
    found = logs(written, {"a": "Route", "b": "Shadow"}, since=SINCE, follow=False)
    assert said(found) == ["Route one", "Shadow two", "Route three"]


def test_who_follows_is_told_each_line_once_and_what_comes_late_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs_, "_LOOK_SECONDS", 0)
    now = (datetime.now(UTC) - SINCE).total_seconds() - 1  # the last seconds are read again
    first = [(now, "twice"), (now, "twice")]
    late = [(now - 0.5, "late"), *first]
    written: Any = Written({"a": first}, {"a": late}, {"a": [*late, (now + 0.5, "new")]})
    found = logs(written, {"a": "Route"}, since=SINCE, follow=True)
    assert said(islice(found, 4)) == ["Route twice", "Route twice", "Route late", "Route new"]


def test_what_is_older_than_one_asks_for_is_not_told() -> None:
    written: Any = Written({"a": [(-5, "old"), (5, "young")]})
    assert said(logs(written, {"a": "Route"}, since=SINCE, follow=False)) == ["Route young"]
    assert written.asked[0]["startTime"] == int(SINCE.timestamp() * 1_000)
