"""What the embedded AWS cannot judge, and why it is granted: held by the statement's text."""

import re
from typing import NamedTuple

from tests.grants import Grant


class Held(NamedTuple):
    """Patterns of a holder and of what is held of it by its text, and why it is granted."""

    holder: str
    grant: str
    why: str


_ANY = r".*"
_OF_APPCONFIG = (
    "AppConfig judges [each resource](https://docs.aws.amazon.com/service-authorization/latest/"
    "reference/list_awsappconfig.html) of a call; the embedded one the first in its path alone"
)
BY_TEXT = [
    Held(
        _ANY,
        r"`logs:(CreateLogStream|PutLogEvents)` on `\{\w+Logs\}`",
        "Lambda writes a function's log as its role; the embedded one writes it itself",
    ),
    Held(
        _ANY,
        r"`xray:(PutTelemetryRecords|PutTraceSegments)` on `\*`",
        "X-Ray's daemon sends as the function's role; the embedded AWS has no X-Ray",
    ),
    Held(_ANY, r"`codedeploy:\w+` on .*", "the embedded AWS has no CodeDeploy"),
    Held(
        r"\w+CodeCanaryDeploymentGroupServiceRole",
        _ANY,
        "the embedded AWS has no CodeDeploy; the CDK grants what calls the hook, by any name",
    ),
    Held(
        r"SchedulerRoleForTarget\w+",
        _ANY,
        "the scheduler calls as its role, and leaves as it what it could not deliver; the embedded "
        "one asks no role. The CDK grants the versions too, though a schedule names the function",
    ),
    Held(
        _ANY,
        r"`sqs:SendMessage` on `\{\w*OperationsDeadLetters\}`",
        "Lambda leaves what failed three times as the function's role; the embedded one by itself",
    ),
    Held(
        r"DatasetOperationsRole",
        r"`\{DatasetOperationsDeadLetters\}`, for `sqs:SendMessage`",
        "Lambda leaves what failed three times as the function's role; the embedded one by itself",
    ),
    Held(
        r"DatasetReconcilerRole",
        r"`sqs:(ReceiveMessage|DeleteMessage|GetQueueAttributes)` on `\{DatasetIntents\}`",
        "Lambda [takes messages](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-"
        "configure.html) as the function's role; the embedded one by itself",
    ),
    Held(
        _ANY,
        r"`application/\{\w+\}(/environment/\{\w+\}/deployment/\*"
        r"|/configurationprofile/\{\w+\}/hostedconfigurationversion/\*)?`, for `appconfig:.*",
        _OF_APPCONFIG,
    ),
    Held(
        r"\w+RouteRole",
        r"`appconfig:(GetLatestConfiguration|StartConfigurationSession)` on `application/.*",
        "AppConfig gives the flag to who may have it; the embedded one to anybody",
    ),
    Held(_ANY, r"`deploymentstrategy/\{\w+\}`, for `appconfig:.*", _OF_APPCONFIG),
    Held(_ANY, r"`appconfig:StartDeployment` on `deploymentstrategy/\{\w+\}`", _OF_APPCONFIG),
    Held(r"who may be .*", _ANY, "the service assumes the role; the embedded one asks no trust"),
    Held(
        r"who may call .*",
        _ANY,
        "the service calls by the function's own policy, which the embedded one does not ask",
    ),
    Held(
        r"policy of .*",
        r"Deny .* if `Bool aws:SecureTransport false`",
        "nobody may come without TLS, which the embedded AWS has not",
    ),
    Held(
        r"policy of \w+Topic",
        r"`sns:Publish` .* by `cloudwatch\.amazonaws\.com` .*",
        "alarms publish by the topic's own policy, which the embedded one does not ask",
    ),
    Held(
        r"policy of \w+DeadLetters",
        r"`sqs:SendMessage` .* by `sns\.amazonaws\.com` .*",
        "the topic leaves what it could not deliver by the queue's own policy; the embedded one "
        "does not ask it",
    ),
]


def why_by_text(grant: Grant) -> str:
    """Why nobody misses it here; empty where somebody must."""
    for held in BY_TEXT:
        if re.fullmatch(held.holder, grant.holder) and re.fullmatch(held.grant, grant.text):
            return held.why
    return ""
