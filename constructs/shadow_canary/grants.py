"""Grants narrower than the CDK's own, which hold what nobody here would miss.

What each role is granted, and who misses it where it is taken out, is in `docs/permissions.md`.
"""

import jsii
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct


def let(grantee: iam.IGrantable, action: str, *resources: str) -> None:
    """Lets `grantee` do one thing with `resources`, by ARN."""
    iam.Grant.add_to_principal(grantee=grantee, actions=[action], resource_arns=[*resources])


def let_invoke(grantee: iam.IGrantable, function: lambda_.IFunction) -> None:
    """Lets `grantee` call `function` by a version's number or an alias, and by its name alone not.

    On all versions: those of a canary share one role, and each calls its own.
    """
    let(grantee, "lambda:InvokeFunction", f"{function.function_arn}:*")


def let_read_secret(grantee: iam.IGrantable, secret: secretsmanager.ISecret) -> None:
    """Lets `grantee` read the value of `secret`, and decrypt it by the secret's own key.

    One that is known by its name has six more characters in its ARN, which AWS chose.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
    """
    arn = secret.secret_full_arn or f"{secret.secret_arn}-??????"
    let(grantee, "secretsmanager:GetSecretValue", arn)
    if secret.encryption_key is not None:
        service = f"secretsmanager.{Stack.of(secret).region}.amazonaws.com"
        reader = kms.ViaServicePrincipal(service, grantee.grant_principal)
        secret.encryption_key.grant_decrypt(reader)


def let_read_parameter(grantee: iam.IGrantable, parameter: ssm.IParameter) -> None:
    """Lets `grantee` read the value of `parameter`, which is no secret."""
    let(grantee, "ssm:GetParameter", parameter.parameter_arn)


@jsii.implements(lambda_.IDestination)
class FailuresTo:
    """Where Lambda puts the calls that a function failed at, as the function's role.

    Example:
        >>> function.configure_async_invoke(on_failure=FailuresTo(queue))  # doctest: +SKIP
    """

    def __init__(self, queue: sqs.IQueue) -> None:
        self._queue = queue

    def bind(
        self,
        _scope: Construct,
        fn: lambda_.IFunction,
        *,
        type: lambda_.DestinationType,  # noqa: ARG002 - the CDK calls it by name
    ) -> lambda_.DestinationConfig:
        """Lets the function's role send to the queue; its key's, too."""
        let(fn, "sqs:SendMessage", self._queue.queue_arn)
        if self._queue.encryption_master_key is not None:
            self._queue.encryption_master_key.grant_encrypt_decrypt(fn)
        return lambda_.DestinationConfig(destination=self._queue.queue_arn)
