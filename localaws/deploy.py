"""Synthesis and deployment: the real CDK app, the real CDK CLI."""

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3

from analysis.template import Stack
from localaws import LocalError, environment
from localaws.environment import ACCOUNT, REGION
from localaws.process_guard import GuardedProcess
from localaws.supervisor import StateFolder
from shadowctl.deployed import stack_resources
from shadowctl.synthesis import app_folder, cdk, command, node, offline

RESERVATIONS = "no reserved concurrency by CloudFormation: it is set by Lambda's own API"
BOOTSTRAP = "no roles of the CDK's bootstrap stack: its buckets are made, and root deploys"

_REASON = re.compile(r"_FAILED\s+\||Template format error|(Error|Exception): .*[^:]$")


@contextlib.contextmanager
def synthesis(state: StateFolder) -> Iterator[Callable[[], None]]:
    """Makes the app's assembly beside the block, which can wait for it.

    It is the one for AWS, except that no layer is built. It takes the place of the one before in
    `state.synthesized` when it is whole.

    Raises:
        LocalError: the app failed; from the function that waits.
    """
    app = app_folder()
    cdk()  # what the deployment needs is missed at once
    log = state.log("synthesis")
    draft = state.synthesized.with_name("cdk.out.draft")
    shutil.rmtree(draft, ignore_errors=True)

    def whole() -> None:
        _succeeded(running, log)
        shutil.rmtree(state.synthesized, ignore_errors=True)
        draft.rename(state.synthesized)

    with GuardedProcess(
        command(app),
        environment={
            # jsii unpacks itself once into a home folder
            **environment.bare(environment.cache() / "home"),
            "JSII_NODE": node(),
            # The CDK's own check takes as long as the rest; plans, diffs and AWS's deploy have it.
            "CDK_VALIDATION": "false",
            **offline(app, draft),
        },
        folder=app,
        log=log,
    ) as running:
        yield whole


def bootstrap(assembly: Path, aws: boto3.Session) -> int:
    """Makes what the stacks of a derived assembly need beforehand; counts the buckets.

    As `cdk bootstrap` does, but for this assembly alone, and in an instant: the buckets of its
    assets, and the parameters that say that the account is bootstrapped.
    """
    manifests = [json.loads(path.read_text()) for path in assembly.glob("**/manifest.json")]
    files = [json.loads(path.read_text())["files"] for path in assembly.glob("**/*.assets.json")]
    buckets = {
        destination["bucketName"]
        .replace("${AWS::AccountId}", ACCOUNT)
        .replace("${AWS::Region}", REGION)
        for assets in files
        for asset in assets.values()
        for destination in asset["destinations"].values()
    }
    s3, ssm = aws.client("s3"), aws.client("ssm")
    for bucket in buckets:
        s3.create_bucket(Bucket=bucket)
    for artifact in [each for manifest in manifests for each in manifest["artifacts"].values()]:
        properties = artifact.get("properties", {})
        if "bootstrapStackVersionSsmParameter" in properties:
            ssm.put_parameter(
                Name=properties["bootstrapStackVersionSsmParameter"],
                Value=str(properties["requiresBootstrapStackVersion"]),
                Type="String",
                Overwrite=True,
            )
    return len(buckets)


def deploy(
    state: StateFolder, endpoint: str, report: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Every stack of `state.derived`, Stages' too, as it depends on others; returns their outputs.

    What the CLI prints goes to a log and, line by line, to `report`.

    Raises:
        LocalError: a stack failed.
    """
    log = state.log("deployment")
    with (
        GuardedProcess(
            [
                *cdk(),
                *("deploy", "**", "--app", str(state.derived)),
                *("--require-approval", "never", "--progress", "events"),
                *("--outputs-file", str(state.outputs), "--no-notices", "--no-color"),
            ],
            environment={
                **environment.client(state.folder, endpoint),
                "CDK_DISABLE_CLI_TELEMETRY": "true",
                "CDK_DISABLE_VERSION_CHECK": "true",
            },
            folder=state.folder,
        ) as running,
        log.open("w", buffering=1) as copy,
    ):
        for line in running.lines():
            copy.write(f"{line}\n")
            report(line)
        _succeeded(running, log)
    outputs: dict[str, dict[str, Any]] = json.loads(state.outputs.read_text())
    return outputs


def reserve_concurrency(assembly: Path, aws: boto3.Session) -> int:
    """Does for an assembly's stacks what the emulator's CloudFormation omits; counts functions."""
    count, functions = 0, aws.client("lambda")
    for stack in Stack.all_of(assembly):
        deployed = stack_resources(aws, stack.name)
        for function in stack.all("AWS::Lambda::Function"):
            reserved = function.get("ReservedConcurrentExecutions")
            if reserved is None:
                continue
            for name in [name for id_, _, name in deployed if id_ == function.logical_id]:
                functions.put_function_concurrency(
                    FunctionName=name, ReservedConcurrentExecutions=reserved
                )
                count += 1
    return count


def _succeeded(running: GuardedProcess, log: Path) -> None:
    if running.wait():
        reasons = [line for line in log.read_text().splitlines() if _REASON.search(line)]
        reason = " ".join(reasons[-1].split()) if reasons else "it gave no reason"
        raise LocalError(f"{log.stem} failed: {reason} (its output is in {log})")
