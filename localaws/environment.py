"""What the embedded AWS and its clients see of the user's environment: next to nothing."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.session

from shadowctl.synthesis import app_folder

ACCOUNT = "000000000000"
REGION = "us-east-1"
ROOT_CREDENTIALS = ("test", "test")
"""The emulator's own root user: it exists nowhere else."""


def cache() -> Path:
    """The app's folder of what is built once for this machine and survives `down`."""
    folder = app_folder() / ".cache"
    keep_out_of_git(folder)
    return folder


def keep_out_of_git(folder: Path) -> None:
    """Makes `folder` if need be, and lets git ignore it, whatever the app's own rules are."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")


@contextlib.contextmanager
def building(folder: Path) -> Iterator[None]:
    """One process at a time builds in `folder`, which is made; the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bare(home: Path) -> dict[str, str]:
    """Variables for a child process: no credentials, profiles, proxies or Python settings.

    `home` replaces the user's home folder, so that no configuration file is found there either.

    Example:
        >>> bare(Path("/nowhere"))["HOME"]
        '/nowhere'
    """
    # The interpreter's folder comes first: it holds `node`, which jsii looks for.
    path = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"]
    return {
        "PATH": os.pathsep.join([*path, "/sbin"]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPYCACHEPREFIX": str(cache() / "bytecode"),
    }


def client(home: Path, endpoint: str) -> dict[str, str]:
    """`bare`, for a program that calls the embedded AWS, and can call no other."""
    key, secret = ROOT_CREDENTIALS
    return {
        **bare(home),
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
    }


def session(endpoint: str) -> boto3.Session:
    """A session as the emulator's root user, whose clients can reach nothing but `endpoint`.

    It reads no profile and no configuration file, whatever the environment says.

    Example:
        >>> session("http://127.0.0.1:4566").client("sts").meta.endpoint_url
        'http://127.0.0.1:4566'
    """
    return _Embedded(endpoint)


class _Embedded(boto3.Session):
    def __init__(self, endpoint: str) -> None:
        unread = (None, None, os.devnull, None)
        core = botocore.session.Session(
            {
                "profile": (None, None, None, None),
                "config_file": unread,
                "credentials_file": unread,
            }
        )
        key, secret = ROOT_CREDENTIALS
        super().__init__(
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name=REGION,
            botocore_session=core,
        )
        self._endpoint = endpoint

    def client(self, service_name: Any, *_: Any, **options: Any) -> Any:
        """As `boto3.Session.client`; without proxies, which would not find this machine."""
        own = botocore.config.Config(proxies={}, max_pool_connections=32)
        config = own.merge(options.pop("config", None) or botocore.config.Config())
        endpoint = {"endpoint_url": self._endpoint, "use_ssl": False}
        return super().client(service_name, **{**options, **endpoint, "config": config})
