"""The recorded requests of GetUser through its real code, with the real database behind it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from localaws.environment import REGION, ROOT_CREDENTIALS
from localaws.up import Local
from routes.get_user import candidate, control
from routes.get_user.seed import PLANTED
from shadow_runtime import database, secret
from shadow_runtime.contract import Variable
from shadow_runtime.recorded import recorded
from shadow_runtime.settings import settings
from shadowctl.equivalence import assert_equivalent
from tests.local.deployed import Deployed

RECORDED = Path(control.__file__).with_name("requests.jsonl")


@pytest.fixture(autouse=True)
def _as_deployed(local: Local, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process finds its database as the deployed shadow does."""
    held = Deployed(local).configuration("Shadow")["Environment"]["Variables"]
    key, secret_key = ROOT_CREDENTIALS
    for name, value in {
        Variable.DATABASE_PARAMETER: held[Variable.DATABASE_PARAMETER],
        "AWS_ENDPOINT_URL": local.endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()
    database._engine().dispose()
    database._engine.cache_clear()
    secret._parameters.cache_clear()
    secret._secrets.cache_clear()
    database._worked.clear()


def test_the_planted_user_is_found_and_shown_to_the_developer() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_equivalent(control.handler, candidate.handler, RECORDED)
    counted, request, difference = str(raised.value).splitlines()
    assert counted == "1 of 5 requests is not answered alike"
    assert request.endswith(f": GET /users/me of {PLANTED!r}")
    assert difference == "    $.name value 'Alan Turing' ≠ 'Alan  Turing'"


def test_every_other_recorded_request_is_answered_alike() -> None:
    asked = [each.event for each in recorded(RECORDED)]
    others = [event for event in asked if PLANTED not in json.dumps(event)]
    assert len(others) == len(asked) - 1
    assert_equivalent(control.handler, candidate.handler, others)
