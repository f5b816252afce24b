"""Clients of the embedded AWS."""

import os
from typing import Any

import boto3
import botocore.config
import botocore.session

from localaws.environment import REGION, ROOT_CREDENTIALS


def session(endpoint: str) -> boto3.Session:
    """A session as the emulator's root user, whose clients can reach nothing but `endpoint`.

    It reads no profile and no configuration file, whatever the environment says.
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
