"""The sample's routes over a PostgreSQL of their own, as their candidates find it: without AWS."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

from localaws import database as servers
from shadow_runtime import database

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps these tests on one worker, so that they share one PostgreSQL."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("routes"))


@pytest.fixture(scope="session")
def server() -> Iterator[Engine]:
    with (
        tempfile.TemporaryDirectory(prefix="pg-") as name,  # a socket's path is short
        pytest.MonkeyPatch.context() as environment,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # the server has a user of its own
        runtime = folder / "runtime"  # which the package looks for when it is imported
        runtime.mkdir(mode=0o700)
        environment.setenv("XDG_RUNTIME_DIR", str(runtime))
        with servers.start(folder, home=folder, log=folder / "log"):
            socket = str(folder / "postgres")
            servers.create(socket)
            engine = servers.engine(socket)
            yield engine
            engine.dispose()


@pytest.fixture
def postgres(server: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database, empty; afterwards as well."""
    monkeypatch.setattr(database, "session", lambda: Session(server))
    yield server
    SQLModel.metadata.drop_all(server)
