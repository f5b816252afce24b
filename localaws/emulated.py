"""The process of the embedded AWS: ministack, and of AppConfig what ministack lacks.

Run as a program, with the interpreter for functions as its one argument.
"""

import base64
import inspect
import json
import os
import sys
from typing import Any

if __name__ == "__main__":
    # The emulator runs functions with its own interpreter: this one sees no packages but the
    # function's layers, so that what is missing there is missing here too. Each process of a
    # function unpacks its code anew: bytecode of it would never be read again.
    sys.executable = sys.argv.pop()
    del os.environ["PYTHONPYCACHEPREFIX"]
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

from ministack.app import main  # type: ignore[import-untyped]
from ministack.core import iam_actions  # type: ignore[import-untyped]
from ministack.core.concurrency import run_reentrant  # type: ignore[import-untyped]
from ministack.services import appconfig, lambda_svc  # type: ignore[import-untyped]
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

Answer = tuple[int, dict[str, str], bytes]


def list_whole(name: str) -> None:
    """Lists end after 50 items without a token: a flag moved often could not be moved again."""
    cut = getattr(appconfig, name)

    def whole(*given: Any) -> Answer:
        answer: Answer = cut(*given[:-1], {**given[-1], "max_results": sys.maxsize})
        return answer

    setattr(appconfig, name, whole)


def run_validators() -> None:
    """Validators are stored, and never run: here they are, before a deployment starts, as on AWS.

    CloudFormation's deployments start by another way, and none of ours but the seed's is one.
    """
    start = appconfig._start_deployment

    async def validated(application: str, environment: str, body: dict[str, Any]) -> Answer:
        profile = f"{application}/{body.get('ConfigurationProfileId')}"
        version = appconfig._hosted_versions.get(f"{profile}/{body.get('ConfigurationVersion')}")
        for validator in appconfig._config_profiles.get(profile, {}).get("Validators", []):
            if version and (refusal := await _refusal(validator, version)):
                answer: Answer = appconfig._error(400, "BadRequestException", refusal)
                return answer
        started: Answer = start(application, environment, body)
        return started

    async def awaited(result: Any) -> Answer:
        answer: Answer = await result if inspect.isawaitable(result) else result
        return answer

    appconfig._start_deployment = validated
    appconfig._a = awaited  # what each answer goes through


async def _refusal(validator: dict[str, str], version: dict[str, Any]) -> str:
    """Of a Lambda validator about a hosted version; empty where it has none."""
    if validator["Type"] != "LAMBDA":
        return ""
    content = version["Content"]
    content = content if isinstance(content, bytes) else content.encode()
    event = {
        "applicationId": version["ApplicationId"],
        "configurationProfileId": version["ConfigurationProfileId"],
        "configurationVersion": str(version["VersionNumber"]),
        "content": base64.b64encode(content).decode(),
        "uri": "hosted",
    }
    function, config, _name = lambda_svc._get_func_record_for_ref_in_scope(validator["Content"])
    if function is None:
        return f"Lambda function not found: {validator['Content']}"
    record = lambda_svc._execution_record_for_config(function, config)
    result = await run_reentrant(lambda_svc._execute_function_with_config_scope, record, event)
    if not result.get("error"):
        return ""
    return f"Error invoking Lambda function {validator['Content']}: {json.dumps(result['body'])}"


def keep_profiles_with_versions() -> None:
    """A profile would go with its hosted versions; AWS refuses, and a stack's deletion fails.

    In these words: https://github.com/aws/aws-cdk/issues/26804
    """
    of_api = appconfig._delete_configuration_profile
    of_stacks = provisioners._RESOURCE_HANDLERS["AWS::AppConfig::ConfigurationProfile"]
    of_stack = of_stacks["delete"]

    def refusal(application: str, profile: str) -> str:
        held = any(
            key.startswith(f"{application}/{profile}/") for key in appconfig._hosted_versions
        )
        still = "because there are still hosted configuration versions existing under it."
        return f"Cannot delete configuration profile {profile} {still}" if held else ""

    def delete(application: str, profile: str) -> Answer:
        refused = refusal(application, profile)
        answer: Answer = (
            appconfig._error(400, "BadRequestException", refused)
            if refused
            else of_api(application, profile)
        )
        return answer

    def delete_with_stack(profile: str, properties: dict[str, Any]) -> None:
        if refused := refusal(properties.get("ApplicationId", ""), profile):
            raise ValueError(refused)
        of_stack(profile, properties)

    appconfig._delete_configuration_profile = delete
    of_stacks["delete"] = delete_with_stack


def judge_batches_of_messages() -> None:
    """A batch would be an action of its own; on AWS who may send one message may send ten.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """
    named = iam_actions.extract_iam_action

    def action(*request: Any) -> str | None:
        found: str | None = named(*request)
        return found.removesuffix("Batch") if found and found.startswith("sqs:") else found

    iam_actions.extract_iam_action = action


if __name__ == "__main__":
    for name in ("_list_deployments", "_list_hosted_configuration_versions"):
        list_whole(name)
    run_validators()
    keep_profiles_with_versions()
    judge_batches_of_messages()
    main()
