"""The users: the directory that routes leave, and the dataset of those that write."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from shadow_canary import Dataset, DatasetCode
from stacks.platform import Platform


class Users(cdk.Stack):
    """What GET and PUT of /users/me share: a directory of users, and its way to PostgreSQL.

    The directory stands for a legacy service. Its table has a name of its own, which published
    versions of routes hold, and no export locks this stack to theirs.

    Args:
        scope: the app.
        id_: `Users`.
        platform: lets the dataset into PostgreSQL.

    Example:
        >>> Users(app, "Users", platform=platform)  # doctest: +SKIP
    """

    def __init__(self, scope: Construct, id_: str, *, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.directory = dynamodb.Table(
            self,
            "Directory",
            table_name=f"{self.stack_name}-directory",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.dataset = Dataset(
            self,
            "Dataset",
            name="users",
            code=DatasetCode("lambdas/datasets/users", root="lambdas"),
            environment={_TABLE: self.directory.table_name},
        )
        self.dataset.grant_control(
            lambda side: self.directory.grant(side, "dynamodb:GetItem", "dynamodb:PutItem")
        )
        self.directory.grant(self.dataset.operations, "dynamodb:Scan")  # page by page
        self.dataset.grant_candidate(lambda side: platform.grant_database(candidate=side))

    def let_read(self, side: lambda_.Function) -> None:
        """Lets a side of a route look up users of the directory, and tells it where."""
        table = self._directory(side)
        side.add_environment(_TABLE, table.table_name)
        table.grant(side, "dynamodb:GetItem")

    def let_write(self, side: lambda_.Function) -> None:
        """Lets a side that may read change them."""
        self._directory(side).grant(side, "dynamodb:PutItem")

    def _directory(self, side: lambda_.Function) -> dynamodb.ITable:
        """The table, as it is known in the stack of `side`."""
        stack = cdk.Stack.of(side)
        known = stack.node.try_find_child("Directory")
        return cast("dynamodb.ITable | None", known) or dynamodb.Table.from_table_name(
            stack, "Directory", f"{self.stack_name}-directory"
        )


_TABLE = "DIRECTORY_TABLE"
