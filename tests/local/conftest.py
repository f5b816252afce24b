"""The embedded AWS, up once for all tests of this folder, in a state folder of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowctl.local.home import Home
from shadowctl.local.up import Local, running

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps these tests on one worker (`--dist loadgroup`), so that they share one environment.

    The demo brings its own, and runs beside them.
    """
    for item in items:
        if item.path.is_relative_to(HERE):
            group = "demo" if item.path.name == "test_demo.py" else "local"
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def local_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("a path with spaces") / ".local")


@pytest.fixture(scope="session")
def local(local_home: Home) -> Iterator[Local]:
    with running(home=local_home) as environment:
        yield environment
