"""How every command ends: its exit code, one line where it failed, one document for machines."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from shadow_runtime.contract import ShadowCanaryError
from shadowctl import cli
from shadowctl.failures import in_one_line
from shadowctl.times import duration, moment
from shadowctl.verb import STOPPED, ExitCode, Result, verb

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2030, 1, 9, 3, tzinfo=UTC)


def ran(work: Any, *arguments: str) -> Any:
    """What became of a command that does `work`, beside another one."""
    app = typer.Typer(pretty_exceptions_enable=False)
    verb(app)(work)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, [work.__name__, *arguments])


@pytest.mark.parametrize("code", ExitCode, ids=[code.name for code in ExitCode])
def test_a_command_ends_with_the_code_of_its_result(code: ExitCode) -> None:
    def work() -> Result:
        return Result(["a line"], {"a": 1}, ["shadowctl status"], code)

    for_people, for_machines = ran(work), ran(work, "--json")
    assert for_people.exit_code == for_machines.exit_code == code
    assert for_people.stdout == "a line\nnext: shadowctl status\n"
    assert json.loads(for_machines.stdout) == {"a": 1, "next_steps": ["shadowctl status"]}


def test_on_the_embedded_aws_the_next_step_is_there_too() -> None:
    def work(embedded: bool = False) -> Result:
        return Result([], {}, ["shadowctl status GetUser", "make test"])

    steps = json.loads(ran(work, "--embedded", "--json").stdout)["next_steps"]
    assert steps == ["shadowctl status GetUser --local", "make test"]
    assert "--local" not in ran(work).stdout


def test_the_codes_are_those_that_scripts_know() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "ERROR": 1,
        "USAGE": 2,
        "INCONCLUSIVE": 3,
        "FAIL": 4,
        "TIMED_OUT": 5,
    }


def test_nothing_but_the_document_is_on_stdout_for_machines() -> None:
    def work() -> Result:
        print("on the way")
        return Result([], {})

    told = ran(work, "--json")
    assert json.loads(told.stdout) == {"next_steps": []}
    assert told.stderr == "on the way\n"


def test_what_never_ends_has_no_document() -> None:
    def work() -> Result:
        return Result((str(number) for number in range(3)), None)

    assert ran(work).stdout == "0\n1\n2\n"
    assert ran(work, "--json").exit_code == ExitCode.USAGE


def test_an_expected_failure_is_one_line_as_it_is_written_and_a_document_for_machines() -> None:
    said = "the stack [Users] is gone; deploy it [/]"

    def work() -> Result:
        raise ShadowCanaryError(said)

    for_people, for_machines = ran(work), ran(work, "--json")
    assert for_people.exit_code == for_machines.exit_code == ExitCode.ERROR
    assert for_people.stdout == ""
    assert for_people.stderr == for_machines.stderr == f"shadowctl: {said}\n"
    assert json.loads(for_machines.stdout) == {"error": said, "next_steps": []}


def test_a_fault_of_the_program_is_not_taken_for_an_expected_failure() -> None:
    def work() -> Result:
        raise ValueError("a bug")

    assert isinstance(ran(work).exception, ValueError)


def test_a_command_that_takes_longer_than_it_may_ends_with_5_whatever_catches_exceptions() -> None:
    def work() -> Result:
        while True:
            try:
                time.sleep(60)
            except Exception:
                continue

    started = time.monotonic()
    told = ran(work, "--timeout", "0.2s")
    assert (told.exit_code, told.stderr.count("\n")) == (ExitCode.TIMED_OUT, 1)
    assert time.monotonic() - started < 5
    assert "timed out after 0.2 s" in told.stderr
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_a_command_that_is_quick_enough_is_not_interrupted_later() -> None:
    def work() -> Result:
        return Result(["done"], {})

    assert ran(work, "--timeout", "0.2").stdout == "done\n"
    time.sleep(0.3)


def test_ctrl_c_ends_with_130_and_says_what_goes_on() -> None:
    def work() -> Result:
        raise KeyboardInterrupt

    told = ran(work)
    assert (told.exit_code, told.stderr) == (130, f"shadowctl: {STOPPED}\n")


def test_a_reader_who_goes_away_is_no_failure_worth_a_word() -> None:
    lines = "Result((str(number) for number in range(1_000_000)), None)"
    program = (
        "import typer; from shadowctl.verb import Result, verb; app = typer.Typer()\n"
        f"def work() -> Result: return {lines}\n"
        "verb(app)(work); app()"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "lambdas")])
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert (running.wait(20), running.stderr.read()) == (141, "")


def commands(group: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        inner = commands(command) if hasattr(command, "commands") else {"": command}
        found |= {f"{name} {each}".strip(): one for each, one in inner.items()}
    return found


def test_every_command_has_a_document_and_a_time_limit() -> None:
    own = commands(typer.main.get_command(cli.app))
    assert len(own) > 10
    del own["local psql"]  # psql's own options, and its own output
    for name, command in own.items():
        options = {option for each in command.params for option in each.opts}
        assert {"--json", "--timeout"} <= options, name


def client_error(code: str) -> ClientError:
    error = {"Code": code, "Message": "User: arn:aws:iam::1:user/eve\n is not allowed."}
    return ClientError({"Error": error}, "DescribeStacks")  # type: ignore[typeddict-item]


FAILURES = {
    "no credentials": (boto.NoCredentialsError(), "aws sso login"),
    "half of them": (
        boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        "AWS_PROFILE",
    ),
    "an expired token": (client_error("ExpiredToken"), "log in again"),
    "an expired token of another service": (client_error("ExpiredTokenException"), "log in again"),
    "an expired request": (client_error("RequestExpired"), "log in again"),
    "a token that nobody knows": (client_error("UnrecognizedClientException"), "log in again"),
    "an ended single sign-on": (boto.UnauthorizedSSOTokenError(), "log in again"),
    "one that cannot be renewed": (
        boto.TokenRetrievalError(provider="sso", error_msg="ended"),
        "log in again",
    ),
    "no region": (boto.NoRegionError(), "AWS_REGION"),
    "no such profile": (boto.ProfileNotFound(profile="nobody"), "list-profiles"),
    "no permission": (client_error("AccessDenied"), "ask for that permission"),
    "no permission in another service": (
        client_error("AccessDeniedException"),
        "ask for that permission",
    ),
    "throttled": (client_error("Throttling"), "try again in a minute"),
    "throttled elsewhere": (client_error("TooManyRequestsException"), "try again in a minute"),
    "nothing listens there": (
        boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        "shadowctl local up",
    ),
    "no answer": (boto.ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), "try again"),
}


@pytest.mark.parametrize(("error", "remedy"), FAILURES.values(), ids=FAILURES)
def test_a_failure_that_aws_may_answer_with_is_one_line_with_what_to_do(
    error: Exception, remedy: str
) -> None:
    said = in_one_line(error)
    assert "\n" not in said
    assert remedy in said

    def work() -> Result:
        raise error

    told = ran(work)
    assert (told.exit_code, told.stderr) == (ExitCode.ERROR, f"shadowctl: {said}\n")


@given(st.floats(0.001, 366), st.sampled_from("smhd"))
def test_a_duration_is_a_number_of_a_unit(number: float, unit: str) -> None:
    text = f"{number:.3f}"
    if float(text):
        kind = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[unit]
        assert duration(f"{text}{unit}") == timedelta(**{kind: float(text)})


@pytest.mark.parametrize(
    "text", ["", "0", "-5", "5 m", "5w", "ten", "367d", "nan", "1e3", "\u0663s"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90s"):
        duration(text)


def test_a_moment_is_a_time_that_has_passed() -> None:
    assert moment("90m", now=NOW) == NOW - timedelta(minutes=90)
    assert moment("2030-01-09", now=NOW) == NOW.replace(hour=0)
    assert moment("2030-01-09T03:30+02:00", now=NOW) == NOW.replace(hour=1, minute=30)
    for text in ("yesterday", "2030-01-09T04:00", "2030-13-01", ""):
        with pytest.raises(ValueError, match=f"got '{text}'"):
            moment(text, now=NOW)
