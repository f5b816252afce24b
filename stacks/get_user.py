"""GET /users/me."""

from datetime import UTC, datetime

import aws_cdk as cdk
from constructs import Construct

from shadow_canary import Ramp, RouteCode, ShadowCanaryService, Stage, Traffic
from stacks.platform import Platform
from stacks.users import Users


class GetUser(cdk.Stack):
    """GET /users/me: from the directory to PostgreSQL."""

    def __init__(self, scope: Construct, id_: str, *, platform: Platform, users: Users) -> None:
        super().__init__(scope, id_)
        service = ShadowCanaryService(
            self,
            "Service",
            route="get-user",
            code=RouteCode(
                "lambdas/routes/get_user", root="lambdas", packages=["lambdas/datasets/users"]
            ),
            launch=datetime(2030, 1, 7, 9, tzinfo=UTC),  # your first day; retires a week later
            ceiling=Stage.canary(percent=2),
            ramp=Ramp.steps(2, dwell=cdk.Duration.hours(24)),  # climbs by itself, on proof alone
            expected_traffic=Traffic.per_day(1_000_000, users=50_000),
            dataset=users.dataset,  # PUT /users/me writes it
        )
        service.grant_control(users.let_read)
        platform.grant_database(candidate=service.candidate, shadow=service.shadow)
        platform.add_route("GET /users/me", service.alias)
