"""What the processes of the embedded AWS see of the user's environment: next to nothing."""

import os
import sys
from pathlib import Path

from localaws.home import CACHE

ACCOUNT = "000000000000"
REGION = "us-east-1"
ROOT_CREDENTIALS = ("test", "test")
"""The emulator's own root user: it exists nowhere else."""


def bare(home: Path) -> dict[str, str]:
    """Variables for a child process: no credentials, profiles, proxies or Python settings.

    `home` replaces the user's home folder, so that no configuration file is found there either.
    """
    # The interpreter's folder comes first: it holds `node`, which jsii looks for.
    path = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"]
    return {
        "PATH": os.pathsep.join([*path, "/sbin"]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPYCACHEPREFIX": str(CACHE / "bytecode"),
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
