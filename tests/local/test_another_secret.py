"""Another database secret is followed by what was published before it, without a deployment."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datasets.users.control import USERS as DIRECTORY
from localaws import database, deploy
from localaws.assembly import derive
from localaws.supervisor import StateFolder
from localaws.up import Local
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.handlers import MARK
from shadow_runtime.http import Request
from shadowctl.synthesis import synthesize
from tests.checkout import ROOT
from tests.local.deployed import Deployed

SOURCES = ("app.py", "cdk.json", "analysis", "constructs", "stacks", "lambdas")


@pytest.fixture
def platform(local: Local, local_state: StateFolder, tmp_path: Path) -> Iterator["Platform"]:
    found = Platform(local, local_state, tmp_path)
    yield found
    found.deploy(local_state.synthesized)
    secrets = found.secrets.list_secrets()["SecretList"]
    named = [each["ARN"] for each in secrets if each["Name"] != "moved"]
    database.make_roles(named, local.session(), local.socket)


class Platform:
    """The stack that names the secrets, and whoever deploys it alone."""

    def __init__(self, local: Local, state: StateFolder, folder: Path) -> None:
        self.secrets = local.session().client("secretsmanager")
        self._local, self._state, self._folder = local, state, folder

    def changed(self, before: str, after: str) -> Path:
        """The assembly of this app with another platform."""
        checkout = self._folder / "checkout"
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            checkout.mkdir(exist_ok=True)
            copy(ROOT / name, checkout / name)
        app = checkout / "app.py"
        app.write_text(app.read_text().replace(before, after))
        synthesize(checkout, self._folder / "cdk.out")
        return self._folder / "cdk.out"

    def deploy(self, assembly: Path) -> None:
        shutil.rmtree(self._state.derived)
        derive(assembly, self._state.derived, now=datetime.now(UTC))
        deploy.deploy(self._state, self._local.endpoint, lambda _: None)


def test_another_secret_is_read_by_the_versions_that_are_published(
    platform: Platform, local: Local
) -> None:
    route = Deployed(local)
    published = route.renew("Candidate")  # nobody asks it yet: it never sees the old secret
    versions = route.versions("Candidate")
    [old] = [s for s in platform.secrets.list_secrets()["SecretList"] if "Candidate" in s["Name"]]
    text = platform.secrets.get_secret_value(SecretId=old["ARN"])["SecretString"]
    platform.secrets.create_secret(Name="moved", SecretString=text)
    platform.deploy(platform.changed('"Platform")', '"Platform", candidate_secret="moved")'))
    assert route.versions("Candidate") == versions
    with pytest.raises(platform.secrets.exceptions.ResourceNotFoundException):
        platform.secrets.get_secret_value(SecretId=old["ARN"])
    assert asked(local, published) == DIRECTORY["user-001"]


def asked(local: Local, function: str) -> Any:
    """What the candidate answers."""
    event = HTTP_API.event(Request(method="GET", path="/users/me", user="user-001"))
    payload = json.dumps({**event, MARK: {"user": "user-001"}})
    invoked = local.session().client("lambda").invoke(FunctionName=function, Payload=payload)
    answer = json.load(invoked["Payload"])
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])
