"""What a user waits while the candidate, in the shadow, takes a second.

`python -m bench.waiting`, with `lambdas` on the path, prints the table.
"""

import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.contest import Contest, Work, measure, race
from bench.deployed import CONTEXT, ENVIRONMENT, EVENT, SHADOW, USER, control, nothing_said, runtime
from bench.peers import experiment, migrator
from bench.report import Line, show
from shadow_runtime.contract import Position, Stage, Variant
from shadow_runtime.copies import Copy
from shadow_runtime.credentials import stripped
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import Migration

TITLE = "(e) What a user waits at stage shadow, the candidate taking 1 s (median)"
INCLUDES = (
    "Ours is the whole handler: flag, control, telemetry, and a copy sent over TLS to a played "
    "Lambda, which answers 202 at once, or after 5 ms. 'One async invoke' is boto3's invoke of the "
    "same Lambda with the same payload on a kept connection, nothing else. LaunchDarkly's Migrator "
    "runs both sides in parallel and laboratory one after the other; both wait for the slower one."
)
INVOKE = "one async invoke"
MOST = 1.05
SECOND = 1.0
PROMPT, SLOWER = SHADOW, SHADOW.replace("shadow", "slower-shadow")


def main() -> list[Line]:
    """Measure, print the table, and return its lines."""
    with tempfile.TemporaryDirectory() as folder, _played(Path(folder)) as (url, certificate):
        trusted = {"AWS_ENDPOINT_URL_LAMBDA": url, "AWS_CA_BUNDLE": str(certificate)}
        environment = {**ENVIRONMENT, **trusted}
        return show(TITLE, INCLUDES, measure("bench.waiting", environment))


def contests() -> Iterator[Contest]:
    """Ours beside one invoke, for either speed of the played Lambda, and beside the peers."""
    peers = {
        INVOKE: _invoke(PROMPT),
        "LaunchDarkly's Migrator": migrator("shadow", control, _candidate),
        "laboratory": experiment(control, _candidate, enabled=True),
    }
    yield Contest("copied, 202 at once", _ours(PROMPT), peers, {INVOKE: MOST})
    slower = {INVOKE: _invoke(SLOWER)}
    yield Contest("copied, 202 after 5 ms", _ours(SLOWER), slower, {INVOKE: MOST})


def _candidate(request: Request) -> Response:
    time.sleep(SECOND)
    return control(request)


def _ours(shadow: str) -> Work:
    handler = Migration(control, runtime(Position(Stage.SHADOW), shadow))
    return lambda: handler(EVENT, CONTEXT)


def _invoke(shadow: str) -> Work:
    event, withheld = stripped(EVENT)
    payload = Copy(
        event=event,
        withheld=tuple(withheld),
        user=USER,
        id="Z67rFiaQS3QA1A=",
        trace="",
        traceparent="",
        variant=Variant.CONTROL,
        response=control(HTTP_API.request(EVENT, USER)),
        exposed=False,
        candidate_version="7",
        deadline_ms=2_000,
    ).payload()
    client = boto3.client("lambda")

    def invoke() -> object:
        taken = client.invoke(FunctionName=shadow, InvocationType="Event", Payload=payload)
        return taken["Payload"].read()  # or its connection is not kept

    return invoke


class _Lambda(BaseHTTPRequestHandler):
    """Lambda's Invoke of type Event: accepted at once; what runs later is no user's wait."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Accepts one copy."""
        self.rfile.read(int(self.headers["content-length"]))
        if "slower-shadow" in self.path:
            time.sleep(0.005)
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def _played(folder: Path) -> Iterator[tuple[str, Path]]:
    """Its address, and the certificate that it shows."""
    certificate = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Lambda)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", certificate
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path) -> Path:
    """Of this machine, with its key; it vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "certificate.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + signed.public_bytes(pem))
    return file


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with nothing_said():
            race("bench.waiting", contests())
    else:
        main()
