"""The peers that migrate: LaunchDarkly's client and Migrator, and laboratory's experiment.

All without a network, and without the events that LaunchDarkly's client would send: that makes
it faster than where it is used.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.contest import Work, peer
from bench.deployed import EVENT, USER
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request, Response

Side = Callable[[Request], Response]


def launchdarkly(source: Any) -> Any:
    """A client that reads its flags from `source`."""
    client = peer("ldclient").LDClient(
        peer("ldclient.config").Config(
            "sdk-key", update_processor_class=source, send_events=False, diagnostic_opt_out=True
        )
    )
    if not client.is_initialized():
        raise AssertionError("LaunchDarkly's client has no flags")
    return client


def launchdarkly_file(path: Path) -> Any:
    """A client that reads its flags from a file: test data cannot hold a percentage."""
    return launchdarkly(peer("ldclient.integrations").Files.new_data_source(paths=[str(path)]))


def migrator(stage: str, control: Side, candidate: Side) -> Work:
    """LaunchDarkly's Migrator at `stage`, event in and payload out."""
    ld, migrations = peer("ldclient"), peer("ldclient.migrations")
    result = peer("ldclient.impl.util").Result
    source = peer("ldclient.integrations.test_data").TestData.data_source()
    source.update(source.flag("migration").variations(stage).variation_for_all(0))
    builder = migrations.MigratorBuilder(launchdarkly(source))
    builder.read(
        lambda request: result.success(control(request)),
        lambda request: result.success(candidate(request)),
        lambda old, new: old == new,
    )
    builder.write(result.success, result.success)
    migrating = builder.build()
    off = migrations.Stage.OFF

    def handle() -> object:
        request = HTTP_API.request(EVENT, USER)
        context = ld.Context.create(request.user)
        answer = migrating.read("migration", context, off, request)
        return HTTP_API.payload(answer.value)

    return handle


def experiment(control: Side, candidate: Side, *, enabled: bool) -> Work:
    """laboratory's experiment, event in and payload out."""

    class Migration(peer("laboratory").Experiment):  # type: ignore[misc]  # a class by name
        def enabled(self) -> bool:
            return enabled

    def handle() -> object:
        request = HTTP_API.request(EVENT, USER)
        trial = Migration(name="migration")
        trial.control(control, args=[request])
        trial.candidate(candidate, args=[request])
        answer: Response = trial.conduct()
        return HTTP_API.payload(answer)

    return handle
