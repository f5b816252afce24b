"""Requests to a service that answers, dawdles, or left the connection that was kept: what comes is
there by the deadline, and a dead connection costs one more try, never two."""

import contextlib
import os
import resource
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import create_loader
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shadow_runtime import aws
from tests.runtime.played import (
    DEAD,
    HANG_UP,
    SILENCE,
    Received,
    Reply,
    Service,
    nobody_there,
    once,
    serving,
)

GOOD = Reply(body=b"good")
SECONDS = 0.6
LEEWAY = 0.3  # what a busy machine adds


@pytest.fixture
def lambda_(aws_lambda: Service) -> aws.Service:
    aws_lambda.always(GOOD)
    return aws.Service("lambda")


def ask(
    service: aws.Service, *, seconds: float = SECONDS, body: bytes = b"", idempotent: bool = True
) -> aws.Reply:
    deadline = time.monotonic() + seconds
    pending = service.send("POST", "/path?query=1", deadline, body, idempotent=idempotent)
    return pending.reply(deadline)


def test_one_connection_is_kept_for_all_requests(lambda_: aws.Service, aws_lambda: Service) -> None:
    assert [ask(lambda_).body for _ in range(5)] == [b"good"] * 5
    assert [received.nth for received in aws_lambda.received] == [1, 2, 3, 4, 5]


@contextlib.contextmanager
def descriptors_above(least: int) -> Iterator[None]:
    """What is opened in the block has a descriptor from `least` on."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2 * least), before[1]))
    with contextlib.ExitStack() as held:
        while held.enter_context(Path(os.devnull).open()).fileno() < least:
            pass
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_function_that_holds_a_thousand_files_asks_and_keeps_its_connection(
    lambda_: aws.Service, aws_lambda: Service
) -> None:
    with descriptors_above(1_024):
        assert [ask(lambda_).body for _ in range(2)] == [b"good"] * 2
    assert [received.nth for received in aws_lambda.received] == [1, 2]


@pytest.mark.parametrize("reply", [Reply(202), Reply(204), Reply(429, b"slow down"), Reply(500)])
def test_it_is_kept_whatever_the_service_answers(
    lambda_: aws.Service, aws_lambda: Service, reply: Reply
) -> None:
    aws_lambda.always(reply)
    for _ in range(2):
        found = ask(lambda_)
        assert (found.status, found.body) == (reply.status, reply.body)
    assert [received.nth for received in aws_lambda.received] == [1, 2]


def test_it_is_not_kept_when_the_service_says_so(lambda_: aws.Service, aws_lambda: Service) -> None:
    aws_lambda.always(Reply(body=b"good", headers={"connection": "close"}))
    assert [ask(lambda_).body for _ in range(2)] == [b"good"] * 2
    assert [received.nth for received in aws_lambda.received] == [1, 1]


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_a_kept_connection_that_is_dead_costs_one_more_try_within_the_time(
    lambda_: aws.Service, aws_lambda: Service, dead: Reply | None
) -> None:
    aws_lambda.script = once(GOOD, dead)
    ask(lambda_)
    started = time.monotonic()
    assert ask(lambda_).body == b"good"
    assert time.monotonic() - started < SECONDS
    assert [received.nth for received in aws_lambda.received] == [1, 2, 1]


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_what_may_not_be_done_twice_is_not_asked_twice(
    lambda_: aws.Service, aws_lambda: Service, dead: Reply | None
) -> None:
    aws_lambda.script = once(GOOD, dead)
    ask(lambda_)
    with pytest.raises(OSError):  # noqa: PT011 - its kinds differ
        ask(lambda_, idempotent=False)
    assert len(aws_lambda.received) == 2


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_nothing_is_asked_a_third_time_nor_a_fresh_connection_doubted(
    lambda_: aws.Service, aws_lambda: Service, dead: Reply | None
) -> None:
    ask(lambda_)
    aws_lambda.always(dead)
    for asked in (3, 4):  # with a kept connection, and without
        started = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 - its kinds differ
            ask(lambda_)
        assert time.monotonic() - started < SECONDS + LEEWAY
        assert len(aws_lambda.received) == asked


def test_a_service_that_is_slow_on_a_kept_connection_is_still_heard(
    lambda_: aws.Service, aws_lambda: Service
) -> None:
    ask(lambda_)
    slow = Reply(body=b"slow", delay=0.7 * SECONDS)
    aws_lambda.script = lambda received: slow if received.nth == 2 else SILENCE
    assert ask(lambda_).body == b"slow"


def test_a_connection_that_was_closed_meanwhile_is_not_used_at_all(
    lambda_: aws.Service, aws_lambda: Service
) -> None:
    ask(lambda_)
    aws_lambda.hang_up()
    assert ask(lambda_, idempotent=False).body == b"good"
    assert [received.nth for received in aws_lambda.received] == [1, 1]


@pytest.mark.parametrize("passed", [aws.IDLE_SECONDS, 600, -1])
def test_a_connection_that_was_idle_for_long_is_not_trusted(
    lambda_: aws.Service, aws_lambda: Service, passed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(lambda_)
    now = time.time() + passed
    monkeypatch.setattr(time, "time", lambda: now)
    assert ask(lambda_, idempotent=False).body == b"good"
    assert [received.nth for received in aws_lambda.received] == [1, 1]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=b"x" * 1_000, pause=0.01), id="body"),
        pytest.param(Reply(headers={"x-long": "x" * 1_000}, pause=0.01), id="head"),
        pytest.param(SILENCE, id="nothing"),
    ],
)
def test_a_reply_that_trickles_is_waited_for_no_longer_than_the_time_in_total(
    lambda_: aws.Service, aws_lambda: Service, reply: Reply
) -> None:
    aws_lambda.always(reply)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        ask(lambda_)
    assert time.monotonic() - started < SECONDS + LEEWAY
    aws_lambda.always(GOOD)
    assert ask(lambda_).body == b"good"


def test_a_service_that_takes_no_request_is_waited_for_no_longer_either(
    lambda_: aws.Service, aws_lambda: Service
) -> None:
    aws_lambda.always(SILENCE)
    with pytest.raises(TimeoutError):
        ask(lambda_, body=b"x" * 20_000_000, seconds=0.3)


@pytest.mark.parametrize(
    "reply",
    [
        HANG_UP,
        Reply(body=b"half", headers={"content-length": "9", "connection": "close"}),
        Reply(headers={"transfer-encoding": "chunked"}, body=b"no chunk"),
    ],
)
def test_half_a_reply_is_a_failed_connection(
    lambda_: aws.Service, aws_lambda: Service, reply: Reply | None
) -> None:
    aws_lambda.always(reply)
    with pytest.raises(OSError):  # noqa: PT011 - its kinds differ
        ask(lambda_)
    assert len(aws_lambda.received) == 1


def test_nobody_there_is_a_refused_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody_there() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        with pytest.raises(ConnectionRefusedError):
            ask(aws.Service("lambda"))


def test_a_reply_may_be_read_later_than_its_deadline_when_it_is_there(
    lambda_: aws.Service, aws_lambda: Service
) -> None:
    ask(lambda_)
    deadline = time.monotonic() + 0.2
    pending = lambda_.send("GET", "/", deadline)
    time.sleep(0.3)
    assert pending.reply(deadline).body == b"good"


def test_what_is_abandoned_is_forgotten(lambda_: aws.Service, aws_lambda: Service) -> None:
    lambda_.send("GET", "/", time.monotonic() + 1).abandon()
    assert ask(lambda_).body == b"good"
    assert aws_lambda.received[-1].nth == 1  # the other's may be closed before it is read


FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:shadow:7"
CLIENTS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "an invocation": (
        "lambda",
        lambda client: client.invoke(
            FunctionName=FUNCTION, InvocationType="Event", Payload="größe".encode()
        ),
    ),
    "a session": (
        "appconfigdata",
        lambda client: client.start_configuration_session(
            ApplicationIdentifier="a", EnvironmentIdentifier="e", ConfigurationProfileIdentifier="p"
        ),
    ),
    "a configuration": (
        "appconfigdata",
        lambda client: client.get_latest_configuration(ConfigurationToken="a+b/c=="),
    ),
}


@pytest.mark.parametrize(("name", "call"), CLIENTS.values(), ids=CLIENTS)
def test_a_request_arrives_as_boto3_would_have_sent_it(
    service: Service, name: str, call: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name.upper()}", service.url)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t0ken")
    aws._credentials.cache_clear()
    now = datetime(2030, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now)
    call(boto3.Session().client(name, endpoint_url=service.url))  # type: ignore[call-overload]
    [theirs] = service.received
    method = "GET" if name == "appconfigdata" and not theirs.body else "POST"
    own = {"x-amz-invocation-type", "content-type"}
    headers = {key: value for key, value in theirs.headers.items() if key in own}
    pending = aws.Service(name).send(
        method, theirs.path, time.monotonic() + 1, theirs.body, headers=headers
    )
    pending.reply(time.monotonic() + 1)
    aws._credentials.cache_clear()
    ours = service.received[-1]
    assert (ours.path, ours.body) == (theirs.path, theirs.body)
    signature = ("host", "authorization", "x-amz-date", "x-amz-security-token")
    assert [ours.headers[key] for key in signature] == [theirs.headers[key] for key in signature]


def test_a_request_carries_the_trace_that_it_belongs_to(
    lambda_: aws.Service, aws_lambda: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    ask(lambda_)
    assert aws_lambda.received[0].headers["x-amzn-trace-id"] == header


@pytest.mark.parametrize("service", ["lambda", "appconfigdata"])
@pytest.mark.parametrize("fips", [False, True])
def test_an_endpoint_is_the_one_that_botocore_finds(service: str, fips: bool) -> None:
    loader = create_loader()
    rules = EndpointProvider(
        loader.load_service_model(service, "endpoint-rule-set-1"), loader.load_data("partitions")
    )
    for region in ("eu-central-1", "us-east-1", "ap-southeast-7", "cn-north-1"):
        expected = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=False).url
        found = aws.endpoint(
            service, {"AWS_REGION": region, "AWS_USE_FIPS_ENDPOINT": str(fips).lower()}
        )
        assert found.geturl() == expected


def test_a_named_endpoint_goes_before_one_for_all_services() -> None:
    both = {
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://all",
        "AWS_ENDPOINT_URL_LAMBDA": "http://one",
    }
    assert aws.endpoint("lambda", both).geturl() == "http://one"
    assert aws.endpoint("appconfigdata", both).geturl() == "http://all"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine with its key, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(
        key.private_bytes(pem, private, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return file


@pytest.fixture
def secure(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with serving(context) as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", service.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
        yield service


@pytest.mark.parametrize("dead", DEAD.values(), ids=DEAD)
def test_all_of_this_holds_over_tls(secure: Service, dead: Reply | None) -> None:
    secure.always(GOOD)
    service = aws.Service("lambda")
    assert [ask(service, seconds=3).body for _ in range(3)] == [b"good"] * 3
    assert [received.nth for received in secure.received] == [1, 2, 3]

    def script(received: Received) -> Reply | None:
        return GOOD if received.nth == 1 else dead

    secure.script = script
    assert ask(service, seconds=3).body == b"good"
    assert [received.nth for received in secure.received] == [1, 2, 3, 4, 1]


def test_a_certificate_that_nobody_vouches_for_is_refused(
    secure: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(aws.Service("lambda"))
