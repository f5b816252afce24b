"""Subsegments as the X-Ray daemon receives them: a real socket, one datagram each."""

import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shadow_runtime.settings import settings
from shadow_runtime.telemetry import trace_header, traced, traceparent

ROOT, PARENT = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
SAMPLED = f"Root={ROOT};Parent={PARENT};Sampled=1;Lineage=1:2c3d4e5f:0"


class Daemon:
    """What listens where `AWS_XRAY_DAEMON_ADDRESS` says."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"

    def heard(self) -> list[Any]:
        """The documents that were sent: loopback delivers before `send` returns."""
        documents: list[Any] = []
        while True:
            try:
                header, _, document = self._socket.recv(65_536).partition(b"\n")
            except BlockingIOError:
                return documents
            assert json.loads(header) == {"format": "json", "version": 1}
            documents.append(json.loads(document))


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        heard = Daemon(listening)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", heard.address)
        monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED)
        settings.cache_clear()
        yield heard


def test_a_piece_of_work_is_one_complete_subsegment_of_the_invocation(daemon: Daemon) -> None:
    before = time.time()
    with traced("candidate") as annotations:
        annotations["outcome"] = "answered"
    [document] = daemon.heard()
    assert re.fullmatch("[0-9a-f]{16}", document.pop("id"))
    assert before <= document.pop("start_time") <= document.pop("end_time") <= time.time()
    assert document == {
        "name": "candidate",
        "type": "subsegment",
        "trace_id": ROOT,
        "parent_id": PARENT,
        "fault": False,
        "error": False,
        "throttle": False,
        "annotations": {
            "route": "undeployed",
            "variant": "candidate",
            "version": "$LATEST",
            "outcome": "answered",
        },
    }


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        (200, set()),
        (399, set()),
        (404, {"error"}),
        (429, {"error", "throttle"}),
        (500, {"fault"}),
        (503, {"fault"}),
    ],
)
def test_a_status_sets_the_flags_that_x_ray_knows(
    daemon: Daemon, status: int, flags: set[str]
) -> None:
    with traced("control") as annotations:
        annotations["status"] = status
    [document] = daemon.heard()
    assert {flag for flag in ("fault", "error", "throttle") if document[flag]} == flags


def test_an_exception_is_a_fault_and_what_it_says_stays_inside(daemon: Daemon) -> None:
    with pytest.raises(ValueError, match="ada@example"), traced("control"):
        raise ValueError("ada@example.com is unknown")
    [document] = daemon.heard()
    assert document["fault"] is True
    assert "ada" not in json.dumps(document)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"Root={ROOT};Parent={PARENT};Sampled=0",
        f"Root={ROOT};Parent={PARENT}",
        f"Root={ROOT};Sampled=1",
        f"Parent={PARENT};Sampled=1",
        "Root=1;Parent=2;Sampled=1",
        "nonsense",
    ],
)
def test_nothing_is_sent_of_a_trace_that_is_not_sampled(
    daemon: Daemon, header: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if header is None:
        monkeypatch.delenv("_X_AMZN_TRACE_ID")
    else:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    with traced("control"):
        assert trace_header() or not header
    assert daemon.heard() == []


def test_each_invocation_has_its_own_trace(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "1-5759e989-bd862e3fe1be46a994272794"
    for root in (ROOT, other):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED.replace(ROOT, root))
        with traced("control"):
            pass
    assert [document["trace_id"] for document in daemon.heard()] == [ROOT, other]


@pytest.mark.parametrize("form", ["tcp:127.0.0.1:1 udp:{}", "udp:{} tcp:127.0.0.1:1", "{}"])
def test_the_daemons_address_is_read_in_both_documented_forms(
    daemon: Daemon, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", form.format(daemon.address))
    settings.cache_clear()
    with traced("control"):
        pass
    assert len(daemon.heard()) == 1


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1:1", "nobody.invalid:2000", "::::"])
def test_without_a_daemon_work_goes_on(
    daemon: Daemon, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
    settings.cache_clear()
    for _ in range(3):
        with traced("control") as annotations:
            annotations["outcome"] = "answered"
    assert daemon.heard() == []


def test_what_x_ray_would_not_take_is_not_sent_and_never_raised(daemon: Daemon) -> None:
    with traced("control") as annotations:
        annotations["large"] = "x" * 100_000
    with traced("control") as annotations:
        annotations["status"] = "no number"
    assert daemon.heard() == []


def test_work_within_work_is_its_child_and_calls_made_there_are_children_of_that(
    daemon: Daemon,
) -> None:
    assert trace_header() == SAMPLED
    with traced("candidate"):
        with traced("query"):
            header, context = trace_header(), traceparent()
        outside = trace_header()
    inner, outer = daemon.heard()
    assert (inner["parent_id"], outer["parent_id"]) == (outer["id"], PARENT)
    assert header == SAMPLED.replace(PARENT, inner["id"])
    assert outside == SAMPLED.replace(PARENT, outer["id"])
    assert context == f"00-{ROOT[2:].replace('-', '')}-{inner['id']}-01"
    assert trace_header() == SAMPLED


def test_outside_of_a_trace_there_is_no_traceparent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert traceparent() == ""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED.replace("Sampled=1", "Sampled=0"))
    assert traceparent().endswith(f"-{PARENT}-00")
