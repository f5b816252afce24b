"""The embedded AWS, up with every stack deployed and the database filled; and down again."""

import contextlib
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import boto3

from analysis.template import Stack
from localaws import LocalError, database, environment, seeds
from localaws import deploy as deployment
from localaws.assembly import MINUTE_SECONDS, derive
from localaws.entrances import curls
from localaws.reload import DeployedCode
from localaws.route_folder import RouteFolder
from localaws.supervisor import StateFolder, Supervisor
from localaws.watcher import SupportedAlarms
from shadowctl.deployed import stack_resources
from shadowctl.status.seen import Clock
from shadowctl.synthesis import app_folder

Progress = Callable[[str, str], None]
"""Told the step at work and its newest line of output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """A running environment.

    `assembly` is the folder of the assembly for AWS. `outputs` are those of the stacks, by stack
    and name; `resources` are the physical ids of each type, such as `AWS::Lambda::Function`, stack
    by stack. `differences` says in words what differs from that assembly. `seconds` says how long
    each step took.

    Example:
        >>> with running() as local:  # doctest: +SKIP
        ...     local.session().client("appconfig").list_applications()
    """

    endpoint: str
    socket: str
    assembly: str
    outputs: dict[str, dict[str, Any]]
    resources: dict[str, list[str]]
    differences: list[str]
    seconds: dict[str, float]

    @classmethod
    def load(cls, state: StateFolder | None = None) -> Self:
        """The environment that `up` left running.

        Raises:
            LocalError: there is none.
        """
        state = state or StateFolder()
        running = state.read_state()
        if running is None:
            why = state.end_reason() or "nothing runs here"
            raise LocalError(f"{why}; start it with `shadowctl local up`")
        return cls(**running)

    @property
    def api_url(self) -> str:
        """The base of the app's first HTTP API, without a slash at the end.

        Raises:
            LocalError: no stack has one.
        """
        return f"{self.endpoint}/_aws/execute-api/{self._api}"

    def curls(self, user: str) -> list[str]:
        """A command for all that can be asked with GET, as `user` where that takes a token."""
        token = "<a token of your identity provider>"  # noqa: S105 - there is none
        if "AWS::Cognito::UserPoolClient" in self.resources:
            token = self.tokens([user])[user]
        return curls(self.session(), self.endpoint, self.resources, credential=f"Bearer {token}")

    def sample_user(self) -> str:
        """The first of the users that a route's seed names, or `user-001`."""
        return seeds.sample_user(RouteFolder.all_of(Path(self.assembly))) or "user-001"

    def clock(self) -> Clock:
        """The alarms of the assembly, with formulas that the embedded AWS does not know."""
        alarms = SupportedAlarms.of(Path(self.assembly)).alarms
        return Clock(alarms=alarms, minute_s=MINUTE_SECONDS)

    @property
    def database_url(self) -> str:
        """The database, as its superuser."""
        return f"postgresql://postgres@/{database.DATABASE}?host={self.socket}"

    def session(self) -> boto3.Session:
        """Clients as root; the user's own credentials and profiles are never read."""
        return environment.session(self.endpoint)

    def tokens(self, users: Iterable[str]) -> dict[str, str]:
        """A fresh access token for each of `users`, whose subject is the user's id.

        Each logs in to the app's first user pool with a password, as a person would; 500 take a few
        seconds. AWS chooses the subjects itself; the embedded one lets us set them afterwards.

        Raises:
            LocalError: no stack has a user pool, or a client of one.
        """
        pool = self._first("AWS::Cognito::UserPool")
        client = self._first("AWS::Cognito::UserPoolClient")
        cognito = self.session().client("cognito-idp")
        exists = cognito.exceptions.UsernameExistsException  # made at first use, by one thread
        password = f"Aa1!{secrets.token_urlsafe(16)}"

        def token(user: str) -> str:
            with contextlib.suppress(exists):
                cognito.admin_create_user(UserPoolId=pool, Username=user, MessageAction="SUPPRESS")
                cognito.admin_update_user_attributes(
                    UserPoolId=pool, Username=user, UserAttributes=[{"Name": "sub", "Value": user}]
                )
            cognito.admin_set_user_password(
                UserPoolId=pool, Username=user, Password=password, Permanent=True
            )
            answer = cognito.initiate_auth(
                ClientId=client,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": user, "PASSWORD": password},
            )
            return str(answer["AuthenticationResult"]["AccessToken"])

        ids = list(users)
        with ThreadPoolExecutor(8) as threads:
            return dict(zip(ids, threads.map(token, ids), strict=True))

    @property
    def _api(self) -> str:
        return self._first("AWS::ApiGatewayV2::Api")

    def _first(self, kind: str) -> str:
        if kind not in self.resources:
            known = ", ".join(sorted(self.resources))
            raise LocalError(f"no stack here has an {kind}; what there is: {known}")
        return self.resources[kind][0]


def up(
    progress: Progress | None = None, *, state: StateFolder | None = None, port: int = 0
) -> Local:
    """The running environment with what changed in the app, or a new one that runs until `down`.

    A new one's alarms are evaluated. `port` is where it listens on 127.0.0.1, by default any free
    one.

    Raises:
        LocalError: it could not be started, and then nothing of it is left; the app could not be
            deployed; or another port was asked for than the running one has.
    """
    state = state or StateFolder()
    if state.read_state() is not None:
        endpoint = Local.load(state).endpoint
        if port and not endpoint.endswith(f":{port}"):
            raise LocalError(
                f"{endpoint} runs here; `shadowctl local down` comes before another --port"
            )
        return deploy(progress, state=state)
    with _supervised(state, port, watch=True) as supervisor:
        local = _started(state, supervisor, progress or _silent)
        supervisor.keep()
    return local


def deploy(progress: Progress | None = None, *, state: StateFolder | None = None) -> Local:
    """The running environment with what changed in the app; what it holds is kept.

    Seeds of routes that are new are called, and no others.

    Raises:
        LocalError: nothing runs, or the app could not be deployed; then it runs on as before, but
            for the stacks that were deployed already.
    """
    state = state or StateFolder()
    local = Local.load(state)
    steps = _Steps(progress or _silent)
    with deployment.synthesis(state) as synthesized, steps.step("synthesis"):
        synthesized()
    return _deployed(state, local.endpoint, local.socket, steps)


@contextlib.contextmanager
def running(
    progress: Progress | None = None,
    *,
    state: StateFolder | None = None,
    port: int = 0,
    watch: bool = True,
) -> Iterator[Local]:
    """A new environment that ends with the block, or with this process, whatever ends that.

    By default it is apart from the one of `up`. Without `watch` its alarms change only where
    somebody sets their state.

    Raises:
        LocalError: it could not be started; then nothing of it is left.
    """
    state = state or StateFolder(app_folder() / ".local" / "demo")
    with _supervised(state, port, watch=watch) as supervisor:
        yield _started(state, supervisor, progress or _silent)
        supervisor.stop()


def down(state: StateFolder | None = None) -> bool:
    """Stops what `up` started; False when nothing was running."""
    return (state or StateFolder()).stop_supervisor()


@contextlib.contextmanager
def _supervised(state: StateFolder, port: int, *, watch: bool) -> Iterator[Supervisor]:
    supervisor = Supervisor(state, port=port, watch=watch)
    try:
        yield supervisor
    except BaseException:
        supervisor.stop()
        raise


class _Steps:
    """How long each step took, in seconds; `progress` is told of them meanwhile."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        start = time.monotonic()
        self._progress(name, "")
        yield lambda line: self._progress(name, line)
        self.seconds[name] = round(time.monotonic() - start, 1)


def _started(state: StateFolder, supervisor: Supervisor, progress: Progress) -> Local:
    steps = _Steps(progress)
    with deployment.synthesis(state) as synthesized:
        with steps.step("start"):
            servers = supervisor.servers()
            database.create(servers["socket"])
        with steps.step("synthesis"):
            synthesized()
    return _deployed(state, servers["endpoint"], servers["socket"], steps)


def _deployed(state: StateFolder, endpoint: str, socket: str, steps: _Steps) -> Local:
    """The assembly of `state.synthesized`, deployed."""
    routes = RouteFolder.all_of(state.synthesized)
    with steps.step("tables"):
        seeds.seed_database(state, routes, socket)
    aws = environment.session(endpoint)
    with steps.step("derivation"):
        differences = derive(state.synthesized, state.derived, now=datetime.now(UTC))
        differences += SupportedAlarms.of(state.synthesized).unsupported
        buckets = deployment.bootstrap(state.derived, aws)
        differences.append(f"{deployment.BOOTSTRAP} ({buckets})")
    with steps.step("deployment") as line:
        outputs = deployment.deploy(state, endpoint, line)
        reserved = deployment.reserve_concurrency(state.derived, aws)
        differences.append(f"{deployment.RESERVATIONS} ({reserved})")
        if state.was_reloaded:  # what CloudFormation finds unchanged, it leaves as it was reloaded
            for route in routes:
                DeployedCode(aws, route).reload()
    resources: dict[str, list[str]] = defaultdict(list)
    for stack in dict.fromkeys(stack.name for stack in Stack.all_of(state.synthesized)):
        for _, kind, physical_id in stack_resources(aws, stack):
            resources[kind].append(physical_id)
    with steps.step("roles"):
        database.make_roles(resources.get("AWS::SecretsManager::Secret", []), aws, socket)
    with steps.step("samples"):
        seeds.seed_aws(state, routes, aws, outputs)
    local = Local(
        endpoint=endpoint,
        socket=socket,
        assembly=str(state.synthesized),
        outputs=outputs,
        resources=dict(resources),
        differences=differences,
        seconds=steps.seconds,
    )
    state.write_state(asdict(local))
    return local


def _silent(step: str, line: str) -> None:
    """Nobody watches."""
