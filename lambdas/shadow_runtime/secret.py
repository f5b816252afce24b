"""Secrets, and the parameters that name them, read at run time."""

from functools import cache, lru_cache
from typing import Any

import boto3
from botocore.config import Config


@lru_cache
def secret(arn: str) -> str:
    """The value of the secret `arn`, kept for the life of the execution environment.

    Raises:
        botocore.exceptions.ClientError: it does not exist, or may not be read.
    """
    return _value(arn)


def named_by(parameter: str) -> str:
    """The value, as it is now, of the secret that the SSM parameter `parameter` names.

    Whoever names another one there deploys no function: neither name is in any version.

    Raises:
        botocore.exceptions.ClientError: one of the two does not exist, or may not be read.
    """
    found = _parameters().get_parameter(Name=parameter)
    return _value(found["Parameter"]["Value"])


def _value(secret: str) -> str:
    text: str = _secrets().get_secret_value(SecretId=secret)["SecretString"]
    return text


@cache
def _parameters() -> Any:
    return boto3.client("ssm", config=_PATIENCE)


@cache
def _secrets() -> Any:
    return boto3.client("secretsmanager", config=_PATIENCE)


_PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
