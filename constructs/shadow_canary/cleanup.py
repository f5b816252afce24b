"""The end of a migration: one call of the operations function, seven days after launch."""

from datetime import datetime

from aws_cdk import Duration, Stack, TimeZone
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from shadow_canary.findings import acknowledge_wildcard, versions_of
from shadow_canary.operations import OperationsFunction
from shadow_runtime.contract import Action


class CleanUp(Construct):
    """A one-shot schedule that ends the migration at `at`.

    The scheduler retries for an hour what it could not deliver; then the call rests in
    `operations.dead_letters` for 14 days. A schedule that has fired stays, finished, until the
    stack changes: CloudFormation knows no ActionAfterCompletion.

    Example:
        >>> CleanUp(self, "CleanUp", route="get-user", at=launch + timedelta(days=7),
        ...         operations=operations)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        at: datetime,
        operations: OperationsFunction,
    ) -> None:
        super().__init__(scope, id_)
        self.at = at
        self.schedule = scheduler.Schedule(
            self,
            "Schedule",
            description=f"Ends the migration of {route}",
            schedule=scheduler.ScheduleExpression.at(at, TimeZone.ETC_UTC),
            target=targets.LambdaInvoke(
                operations,
                input=scheduler.ScheduleTargetInput.from_object({"action": Action.CLEANUP}),
                retry_attempts=10,
                max_event_age=Duration.hours(1),
                dead_letter_queue=operations.dead_letters,
            ),
        )
        acknowledge_wildcard(
            Stack.of(self), versions_of(operations), "the target's grant covers its versions"
        )
