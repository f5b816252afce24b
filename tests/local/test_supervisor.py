"""What starts, stays and ends with the embedded AWS: nothing mocked, every process a real one."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil  # type: ignore[import-untyped]
import pytest

from localaws import LocalError, environment
from localaws.supervisor import StateFolder, Supervisor
from localaws.up import Local, down
from tests.checkout import ROOT
from tests.local.deployed import awaited
from tests.local.processes import alive, answers, processes

OWN = """
import sys
from pathlib import Path
from localaws.supervisor import StateFolder
from localaws.up import running
with running(lambda step, _: print(step, flush=True), state=StateFolder(Path(sys.argv[1]))):
    print("up", flush=True)
    sys.stdin.read()
"""

KEEP = """
import sys
from pathlib import Path
from localaws.supervisor import StateFolder, Supervisor
supervisor = Supervisor(StateFolder(Path(sys.argv[1])))
supervisor.servers()
supervisor.keep()
"""

CHILD = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    state = StateFolder(tmp_path / ".local")
    yield state
    down(state)


@pytest.fixture
def bare(state: StateFolder) -> Iterator[str]:
    """The endpoint of an embedded AWS with nothing deployed."""
    with supervised(state) as endpoint:
        yield endpoint


@contextlib.contextmanager
def supervised(state: StateFolder, *, port: int = 0) -> Iterator[str]:
    supervisor = Supervisor(state, port=port)
    try:
        yield supervisor.servers()["endpoint"]
    finally:
        supervisor.stop()


@contextlib.contextmanager
def another_owner(state: StateFolder, *, until: str) -> Iterator[subprocess.Popen[str]]:
    """A process that brings an environment up, has come to the step `until`, and goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", OWN, str(state.folder)],
        env=CHILD,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as owner:
        assert owner.stdout is not None
        while owner.stdout.readline().strip() != until:
            assert owner.poll() is None
        try:
            yield owner
        finally:
            owner.kill()


def function(session: boto3.Session, code: str) -> str:
    """The name of a new Lambda function that runs `code` as its handler's body."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("main.py", f"def handler(event, context):\n    {code}\n")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role = session.client("iam").create_role(
        RoleName="f", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )
    created = session.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="main.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    return created["FunctionName"]


def test_killing_the_owner_leaves_nothing_running(state: StateFolder) -> None:
    with another_owner(state, until="deployment") as owner:

        def started() -> list[psutil.Process]:
            return [*processes(state), *psutil.Process(owner.pid).children(recursive=True)]

        def at_work() -> bool:
            programs = {Path(program).name for program in answers(started(), psutil.Process.exe)}
            return {"node", "postgres"} <= programs

        assert awaited(at_work, True)
        running = started()
        owner.kill()
        assert alive(running) == []
    assert state.supervisor() is None


def test_ctrl_c_leaves_nothing_running(state: StateFolder) -> None:
    with another_owner(state, until="synthesis") as owner:
        started = processes(state) + psutil.Process(owner.pid).children(recursive=True)
        os.killpg(owner.pid, signal.SIGINT)
        assert alive(started) == []


def test_functions_end_with_the_supervisor_even_when_it_is_killed(
    state: StateFolder, bare: str
) -> None:
    session = environment.session(bare)
    name = function(session, "return 1")
    session.client("lambda").invoke(FunctionName=name)
    started = processes(state)
    assert "ministack-lambda" in json.dumps(answers(started, psutil.Process.cmdline))
    started[0].kill()
    assert alive(started) == []


def test_what_a_killed_supervisor_leaves_is_no_obstacle(state: StateFolder) -> None:
    with supervised(state):
        scratch = Path(json.loads((state.folder / "supervisor.json").read_text())["scratch"])
        started = processes(state)
        started[0].kill()
        assert alive(started) == []
    with supervised(state) as endpoint:
        assert not scratch.exists()
        assert (
            environment.session(endpoint)
            .client("sts")
            .get_caller_identity()["Arn"]
            .endswith(":root")
        )


def test_without_its_aws_the_database_ends_too(state: StateFolder, bare: str) -> None:
    started = processes(state)
    [emulator] = [
        child
        for leash in started[0].children()
        for child in leash.children()
        if "emulated.py" in " ".join(child.cmdline())
    ]
    emulator.kill()
    assert alive(started) == []


def test_up_stays_after_its_process_and_down_ends_it(state: StateFolder) -> None:
    subprocess.run([sys.executable, "-c", KEEP, state.folder], env=CHILD, check=True)
    started = processes(state)
    assert alive(started, patience=0.5) == started
    assert down(state)
    assert alive(started) == []
    assert not down(state)


def test_nothing_to_load_says_what_to_do(state: StateFolder) -> None:
    with pytest.raises(LocalError, match="start it with `shadowctl local up`"):
        Local.load(state)


def test_two_at_a_time_in_one_folder_are_refused(state: StateFolder, bare: str) -> None:
    with pytest.raises(LocalError, match="stop it with `shadowctl local down`"), supervised(state):
        pass


def test_only_this_machine_can_connect(state: StateFolder, bare: str) -> None:
    heard = [
        f"http://{socket.laddr.ip}:{socket.laddr.port}"
        for sockets in answers(processes(state), psutil.Process.net_connections)
        for socket in sockets
        if socket.status == psutil.CONN_LISTEN
    ]
    assert heard == [bare]


def test_a_taken_port_is_one_clear_line(state: StateFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(LocalError, match=f"port {port} .* --port") as error,
            supervised(state, port=port),
        ):
            pass
    assert "\n" not in str(error.value)
    assert state.supervisor() is None


def test_the_port_asked_for_is_used(state: StateFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with supervised(state, port=port) as endpoint:
        assert endpoint == f"http://127.0.0.1:{port}"


def test_credentials_of_the_environment_are_never_used(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
        "AWS_REGION": "eu-west-3",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    with supervised(state) as endpoint:
        identity = environment.session(endpoint).client("sts").get_caller_identity()
        assert identity["Arn"] == "arn:aws:iam::000000000000:root"
        seen = json.dumps(answers(processes(state), psutil.Process.environ))
        assert "AKIA" not in seen
        assert "production" not in seen


@pytest.mark.parametrize("name", ["a path with spaces", "deep/" + "/".join(["x" * 60] * 4)])
def test_any_path_works(tmp_path: Path, name: str) -> None:
    with supervised(StateFolder(tmp_path / name)) as endpoint:
        assert environment.session(endpoint).client("sts").get_caller_identity()


def test_functions_find_no_packages_but_those_of_their_layers(
    state: StateFolder, bare: str
) -> None:
    session = environment.session(bare)
    name = function(session, "import boto3")
    answer = session.client("lambda").invoke(FunctionName=name)
    assert "No module named 'boto3'" in answer["Payload"].read().decode()
