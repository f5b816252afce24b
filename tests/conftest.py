"""Settings of all tests."""

import os

import pytest
from hypothesis import settings

settings.register_profile("calm", deadline=None)  # a busy machine is no failure
settings.load_profile("calm")

# Before anything else is imported: no test may see anybody's account.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


@pytest.fixture
def few_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a plan of which no chance is read: they take its whole time."""
    monkeypatch.setattr("analysis.power.played.PLAYS", 100)
