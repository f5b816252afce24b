"""Flags in a fake AppConfig, where a test wants them."""

import json
from typing import Any

from operations.flag import HostedFlag
from operations.transitions import Transitions, Who, Writer
from shadow_runtime.contract import FLAG_KEY, Position, Stage, flag_document
from tests.fakes import FakeAppConfig

CANARY = Stage.canary(percent=5)
STAGES = [Stage.OFF, Stage.SHADOW, CANARY, Stage.LIVE, Stage.COMPLETE]
ADA = Who(Writer.PERSON, "arn:aws:iam::123456789012:user/ada")
MACHINE = Who(Writer.ROLLBACK, "request-1")


def at(stage: Stage, **more: Any) -> FakeAppConfig:
    return FakeAppConfig(flag_document(Position(stage, **more)))


def flag_on(appconfig: FakeAppConfig, transitions: Transitions = Transitions()) -> HostedFlag:  # noqa: B008
    return HostedFlag(
        appconfig.client(),
        application="app0",
        environment="env0",
        profile="pro0",
        raise_strategy="raise0",
        lower_strategy="lower0",
        transitions=transitions,
        sleep=appconfig.sleep,
    )


def richer(document: dict[str, Any], *, enabled: bool = True) -> dict[str, Any]:
    """`document` with what people and AppConfig may add to it."""
    flags, values = document["flags"], document["values"]
    own, its = flags[FLAG_KEY], values[FLAG_KEY]
    attributes = {**own["attributes"], "note": {"constraints": {"type": "string"}}}
    own = {**own, "description": "ours", "attributes": attributes, "_createdAt": "2030-01-07"}
    return {
        **document,
        "flags": {**flags, FLAG_KEY: own, "other": {"name": "other", "attributes": {}}},
        "values": {
            **values,
            FLAG_KEY: {**its, "enabled": enabled, "note": "see the ticket"},
            "other": {"enabled": True},
        },
    }


def _with_values(**changed: Any) -> bytes:
    document = flag_document(Position(CANARY))
    document["values"][FLAG_KEY] |= changed
    return json.dumps(document).encode()


NOT_OURS = {
    "no JSON": b"off",
    "no object": b"[]",
    "another flag": b'{"version": "1", "flags": {"x": {}}, "values": {"x": {"enabled": true}}}',
    "a stage of another time": _with_values(stage="beta"),
    "finer than a bucket": _with_values(canary_percent=0.001),  # the console takes it
}
