"""GET /users/me/posts."""

from datetime import UTC, datetime

import aws_cdk as cdk
from constructs import Construct

from shadow_canary import RouteCode, ShadowCanaryService, Stage, Traffic
from stacks.platform import Platform


class ListPosts(cdk.Stack):
    """GET /users/me/posts: from the in-memory archive to PostgreSQL."""

    def __init__(self, scope: Construct, id_: str, *, platform: Platform) -> None:
        super().__init__(scope, id_)
        service = ShadowCanaryService(
            self,
            "Service",
            route="list-posts",
            code=RouteCode("lambdas/routes/list_posts", root="lambdas"),
            launch=datetime(2030, 2, 4, 9, tzinfo=UTC),  # your first day; retires a week later
            ceiling=Stage.SHADOW,  # exposes nobody yet
            expected_traffic=Traffic.per_day(400_000, users=50_000),
        )
        platform.grant_database(candidate=service.candidate, shadow=service.shadow)
        platform.add_route("GET /users/me/posts", service.alias)
