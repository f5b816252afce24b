"""What AppConfig asks before it deploys a flag: nobody jumps, a console user neither."""

import base64
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from operations.transitions import Transitions
from shadow_runtime.contract import FLAG_KEY, Position, ShadowCanaryError, Stage, Variable

if TYPE_CHECKING:
    from operations.flag import Deployed


class RefusedError(ShadowCanaryError):
    """AppConfig may not deploy it: why, and what to do."""


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Returns where the flag may be deployed, which AppConfig takes for a yes.

    To `off` it may always, and nothing on AWS is looked at for it, nor imported. Everything else is
    compared with what is deployed now, and what exposes more users with where their dataset is.

    https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-creating-configuration-and-profile-validators.html

    Raises:
        RefusedError: the content is no flag, or the transitions refuse it, or its dataset does.
        FlagWriterError: nothing is deployed yet that it could be compared with.
    """
    values = _values(event["content"])
    after = Position.read(values).stage
    if after == Stage.OFF:
        return
    deployed = _deployed(event["applicationId"], event["configurationProfileId"])
    table = Transitions.of(os.environ)
    before = deployed.document["values"][FLAG_KEY].get("override")
    override = values.get("override")
    reason = override if isinstance(override, str) and override != before else ""
    if refusal := table.refusal(deployed.stage, after, override=reason):
        raise RefusedError(refusal)
    if deployed.stage is None or after > deployed.stage:
        _object(after)


def _object(after: Stage) -> None:
    """Raises RefusedError where the route's dataset is not ready for a stage that is higher."""
    import boto3

    from operations.dataset_function import DatasetFunction
    from operations.dataset_needs import objections

    name, function = (
        os.environ.get(each, "") for each in (Variable.DATASET, Variable.DATASET_FUNCTION)
    )
    dataset = DatasetFunction.of(boto3.client, name=name, function=function)
    for objection in objections(dataset, after):
        raise RefusedError(objection)


def _deployed(application: str, profile: str) -> "Deployed":
    """What is served from the application's environment, which is its only one.

    Raises:
        RefusedError: it has others, and AppConfig does not say which one it asks for.
    """
    import boto3  # it takes most of a cold start, and `off` needs none of it

    from operations.flag import HostedFlag

    client = boto3.client("appconfig")
    environments = client.list_environments(ApplicationId=application)["Items"]
    if len(environments) != 1:
        raise RefusedError(
            f"the flag's application has {len(environments)} environments, and AppConfig does not "
            "say which one it would deploy to: delete those that are not the stack's"
        )
    return HostedFlag(
        client,
        application=application,
        environment=environments[0]["Id"],
        profile=profile,
        raise_strategy="",  # it deploys nothing
        lower_strategy="",
    ).deployed()


def _values(content: str) -> Any:
    """The flag's values in a hosted document.

    Raises:
        RefusedError: it has none.
    """
    try:
        return json.loads(base64.b64decode(content))["values"][FLAG_KEY]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise RefusedError(
            f"no document of a flag {FLAG_KEY!r}: {type(error).__name__}: {error}; move the flag "
            "with shadowctl"
        ) from error
