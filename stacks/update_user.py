"""PUT /users/me."""

from datetime import UTC, datetime

import aws_cdk as cdk
from aws_cdk import aws_codedeploy as codedeploy
from constructs import Construct

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic
from stacks.platform import Platform
from stacks.users import Users


class UpdateUser(cdk.Stack):
    """PUT /users/me: from the directory to PostgreSQL."""

    def __init__(self, scope: Construct, id_: str, *, platform: Platform, users: Users) -> None:
        super().__init__(scope, id_)
        service = ShadowCanaryService(
            self,
            "Service",
            route="update-user",
            code=RouteCode(
                "lambdas/routes/update_user", root="lambdas", packages=["lambdas/datasets/users"]
            ),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC),
            ceiling=Stage.canary(percent=2),
            expected_traffic=Traffic.per_day(200_000, users=20_000),
            dataset=users.dataset,
            timeout=cdk.Duration.seconds(20),  # a write is held while the authority moves
            shift=codedeploy.TimeBasedCanaryTrafficRouting(
                percentage=2, interval=cdk.Duration.hours(1)
            ),
        )
        service.grant_control(users.let_read)
        users.let_write(service.function)
        platform.grant_database(candidate=service.candidate, shadow=service.shadow)
        platform.add_route("PUT /users/me", service.alias)
