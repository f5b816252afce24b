"""The whole way of a request that control answers, with nothing copied: event in, payload out.

`python -m bench.control_path`, with `lambdas` on the path, prints the table.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.contest import Contest, Work, measure, race
from bench.deployed import CONTEXT, ENVIRONMENT, EVENT, control, nothing_said, runtime
from bench.peers import experiment, migrator
from bench.report import Line, line, show
from shadow_runtime import respond
from shadow_runtime.contract import MetricName, Position, Variant
from shadow_runtime.handlers import as_side
from shadow_runtime.migrating import Migration
from shadow_runtime.respond import Call
from shadow_runtime.telemetry import Measurements
from shadow_runtime.user import claim

TITLE = "(b) The whole control path at stage off, without the tee (median)"
INCLUDES = (
    "Everybody reads the same event, runs the same control and writes its payload. Ours also reads "
    "the flag and finds the bucket; 'all telemetry' adds two EMF documents (requests, latency, "
    "age of the flag) to a null device and a sampled X-Ray subsegment; 'no telemetry' is what the "
    "peers do. LaunchDarkly's Migrator evaluates its flag and times control, its events off. "
    "laboratory's experiment is switched off and times control; it has no flag."
)
NO_TELEMETRY = "control path, no telemetry"


def main() -> list[Line]:
    """Measure, print the table, and return its lines."""
    lines = measure("bench.control_path", ENVIRONMENT, processes=3, values=5)
    silent = next(each["peer"] for each in lines if each["peer_name"] == NO_TELEMETRY)
    peers = [each for each in lines if each["peer_name"] != NO_TELEMETRY]
    lines = [*peers, *(line(NO_TELEMETRY, silent, p["peer_name"], p["peer"]) for p in peers)]
    return show(TITLE, INCLUDES, lines)


def contests() -> Iterator[Contest]:
    """Ours with all that it tells; ours without stands among the peers, until they are sorted."""
    rivals = {
        NO_TELEMETRY: _silent(),
        "LaunchDarkly's Migrator": migrator("off", control, control),
        "laboratory": experiment(control, control, enabled=False),
    }
    yield Contest("control path, all telemetry", _ours(), rivals, {"LaunchDarkly's Migrator": 1.0})


def _ours() -> Work:
    handler = Migration(control, runtime(Position.OFF))
    return lambda: handler(EVENT, CONTEXT)


def _silent() -> Work:
    """Ours in private parts, because the runtime has no switch for what only this asks for."""
    around, side = runtime(Position.OFF), as_side(control)
    subject, nothing = claim("sub"), _Silence()

    def handle() -> object:
        call = Call.of(EVENT, CONTEXT, user=subject, withhold=frozenset(), is_probe=False)
        measured, respond._measured = respond._measured, _unmeasured
        try:
            return respond.respond(around, side, call, nothing)
        finally:
            respond._measured = measured

    return handle


@contextmanager
def _unmeasured(
    variant: Variant,
    measurements: Measurements,
    *,
    candidate_version: str | None = None,
    starts: bool = False,
) -> Iterator[dict[str, Any]]:
    del variant, measurements, candidate_version, starts
    yield {}


class _Silence(Measurements):
    def __init__(self) -> None:
        """Collects nothing."""

    def add(self, name: MetricName, value: float = 1, **_: Any) -> None:
        """Forgets."""

    def note(self, **_: object) -> None:
        """Forgets."""


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with nothing_said():
            race("bench.control_path", contests())
    else:
        main()
