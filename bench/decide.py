"""Deciding whose answer a user receives: reading the flag and finding the user's bucket.

`python -m bench.decide`, with `lambdas` on the path, prints the table.
"""

import json
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.feature_flags import FeatureFlags, StoreProvider

from bench.contest import Contest, Work, measure, peer, race
from bench.deployed import ENVIRONMENT, USER, warm_flag
from bench.peers import launchdarkly, launchdarkly_file
from bench.report import Line, line, show
from shadow_runtime import assignment
from shadow_runtime.contract import Position, Stage

TITLE = "(a) Decide: who answers this user, with the flag in memory (median)"
INCLUDES = (
    "Everybody starts from a user id and ends with a side. Powertools has no percentages: its "
    "rule is MODULO_RANGE over a CRC of the id, and it checks its schema at every evaluation. "
    "LaunchDarkly's test data cannot hold a percentage either; the line with one reads a file "
    "of flags. OpenFeature leaves the percentage to the caller, here by our own bucket. "
    "LaunchDarkly's events are off."
)
PERCENT = 5
P50 = 25e-6


def main() -> list[Line]:
    """Measure, print the table, and return its lines."""
    lines = measure("bench.decide", ENVIRONMENT, processes=3, values=5)
    ours = lines[0]
    lines.append(line(ours["name"], ours["ours"], "25 µs, as asked for", P50, 1.0))
    return show(TITLE, INCLUDES, lines)


def contests(folder: Path) -> Iterator[Contest]:
    """The one job; `folder` is for LaunchDarkly's file of flags."""
    peers = {
        "Powertools FeatureFlags.evaluate": _powertools(),
        "LaunchDarkly variation, test data": _launchdarkly_targets(),
        f"LaunchDarkly variation, {PERCENT} %": _launchdarkly_rollout(folder / "flags.json"),
        "OpenFeature, in memory": _openfeature(),
    }
    yield Contest("flag and bucket", _ours(), peers, dict.fromkeys(peers, 1.0))


def _ours() -> Work:
    reader = warm_flag(Position(Stage.canary(percent=PERCENT)))
    ceiling = Stage.LIVE

    def decide() -> object:
        with reader.current() as position:
            stage = min(ceiling, position.stage)
            return assignment.variant(USER, None, position, stage, route="get-user")

    return decide


class _Memory(StoreProvider):
    """The cheapest store there can be."""

    def __init__(self, configuration: dict[str, Any]) -> None:
        self._configuration = configuration

    def get_configuration(self) -> dict[str, Any]:
        return self._configuration

    @property
    def get_raw_configuration(self) -> dict[str, Any]:
        return self._configuration


def _powertools() -> Work:
    in_range = {
        "action": "MODULO_RANGE",
        "key": "number",
        "value": {"BASE": 100, "START": 0, "END": PERCENT - 1},
    }
    rule = {"when_match": True, "conditions": [in_range]}
    flag = {"default": False, "rules": {"canary": rule}}
    flags = FeatureFlags(_Memory({"migration": flag}), logger=Logger(service="peer"))
    return lambda: flags.evaluate(
        name="migration", context={"number": zlib.crc32(USER.encode())}, default=False
    )


def _launchdarkly_targets() -> Work:
    source = peer("ldclient.integrations.test_data").TestData.data_source()
    source.update(source.flag("migration").boolean_flag().variation_for_user(USER, True))
    return _variation(launchdarkly(source))


def _launchdarkly_rollout(path: Path) -> Work:
    shares = [
        {"variation": 0, "weight": PERCENT * 1_000},
        {"variation": 1, "weight": 100_000 - PERCENT * 1_000},
    ]
    flag = {
        "key": "migration",
        "version": 1,
        "on": True,
        "salt": "get-user",
        "variations": [True, False],
        "offVariation": 1,
        "fallthrough": {"rollout": {"contextKind": "user", "variations": shares}},
    }
    path.write_text(json.dumps({"flags": {"migration": flag}}))
    return _variation(launchdarkly_file(path))


def _variation(client: Any) -> Work:
    create = peer("ldclient").Context.create
    return lambda: client.variation("migration", create(USER), False)


def _openfeature() -> Work:
    provider, api = peer("openfeature.provider.in_memory_provider"), peer("openfeature.api")
    details = peer("openfeature.flag_evaluation").FlagResolutionDetails
    context = peer("openfeature.evaluation_context").EvaluationContext

    def evaluate(flag: Any, asking: Any) -> Any:
        drawn = assignment.is_in(asking.targeting_key, PERCENT, route="get-user", purpose="canary")
        return details(value=flag.variants["on" if drawn else "off"])

    variants = {"on": True, "off": False}
    flag = provider.InMemoryFlag("off", variants, context_evaluator=evaluate)
    api.set_provider(provider.InMemoryProvider({"migration": flag}))
    client = api.get_client()
    return lambda: client.get_boolean_value("migration", False, context(targeting_key=USER))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as name:
            race("bench.decide", contests(Path(name)))
    else:
        main()
