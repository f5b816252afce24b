"""Real clients against services played on this machine: credentials that open nothing."""

import os
from collections.abc import Iterator

import pytest

from shadow_runtime import shadow
from shadow_runtime.settings import settings
from shadow_runtime.shadow import SecondSights
from tests.runtime.front_doors.route import Aws, playing
from tests.runtime.played import Service, serving

AWS = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(autouse=True)
def _second_sights(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and as many as a new execution environment affords."""
    monkeypatch.setattr(shadow, "_second_sights", SecondSights())
    monkeypatch.setattr(shadow, "SECOND_SIGHT_S", 0)


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as played:
        yield played


@pytest.fixture
def aws_lambda(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A played Lambda, which the code under test finds by itself."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", service.url)
    return service


@pytest.fixture(scope="session")
def played() -> Iterator[Aws]:
    with playing() as services:
        yield services


@pytest.fixture
def aws(played: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A played Lambda and a played AppConfig, which a migrated handler finds by itself."""
    for name, value in played.environment.items():
        monkeypatch.setenv(name, value)
    played.functions.forget()
    return played
