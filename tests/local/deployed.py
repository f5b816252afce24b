"""The deployed functions, for a test to break and to watch; each block puts back what it found."""

import contextlib
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import psycopg
import urllib3
from botocore.exceptions import ClientError

from localaws.evidence import Evidence, counted
from localaws.up import Local
from localaws.watcher import Watcher, watching
from operations.flag import Document, HostedFlag
from operations.settings import OperationsSettings
from shadow_runtime.contract import Position, Variable, flag_document
from shadowctl.deployed import stack_resources
from shadowctl.route import Route

_PATIENCE_SECONDS = 60


class Deployed:
    """The functions of a route's stack: `Route`, `Candidate` and `Shadow`.

    Of what they wrote before, nothing is read: the emulator gives 10,000 lines, the oldest.
    """

    def __init__(self, local: Local, stack: str = "GetUser") -> None:
        self._begun = time.time()
        self.local = local
        self.aws = local.session()
        self.flag = Route.find(stack, self.aws).flag
        self._resources = stack_resources(self.aws, stack)
        self._functions = self.aws.client("lambda")
        self._evidence = Evidence(self.aws, stack)

    def configuration(self, function: str) -> Mapping[str, Any]:
        return self._functions.get_function_configuration(FunctionName=self.name(function))

    def newest(self, function: str) -> str:
        """The function at its newest code and settings, whether they are published or not."""
        return f"{self.configuration(function)['FunctionArn']}:$LATEST"

    def name(self, function: str) -> str:
        return self.resource("AWS::Lambda::Function", f"Service{function}")

    def resource(self, kind: str, prefix: str) -> str:
        """The physical id of the stack's resource of that type; `prefix` is its logical id's."""
        [found] = [p for i, k, p in self._resources if k == kind and i[:-8] == prefix]
        return found

    def lines(self, function: str, *, since: float | None = None) -> list[dict[str, Any]]:
        """All that the function wrote as JSON since then: log messages, and metrics as EMF."""
        return list(self._evidence.written(function, self._begun if since is None else since))

    def count(self, function: str, metric: str, **of: str) -> float:
        """The sum of all that the function wrote for a metric; `of` are dimensions."""
        return sum(counted(line, metric, **of) for line in self.lines(function))

    def renew(self, function: str, **changes: Any) -> str:
        """Publishes a version, which runs in execution environments of its own; gives its ARN."""
        name = self.name(function)
        description = f"test {uuid4()}"  # nothing is published where nothing changed
        self._functions.update_function_configuration(
            FunctionName=name, Description=description, **changes
        )
        published = self._functions.publish_version(FunctionName=name)
        if function == "Route":
            self._functions.update_alias(
                FunctionName=name, Name="live", FunctionVersion=published["Version"]
            )
        return str(published["FunctionArn"])

    def versions(self, function: str) -> list[str]:
        """All that is published of the function, by number."""
        found = self._functions.list_versions_by_function(FunctionName=self.name(function))
        return [version["Version"] for version in found["Versions"]]

    def set(self, function: str, **variables: str) -> None:
        """Adds environment variables to the function's next version."""
        held = self.configuration(function)["Environment"]["Variables"]
        self._functions.update_function_configuration(
            FunctionName=self.name(function), Environment={"Variables": {**held, **variables}}
        )

    @contextlib.contextmanager
    def kept(self, function: str) -> Iterator[None]:
        """What the block does to the function's code, settings and alias is undone."""
        before, name = self.configuration(function), self.name(function)
        archive = self._archive(function)
        aliases = self._functions.list_aliases(FunctionName=name)["Aliases"]
        try:
            yield
        finally:
            self._functions.update_function_code(FunctionName=name, ZipFile=archive)
            self._functions.update_function_configuration(
                FunctionName=name,
                Handler=before["Handler"],
                Environment=before["Environment"],
                Description=before["Description"],
            )
            for alias in aliases:
                self._functions.update_alias(
                    FunctionName=name, Name=alias["Name"], FunctionVersion=alias["FunctionVersion"]
                )

    def files(self, function: str) -> dict[str, str]:
        """The function's code, by path."""
        with zipfile.ZipFile(io.BytesIO(self._archive(function))) as code:
            return {path: code.read(path).decode() for path in code.namelist()}

    def put_code(self, function: str, files: Mapping[str, str]) -> None:
        """Replaces some files of the function's code."""
        archive = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(self._archive(function))) as old,
            zipfile.ZipFile(archive, "w") as new,
        ):
            for path in old.namelist():
                if path not in files:
                    new.writestr(path, old.read(path))
            for path, text in files.items():
                new.writestr(path, text)
        self._functions.update_function_code(
            FunctionName=self.name(function), ZipFile=archive.getvalue()
        )

    def _archive(self, function: str) -> bytes:
        found = self._functions.get_function(FunctionName=self.name(function))
        return urllib3.request("GET", found["Code"]["Location"]).data

    def denied(
        self, function: str, *actions: str, on: str = "*"
    ) -> contextlib.AbstractContextManager[None]:
        """The function's role may not do `actions`."""
        return self._policy(function, "Deny", actions, on)

    def allowed(
        self, function: str, *actions: str, on: str
    ) -> contextlib.AbstractContextManager[None]:
        """The function's role may also do `actions`."""
        return self._policy(function, "Allow", actions, on)

    @contextlib.contextmanager
    def _policy(
        self, function: str, effect: str, actions: Sequence[str], on: str
    ) -> Iterator[None]:
        iam = self.aws.client("iam")
        role = self.configuration(function)["Role"].rpartition("/")[2]
        statement = {"Effect": effect, "Action": actions, "Resource": on}
        iam.put_role_policy(
            RoleName=role,
            PolicyName=effect,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
        try:
            yield
        finally:
            iam.delete_role_policy(RoleName=role, PolicyName=effect)

    def deploy(self, document: object) -> None:
        """Deploys whatever it is as the flag's document, as somebody with the rights could."""
        for _ in range(10):
            try:
                with self.flag.unvalidated():
                    self.flag.deploy(
                        document,  # type: ignore[arg-type]
                        after=self.flag.deployed(),
                        raising=False,
                        description="a test",
                    )
                return
            except ClientError as error:  # the route's own operations may be at it
                if error.response["Error"]["Code"] != "ConflictException":
                    raise
            time.sleep(0.2)
        raise AssertionError("somebody else moves the flag all the time")

    def raise_with(self, strategy: str, position: Position) -> None:
        """Starts a raise that takes its time, as on AWS."""
        ids = self.configuration("Operations")["Environment"]["Variables"]
        slow = {**ids, Variable.RAISE_STRATEGY: strategy}
        flag = HostedFlag.of(self.aws.client("appconfig"), OperationsSettings.of(slow))
        document, now = flag_document(position), flag.deployed()
        with flag.unvalidated():
            flag.deploy(document, after=now, raising=True, description="a raise")

    @contextlib.contextmanager
    def flag_kept(self) -> Iterator[None]:
        before: Document = self.flag.deployed().document
        try:
            yield
        finally:
            self.deploy(before)

    def at(self, position: Position) -> None:
        """Moves the flag; execution environments that begin now are there at once."""
        self.deploy(flag_document(position))
        self.renew("Route")

    @contextlib.contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """The database, as its superuser."""
        with psycopg.connect(self.local.database_url, autocommit=True) as connection:
            yield connection


def watched(local: Local) -> contextlib.AbstractContextManager[Watcher]:
    """What happens in the block is watched."""
    return watching(local.session(), Path(local.assembly))


def awaited(look: Callable[[], float], least: float) -> float:
    """What `look` sees, once it is at least `least`, or when patience ends."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (seen := look()) < least and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


class Gate:
    """A way to a service that can be closed: what then comes is refused."""

    def __init__(self, to: str) -> None:
        self._closed = False
        gate = self

        class Passage(BaseHTTPRequestHandler):
            def pass_on(self) -> None:
                if gate._closed:
                    self.send_error(503)
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                url = f"{to}{self.path}"
                answer = urllib3.request(self.command, url, body=body, headers=dict(self.headers))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.data)

            do_GET = do_POST = pass_on  # noqa: N815 - the names that the library calls

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Passage)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def open(self) -> Iterator[Self]:
        with self._server:
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
            yield self
            self._server.shutdown()

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        self._closed = True
        try:
            yield
        finally:
            self._closed = False
