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

from localaws import aws
from localaws.errors import LocalError
from localaws.home import ROOT, Home
from localaws.owner import Owner
from localaws.up import Local, down
from tests.local.processes import alive, answers, processes

OWN = """
import sys
from pathlib import Path
from localaws.home import Home
from localaws.up import running
with running(lambda step, _: print(step, flush=True), home=Home(Path(sys.argv[1]))):
    print("up", flush=True)
    sys.stdin.read()
"""

KEEP = """
import sys
from pathlib import Path
from localaws.home import Home
from localaws.owner import Owner
owner = Owner(Home(Path(sys.argv[1])))
owner.started()
owner.let_go()
"""

CHILD = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lambdas'}"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / ".local")
    yield home
    down(home)


@pytest.fixture
def bare(home: Home) -> Iterator[str]:
    """The endpoint of an embedded AWS with nothing deployed."""
    with owned(home) as endpoint:
        yield endpoint


@contextlib.contextmanager
def owned(home: Home, *, port: int = 0) -> Iterator[str]:
    owner = Owner(home, port=port)
    try:
        yield owner.started()["endpoint"]
    finally:
        owner.stop()


@contextlib.contextmanager
def another_owner(home: Home, *, until: str) -> Iterator[subprocess.Popen[str]]:
    """A process that brings an environment up, has come to the step `until`, and goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", OWN, str(home.folder)],
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


def test_killing_the_owner_leaves_nothing_running(home: Home) -> None:
    with another_owner(home, until="bootstrap") as owner:
        started = processes(home) + psutil.Process(owner.pid).children(recursive=True)
        programs = {Path(program).name for program in answers(started, psutil.Process.exe)}
        assert {"node", "postgres"} <= programs
        owner.kill()
        assert alive(started) == []
    assert home.keeper() is None


def test_ctrl_c_leaves_nothing_running(home: Home) -> None:
    with another_owner(home, until="synthesis") as owner:
        started = processes(home) + psutil.Process(owner.pid).children(recursive=True)
        os.killpg(owner.pid, signal.SIGINT)
        assert alive(started) == []


def test_functions_end_with_the_keeper_even_when_it_is_killed(home: Home, bare: str) -> None:
    session = aws.session(bare)
    name = function(session, "return 1")
    session.client("lambda").invoke(FunctionName=name)
    started = processes(home)
    assert "ministack-lambda" in json.dumps(answers(started, psutil.Process.cmdline))
    started[0].kill()
    assert alive(started) == []


def test_what_a_killed_keeper_leaves_is_no_obstacle(home: Home) -> None:
    with owned(home):
        scratch = Path(json.loads((home.folder / "keeper.json").read_text())["scratch"])
        started = processes(home)
        started[0].kill()
        assert alive(started) == []
    with owned(home) as endpoint:
        assert not scratch.exists()
        assert aws.session(endpoint).client("sts").get_caller_identity()["Arn"].endswith(":root")


def test_without_its_aws_the_database_ends_too(home: Home, bare: str) -> None:
    started = processes(home)
    [emulator] = [
        child
        for leash in started[0].children()
        for child in leash.children()
        if "ministack" in " ".join(child.cmdline())
    ]
    emulator.kill()
    assert alive(started) == []


def test_up_stays_after_its_process_and_down_ends_it(home: Home) -> None:
    subprocess.run([sys.executable, "-c", KEEP, home.folder], env=CHILD, check=True)
    started = processes(home)
    assert alive(started, patience=0.5) == started
    assert down(home)
    assert alive(started) == []
    assert not down(home)


def test_nothing_to_load_says_what_to_do(home: Home) -> None:
    with pytest.raises(LocalError, match="start it with `shadowctl local up`"):
        Local.load(home)


def test_two_at_a_time_in_one_folder_are_refused(home: Home, bare: str) -> None:
    with pytest.raises(LocalError, match="stop it with `shadowctl local down`"), owned(home):
        pass


def test_only_this_machine_can_connect(home: Home, bare: str) -> None:
    heard = [
        f"http://{socket.laddr.ip}:{socket.laddr.port}"
        for sockets in answers(processes(home), psutil.Process.net_connections)
        for socket in sockets
        if socket.status == psutil.CONN_LISTEN
    ]
    assert heard == [bare]


def test_a_taken_port_is_one_clear_line(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(LocalError, match=f"port {port} .* --port") as error,
            owned(home, port=port),
        ):
            pass
    assert "\n" not in str(error.value)
    assert home.keeper() is None


def test_the_port_asked_for_is_used(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with owned(home, port=port) as endpoint:
        assert endpoint == f"http://127.0.0.1:{port}"


def test_credentials_of_the_environment_are_never_used(
    home: Home, monkeypatch: pytest.MonkeyPatch
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
    with owned(home) as endpoint:
        identity = aws.session(endpoint).client("sts").get_caller_identity()
        assert identity["Arn"] == "arn:aws:iam::000000000000:root"
        seen = json.dumps(answers(processes(home), psutil.Process.environ))
        assert "AKIA" not in seen
        assert "production" not in seen


@pytest.mark.parametrize("name", ["a path with spaces", "deep/" + "/".join(["x" * 60] * 4)])
def test_any_path_works(tmp_path: Path, name: str) -> None:
    with owned(Home(tmp_path / name)) as endpoint:
        assert aws.session(endpoint).client("sts").get_caller_identity()


def test_functions_find_no_packages_but_those_of_their_layers(home: Home, bare: str) -> None:
    session = aws.session(bare)
    name = function(session, "import boto3")
    answer = session.client("lambda").invoke(FunctionName=name)
    assert "No module named 'boto3'" in answer["Payload"].read().decode()
