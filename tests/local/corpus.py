"""Secrets, code that handles them carelessly, and ears that hear where they go."""

import contextlib
import hashlib
import socket
from collections.abc import Iterator

from shadow_runtime.contract import Stage, Variant
from shadow_runtime.copies import Copy
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request, Response

CONTROL, CANDIDATE = "ada.lovelace@private.example", "grace.hopper@private.example"
"""A user of each side, by the flag: where ids are e-mails, they are personal too."""

CREDENTIALS = {
    "Cookie": "session=crumb-7f3a9b",
    "X-Api-Key": "key-51c0ffee",
    "X-Amz-Security-Token": "sts-9d8e7f6a",
    "Proxy-Authorization": "Basic cHJveHk6cHJveHk=",
}
IN_QUERY = {"access_token": "opaque-4b5c6d", "api_key": "query-1a2b3c"}
SET_COOKIE = "session=fresh-0f1e2d; HttpOnly"
PERSONAL = {
    "in the query": "+41790001122",
    "in a header": "Rue des Secrets 7",
    "in control's answer": "Augusta Ada King",
    "in a key of control's answer": "ada.king@mail.example",
    "deep in control's answer": "4929 1234 5678 9012",
}
OF_CANDIDATE = {
    "in the candidate's answer": "Rear Admiral Hopper",
    "in a key of the candidate's answer": "hopper@navy.example",
    "in an exception": "CH93 0076 2011 6238 5295 7",
    "in an exception's cause": "born on 1906-12-09",
    "in a parameter of SQL": "hopper@sql.example",
}
CASES = ("agreeing", "differing", "raising", "sql", "faulty")

CONTROL_CODE = f"""
import json
from shadow_runtime.http import Response
from shadow_runtime.migrating import migrating

@migrating(repeatable=True)
def handler(request):
    if request.headers["x-case"] == "faulty":
        raise ValueError({PERSONAL["in control's answer"]!r})
    body = {{
        "name": {PERSONAL["in control's answer"]!r},
        "contacts": {{{PERSONAL["in a key of control's answer"]!r}: [{{
            "card": {PERSONAL["deep in control's answer"]!r}}}]}},
    }}
    headers = {{"content-type": "application/json", "set-cookie": {SET_COOKIE!r}}}
    return Response(status=200, headers=headers, body=json.dumps(body))
"""
CANDIDATE_CODE = f"""
import json
from sqlalchemy import text
from routes.get_user import control
from shadow_runtime import database
from shadow_runtime.candidate import candidate
from shadow_runtime.http import Response

@candidate
def handler(request):
    case = request.headers["x-case"]
    if case == "agreeing":
        return control.handler.__wrapped__(request)
    if case == "differing":
        return Response.json({{
            "name": {OF_CANDIDATE["in the candidate's answer"]!r},
            "contacts": {{{OF_CANDIDATE["in a key of the candidate's answer"]!r}: []}},
        }})
    if case == "sql":
        with database.session() as session:
            asked = text("SELECT no_such_column FROM users WHERE email = :email")
            session.execute(asked, {{"email": {OF_CANDIDATE["in a parameter of SQL"]!r}}})
    try:
        raise KeyError({OF_CANDIDATE["in an exception's cause"]!r})
    except KeyError as error:
        raise ValueError({OF_CANDIDATE["in an exception"]!r}, request) from error
"""
TAP = '''
import importlib, json, os, socket

def handler(event, context):
    """Shows what came, and goes on as deployed."""
    shown = json.dumps({"deployed_as": os.environ["DEPLOYED_AS"], "event": event}).encode()
    port = int(os.environ["TAP"])
    socket.socket(type=socket.SOCK_DGRAM).sendto(shown, ("127.0.0.1", port))
    module, _, name = os.environ["TAPPED"].rpartition(".")
    return getattr(importlib.import_module(module), name)(event, context)
'''


def copied(stage: Stage, case: str) -> int:
    """Of a request of each user: no copy is sent of an answer that control gave as a stand-in."""
    if stage <= Stage.SHADOW:
        return 2 * (stage == Stage.SHADOW)
    return 2 if case in ("agreeing", "differing") else 1


def copy_of_old(personal: str) -> bytes:
    request = Request(method="GET", path=f"/users/{personal}", user=CONTROL, id="old")
    return Copy(
        event=HTTP_API.event(request),
        withheld=(),
        user=CONTROL,
        id="old",
        trace="",
        traceparent="",
        variant=Variant.CONTROL,
        response=Response.json(personal),
        exposed=False,
        candidate_version="7",
        deadline_ms=2_000,
        sent_at=1.0,
    ).payload()


def hashed(value: str) -> str:
    """A hash that anyone can compute."""
    return hashlib.sha256(value.encode()).hexdigest()[:12]


class Ear:
    """Hears the datagrams that come to a port: the tap's, or those meant for X-Ray's daemon."""

    def __init__(self, ear: socket.socket) -> None:
        self._socket = ear
        self.port = ear.getsockname()[1]

    def heard(self) -> list[str]:
        found = []
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(65_536).decode())
        return found


@contextlib.contextmanager
def ear() -> Iterator[Ear]:
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        bound.bind(("127.0.0.1", 0))
        yield Ear(bound)
