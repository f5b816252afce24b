"""The deployed pre-traffic hook asks real versions of the route; only CodeDeploy is played."""

import json
import time
from collections.abc import Iterator

import pytest

from localaws.up import Local
from tests.checkout import ROOT
from tests.local.deployed import Deployed
from tests.runtime.played import serving
from tests.runtime.played_codedeploy import EVENT, CodeDeploy, appspec

CONTROL = "routes/get_user/control.py"
GOOD = f"{(ROOT / 'lambdas' / CONTROL).read_text()}\n# a new version\n"
ANSWERS_500 = """
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating

@migrating
def handler(request: Request) -> Response:
    return Response.error(500, "Internal Server Error")
"""
BAD = {
    "cannot be imported": ("import nothing_of_that_name\n", "failed with "),
    "exits": (ANSWERS_500.replace("return", "__import__('os')._exit(1) or"), "failed with "),
    "answers 500": (ANSWERS_500, "answered 500"),
}


@pytest.fixture
def deployed(local: Local) -> Iterator[Deployed]:
    found = Deployed(local)
    with found.kept("Route"):
        yield found


@pytest.fixture
def codedeploy(deployed: Deployed) -> Iterator[CodeDeploy]:
    with serving() as service, deployed.kept("PreTraffic"):
        deployed.set("PreTraffic", AWS_ENDPOINT_URL_CODEDEPLOY=service.url)
        yield CodeDeploy(service)


def published(deployed: Deployed, control: str) -> int:
    """The number of a new version of the route, which no user is on."""
    deployed.put_code("Route", {CONTROL: control})
    name = deployed.name("Route")
    return int(deployed.aws.client("lambda").publish_version(FunctionName=name)["Version"])


def shift(deployed: Deployed, current: int, target: int) -> str:
    return appspec(current, target, function=deployed.name("Route"))


def run(deployed: Deployed) -> str:
    """What the hook says, when it is called as CodeDeploy calls it."""
    invoked = deployed.aws.client("lambda").invoke(
        FunctionName=deployed.name("PreTraffic"), Payload=json.dumps(EVENT)
    )
    said: dict[str, str] = json.load(invoked["Payload"])
    return said["message"]


def test_a_good_version_answers_the_recorded_requests_which_are_in_no_count(
    deployed: Deployed, codedeploy: CodeDeploy
) -> None:
    version = published(deployed, GOOD)
    codedeploy.content = shift(deployed, version - 1, version)
    assert run(deployed) == f"{deployed.name('Route')}:{version} answered 5 of 5 requests"
    assert codedeploy.statuses == ["Succeeded"]
    time.sleep(1)  # for lines that would come late
    assert not any("d-ABCDEF123-" in str(line) for line in deployed.lines("Route"))


@pytest.mark.parametrize(("control", "words"), BAD.values(), ids=BAD)
def test_a_bad_version_is_kept_from_users(
    deployed: Deployed, codedeploy: CodeDeploy, control: str, words: str
) -> None:
    version = published(deployed, control)
    codedeploy.content = shift(deployed, version - 1, version)
    assert f":{version} {words}" in run(deployed)
    assert codedeploy.statuses == ["Failed"]


def test_the_way_back_from_a_bad_version_is_free(
    deployed: Deployed, codedeploy: CodeDeploy
) -> None:
    good, bad = published(deployed, GOOD), published(deployed, ANSWERS_500)
    codedeploy.content = shift(deployed, bad, good)
    assert run(deployed) == "a way back: nothing was asked"
    assert codedeploy.statuses == ["Succeeded"]


def test_the_hook_knows_the_newest_version_by_itself(
    deployed: Deployed, codedeploy: CodeDeploy
) -> None:
    codedeploy.content = None
    assert f":{deployed.name('Route')}:" in run(deployed)
    assert codedeploy.statuses == ["Succeeded"]


def test_a_hook_that_may_not_ask_lets_no_version_at_users(
    deployed: Deployed, codedeploy: CodeDeploy
) -> None:
    version = published(deployed, GOOD)
    codedeploy.content = shift(deployed, version - 1, version)
    with deployed.denied("PreTraffic", "lambda:InvokeFunction"):
        assert "could not be asked (AccessDenied" in run(deployed)
    assert codedeploy.statuses == ["Failed"]
