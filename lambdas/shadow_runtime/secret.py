"""Secrets, read at run time and kept for the life of the execution environment."""

from functools import lru_cache

import boto3
from botocore.config import Config


@lru_cache
def secret(arn: str) -> str:
    """The current value of the secret `arn`; `secret.cache_clear()` forgets what was read.

    Raises:
        botocore.exceptions.ClientError: it does not exist, or may not be read.
    """
    client = boto3.client(
        "secretsmanager",
        config=Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2}),
    )
    return client.get_secret_value(SecretId=arn)["SecretString"]
