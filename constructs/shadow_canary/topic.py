"""Where alarms go, and what came of them: the topic of a route."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from shadow_canary.findings import acknowledge


class RouteTopic(sns.Topic):
    """People subscribe to it; the operations function hears the exposure alarms on it.

    Example:
        >>> RouteTopic(self, "Topic", route="get-user")  # doctest: +SKIP
    """

    def __init__(self, scope: Construct, id_: str, *, route: str) -> None:
        super().__init__(scope, id_, display_name=f"{route} migration", enforce_ssl=True)
        # A topic with a policy of its own needs this said: alarms publish as the service.
        own = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        self.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions=own))
        acknowledge(
            self,
            "SNS2",
            "alarms can only publish to a key of one's own; numbers and names are sent",
        )
