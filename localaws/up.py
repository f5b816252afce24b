"""The embedded AWS, up with every stack deployed and the database filled; and down again."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import boto3

from localaws import aws, deploy, gaps, seed, users
from localaws.assembly import derive
from localaws.errors import LocalError
from localaws.home import ROOT, Home
from localaws.owner import Owner
from localaws.watched import Watched

PLATFORM = "Platform"

Progress = Callable[[str, str], None]
"""Told the step at work and its newest line of output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """A running environment.

    `assembly` is the folder of the assembly for AWS. `outputs` are those of the stacks, by stack
    and name. `replaced` says in words what differs from that assembly. `seconds` says how long each
    step took.

    Example:
        >>> with running() as local:  # doctest: +SKIP
        ...     local.session().client("appconfig").list_applications()
    """

    endpoint: str
    socket: str
    assembly: str
    outputs: dict[str, dict[str, Any]]
    replaced: list[str]
    seconds: dict[str, float]

    @classmethod
    def load(cls, home: Home | None = None) -> Self:
        """The environment that `up` left running.

        Raises:
            LocalError: there is none.
        """
        state = (home or Home()).read_state()
        if state is None:
            raise LocalError("nothing runs here; start it with `shadowctl local up`")
        return cls(**state)

    @property
    def api_url(self) -> str:
        """The HTTP API's base, without a slash at the end; any client can resolve it."""
        host = str(urlsplit(self.outputs[PLATFORM]["Url"]).hostname)
        return f"{self.endpoint}/_aws/execute-api/{host.partition('.')[0]}"

    @property
    def database_url(self) -> str:
        """The database, as its superuser."""
        return f"postgresql://postgres@/{seed.DATABASE}?host={self.socket}"

    def session(self) -> boto3.Session:
        """Clients as root; the user's own credentials and profiles are never read."""
        return aws.session(self.endpoint)

    def tokens(self, of: Iterable[str]) -> dict[str, str]:
        """A valid token for each user id; 500 take a few seconds."""
        outputs = self.outputs[PLATFORM]
        return users.tokens(
            self.session(), pool=outputs["UserPoolId"], client=outputs["ClientId"], users=of
        )


def up(progress: Progress | None = None, *, home: Home | None = None, port: int = 0) -> Local:
    """The running environment, or a new one that runs until `down` and whose alarms turn.

    `port` is where a new one listens on 127.0.0.1, by default any free one.

    Raises:
        LocalError: it could not be started; then nothing of it is left.
    """
    home = home or Home()
    if home.keeper() is not None and home.read_state() is not None:
        return Local.load(home)
    with _started(home, port, watch=True) as owner:
        local = _filled(home, owner, progress or _silent)
        owner.let_go()
    return local


@contextlib.contextmanager
def running(
    progress: Progress | None = None,
    *,
    home: Home | None = None,
    port: int = 0,
    watch: bool = True,
) -> Iterator[Local]:
    """A new environment that ends with the block, or with this process, whatever ends that.

    By default it is apart from the one of `up`. Without `watch` its alarms turn only where somebody
    sets their state.

    Raises:
        LocalError: it could not be started; then nothing of it is left.
    """
    home = home or Home(ROOT / ".local" / "demo")
    with _started(home, port, watch=watch) as owner:
        yield _filled(home, owner, progress or _silent)
        owner.stop()


def down(home: Home | None = None) -> bool:
    """Stops what `up` started; False when nothing was running."""
    return (home or Home()).stop_keeper()


@contextlib.contextmanager
def _started(home: Home, port: int, *, watch: bool) -> Iterator[Owner]:
    owner = Owner(home, port=port, watch=watch)
    try:
        yield owner
    except BaseException:
        owner.stop()
        raise


def _filled(home: Home, owner: Owner, progress: Progress) -> Local:
    seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def step(name: str) -> Iterator[Callable[[str], None]]:
        start = time.monotonic()
        progress(name, "")
        yield lambda line: progress(name, line)
        seconds[name] = round(time.monotonic() - start, 1)

    with step("start"):
        report = owner.started()
    endpoint, socket = report["endpoint"], report["socket"]
    with deploy.synthesis(home) as synthesized:
        with step("tables"):
            seed.tables(socket)
        with step("bootstrap") as line:
            deploy.bootstrap(home, endpoint, line)
        with step("synthesis"):
            synthesized()
    with step("derivation"):
        replaced = derive(home.synthesized, home.derived, now=datetime.now(UTC))
        replaced += Watched.of(home.synthesized).others
    session = aws.session(endpoint)
    with step("deployment") as line:
        outputs = deploy.deploy(home, endpoint, line)
        replaced.append(f"{gaps.RESERVATIONS} ({gaps.reserve_concurrency(session)})")
    with step("roles"):
        seed.roles(session, PLATFORM, socket)
    local = Local(
        endpoint=endpoint,
        socket=socket,
        assembly=str(home.synthesized),
        outputs=outputs,
        replaced=replaced,
        seconds=seconds,
    )
    home.write_state(asdict(local))
    return local


def _silent(step: str, line: str) -> None:
    """Nobody watches."""
