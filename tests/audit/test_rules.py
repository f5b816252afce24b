"""What others' rules say of templates and workflows: nothing that is not explained here."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shadowctl.synthesis import SynthesisError, synthesize
from tests.checkout import ROOT

CFN_LINT = {
    "W3005": "the CDK writes each dependency on a role beside the reference to it",
}

NIST = {
    "CloudWatchLogGroupEncrypted": "logs hold no body, no credential and no user's key, and "
    "CloudWatch encrypts them; a key of one's own is a team's, with its price and its policy",
    "SecretsManagerRotationEnabled": "of a role it takes the database, which is not made here; the "
    "key that masks must be as old as the logs that it makes comparable",
    "SecretsManagerUsingKMSKey": "who may read a secret is in this account, where AWS's key does",
    "DynamoDBInBackupPlan": "a plan is the account's; point-in-time recovery is on",
    "SNSEncryptedKMS": "a message is an alarm's name and state; alarms can't publish to a topic "
    "under AWS's own key, and one under a team's is for notifications=",
    "IAMNoInlinePolicy": "a role's one policy is what its grants add up to: it goes with the role, "
    "and nobody else can attach it",
    "LambdaConcurrency": "what is reserved for a route is taken from all others, and a route that "
    "has none left answers 429; the shadow alone is kept small",
    "LambdaDLQ": "who is waited for has nothing to lose; a copy holds a user's data and is stored "
    "nowhere; operations and a dataset's functions have queues at their invocations",
    "LambdaInsideVPC": "vpc= puts a route's functions into one",
}
"""Of NIST 800-53 Rev. 5, by cdk-nag; AwsSolutions stops any synthesis, and is explained there."""


def test_cfn_lint_finds_nothing_but_what_is_explained(tools: Path, assembly: Path) -> None:
    templates = sorted(map(str, assembly.glob("*.template.json")))
    assert templates
    command = [f"{tools / 'cfn-lint'}", "--format", "json", "--include-checks", "W", "E"]
    ran = subprocess.run(
        [*command, "--template", *templates], capture_output=True, text=True, check=False
    )
    found = {each["Rule"]["Id"]: each for each in json.loads(ran.stdout)}
    unexplained = [each for rule, each in found.items() if rule not in CFN_LINT]
    assert not unexplained
    assert found.keys() == CFN_LINT.keys(), "an explanation of what is not there"


def test_nist_finds_nothing_but_what_is_explained(checkout: Path, tmp_path: Path) -> None:
    app = checkout / "app.py"
    app.write_text(app.read_text().replace("AwsSolutionsChecks", "NIST80053R5Checks"))
    with pytest.raises(SynthesisError) as raised:
        synthesize(checkout, tmp_path / "cdk.out")
    found = {
        each.rule.removeprefix("NIST.800.53.R5-").partition("[")[0]: each.path
        for each in raised.value.findings
    }
    assert {rule: path for rule, path in found.items() if rule not in NIST} == {}
    assert found.keys() == NIST.keys(), "an explanation of what is not there"


@pytest.mark.parametrize("is_pinned", [True, False], ids=["as they are", "with one unpinned"])
def test_zizmor_finds_nothing_in_workflows(is_pinned: bool, tools: Path, tmp_path: Path) -> None:
    folder = tmp_path / ".github"
    shutil.copytree(ROOT / ".github", folder)
    if not is_pinned:
        file = folder / "workflows" / "audit.yml"
        file.write_text(re.sub(r"@[0-9a-f]{40} # v6\.0\.2", "@main", file.read_text()))
    command = [f"{tools / 'zizmor'}", "--offline", "--no-progress", f"{folder}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode == 0) == is_pinned, ran.stdout
