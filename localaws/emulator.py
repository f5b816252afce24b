"""The embedded AWS: one emulator process on 127.0.0.1, and the Lambda processes it starts."""

import socket
import sys
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

from localaws import LocalError, environment
from localaws.environment import building, cache
from localaws.process_guard import GuardedProcess


def free_port(wanted: int = 0) -> int:
    """`wanted`, when nothing listens there; by default any free port.

    Raises:
        LocalError: the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise LocalError(
                f"port {wanted} of 127.0.0.1 cannot be used ({error.strerror}); "
                "give another --port, or none for any free one"
            ) from error
        port: int = probe.getsockname()[1]
        return port


def start(port: int, *, home: Path, temporary: Path, log: Path) -> GuardedProcess:
    """A running emulator that enforces IAM and answers on `http://127.0.0.1:<port>`.

    Raises:
        LocalError: it did not start.
    """
    endpoint = f"http://127.0.0.1:{port}"
    running = GuardedProcess(
        [sys.executable, "-P", Path(__file__).with_name("emulated.py"), functions_python()],
        environment={
            **environment.client(home, endpoint),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",  # else it listens on every interface, on 8883
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nowhere",  # containers of the user's are none of its business
            "LAMBDA_STRICT": "0",
            # A throttled event is tried three times, where AWS tries for the event's age.
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "4",
            "TMPDIR": str(temporary),
        },
        log=log,
        folder=temporary,
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            direct.open(f"{endpoint}/_ministack/health", timeout=5).close()
        except (urllib.error.URLError, OSError) as error:
            if not running.running:
                raise LocalError(f"the embedded AWS ended at once; see {log}") from error
            time.sleep(0.02)
        else:
            return running


def functions_python() -> Path:
    """An interpreter of this version without any installed package."""
    folder = cache() / f"functions-python-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    with building(cache()):
        if not python.exists():
            venv.create(folder, symlinks=True)
    return python
