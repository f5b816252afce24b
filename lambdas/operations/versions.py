"""What CloudFormation asks for when a flag goes: its hosted versions, which no template knows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3

from custom_resource import answer
from operations.flag import hosted_versions
from shadow_runtime.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_appconfig import AppConfigClient


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Deletes the versions of a flag that is being deleted, and tells CloudFormation how it went.

    Each move of the flag wrote one, and AppConfig deletes no profile that has any.
    """

    def work() -> None:
        if event["RequestType"] == "Delete":
            given = event["ResourceProperties"]
            delete_all(boto3.client("appconfig"), given["Application"], given["Profile"])

    answer(event, work, resource="flag-versions", failed="the flag's versions were not deleted")


def delete_all(client: "AppConfigClient", application: str, profile: str) -> int:
    """Deletes every hosted version of a profile; returns how many.

    One that is gone already is none, nor are those of a profile that is.

    Raises:
        botocore.exceptions.ClientError: one is not deleted: an environment is served it.
    """
    gone = client.exceptions.ResourceNotFoundException
    try:
        versions = hosted_versions(client, application, profile)
    except gone:
        versions = []
    deleted = 0
    for version in versions:
        try:
            client.delete_hosted_configuration_version(
                ApplicationId=application, ConfigurationProfileId=profile, VersionNumber=version
            )
        except gone:
            continue
        deleted += 1
    logger.info("flag versions", deleted=deleted)
    return deleted
