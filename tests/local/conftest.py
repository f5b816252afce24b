"""The embedded AWS, up once for all tests of this folder, in a state folder of their own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from localaws.supervisor import StateFolder
from localaws.up import Local, running
from tests.local.crowd import CANARY, Crowd
from tests.local.deployed import Deployed
from tests.local.services import services
from tests.local.users_dataset import make_synced
from tests.local.way_back import alarms, set_state, settled

HERE = Path(__file__).parent
_GROUPS = {
    "test_demo.py": "demo",
    "test_directory.py": "their own",
    "test_distribution.py": "distribution",
    "test_dataset_functions.py": "their own",
    "test_histories.py": "their own",
    "test_killed.py": "their own",
    "test_register.py": "their own",
    "test_report.py": "their own",
    "test_supervisor.py": "their own",
    "test_watcher_process.py": "their own",
    "test_rollback.py": "way back",
    "test_way_back.py": "way back",
    "test_guards.py": "way back",
    "test_later_deploy.py": "way back",
    "test_stages.py": "way back",
    "test_ramp.py": "way back",
    "test_status.py": "way back",
}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps tests on one worker (`--dist loadgroup`), so that they share one environment.

    Who brings their own runs beside them; so do the tests of the way back, which wait long.
    """
    for item in items:
        if item.path.is_relative_to(HERE):
            group = _GROUPS.get(item.path.name, "local")
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="module")
def _services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with services(tmp_path_factory.mktemp("services")) as found:
        yield found


@pytest.fixture
def endpoint(_services: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Of services that hold nothing else, which this process asks as a function does."""
    for name, value in _services.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return _services["AWS_ENDPOINT_URL"]


@pytest.fixture(scope="session")
def local_state(tmp_path_factory: pytest.TempPathFactory) -> StateFolder:
    return StateFolder(tmp_path_factory.mktemp("a path with spaces") / ".local")


@pytest.fixture(scope="session")
def local(local_state: StateFolder) -> Iterator[Local]:
    with running(state=local_state, watch=False) as environment:
        stop_checks(environment)
        make_synced(environment)
        yield environment


def stop_checks(local: Local) -> None:
    """What looks every five minutes would move the flag in the middle of a test."""
    scheduler = local.session().client("scheduler")
    for schedule in scheduler.list_schedules()["Schedules"]:
        if "AlarmCheck" in schedule["Name"] or "Ramp" in schedule["Name"]:
            found = scheduler.get_schedule(Name=schedule["Name"])
            scheduler.update_schedule(
                Name=found["Name"],
                ScheduleExpression=found["ScheduleExpression"],
                FlexibleTimeWindow=found["FlexibleTimeWindow"],
                Target=found["Target"],
                State="DISABLED",
            )


@pytest.fixture
def canary(local: Local) -> Iterator[Deployed]:
    """The deployed route at a canary; afterwards as it was, with every alarm green."""
    route = Deployed(local)
    with route.kept("Route"), route.flag_kept():
        route.set(
            "Route",
            # By name: a test may replace its code.
            SHADOW_CANARY_CANDIDATE=route.newest("Candidate"),
            # A busy machine makes nobody late, or a healthy candidate would go back.
            SHADOW_CANARY_CANDIDATE_DEADLINE_MS="6000",
        )
        route.at(CANARY)
        yield route
    for name in alarms(route):
        set_state(route, name, "OK")


@pytest.fixture(scope="module")
def users(local: Local) -> Iterator[Crowd]:
    crowd = Crowd(local)
    yield crowd
    crowd.close()


@pytest.fixture
def crowd(users: Crowd, canary: Deployed) -> Crowd:
    """Users of the canary, once the processes behind it have started."""
    settled(canary, users)
    return users
