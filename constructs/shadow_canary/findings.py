"""Findings of cdk-nag that are decisions; each is said where it is taken, with its reason."""

from aws_cdk import Acknowledgment, CfnElement, Stack, Validations
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from shadow_canary.flag import MigrationFlag


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Accepts `finding`, such as `SMG4`, on `construct` and what is below it."""
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
    )


def acknowledge_wildcard(role: IConstruct, resource: str, reason: str) -> None:
    """Accepts one resource with a wildcard in the policy of `role`, in cdk-nag's spelling."""
    acknowledge(role, f"IAM5[Resource::{resource}]", reason)


def acknowledge_moves(role: IConstruct, flag: MigrationFlag) -> None:
    """Accepts what `flag.grant_move` gives to `role` with a wildcard."""
    for resource in (
        below_environment(flag, "deployment/*"),
        below_profile(flag, "hostedconfigurationversion/*"),
    ):
        acknowledge_wildcard(role, resource, "deployments and hosted versions are numbered")


def versions_of(function: lambda_.IFunction) -> str:
    """All versions of `function`, as cdk-nag spells them."""
    return f"<{logical_id(function)}.Arn>:*"


def below_application(flag: MigrationFlag, resource: str) -> str:
    """`resource` of the flag's application, as cdk-nag spells it."""
    application = f"application/<{logical_id(flag.application)}>"
    return arn_in(flag, "appconfig", f"{application}/{resource}")


def below_environment(flag: MigrationFlag, resource: str) -> str:
    """`resource` of the flag's environment, as cdk-nag spells it."""
    return below_application(flag, f"environment/<{logical_id(flag.environment)}>/{resource}")


def below_profile(flag: MigrationFlag, resource: str) -> str:
    """`resource` of the flag's profile, as cdk-nag spells it."""
    return below_application(
        flag, f"configurationprofile/<{logical_id(flag.cfn_profile)}>/{resource}"
    )


def acknowledge_managed(role: IConstruct, policy: str, reason: str) -> None:
    """Accepts a managed policy of AWS on `role`."""
    acknowledge(role, f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]", reason)


def arn_in(construct: IConstruct, service: str, resource: str) -> str:
    """A resource of the stack's own account and region, as cdk-nag spells it.

    What is known at synthesis stands there itself, what is not as `<AWS::Region>`.
    """
    stack = Stack.of(construct)
    values = [stack.resolve(each) for each in (stack.partition, stack.region, stack.account)]
    partition, region, account = (
        value if isinstance(value, str) else f"<{value['Ref']}>" for value in values
    )
    return f"arn:{partition}:{service}:{region}:{account}:{resource}"


def logical_id(construct: IConstruct) -> str:
    """The logical id of a resource, or of the one behind an L2 construct."""
    resource = construct.node.default_child or construct
    if not isinstance(resource, CfnElement):
        raise TypeError(f"{construct.node.path} has no resource of its own")
    return str(Stack.of(construct).resolve(resource.logical_id))
