"""The only code on AWS that moves the flag."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import cast

from aws_cdk import ArnFormat, CfnResource, Duration, Stack, TimeZone, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from analysis.strategy import Strategy
from shadow_canary.code import source
from shadow_canary.findings import (
    acknowledge,
    acknowledge_moves,
    acknowledge_wildcard,
    arn_in,
    versions_of,
)
from shadow_canary.flag import LOWER, RAISE, MigrationFlag
from shadow_canary.functions import FunctionOptions, LeastPrivilegeFunction
from shadow_canary.grants import FailuresTo, let
from shadow_canary.metadata import add_metadata
from shadow_canary.metrics import full_name
from shadow_canary.ramp import TICK, Ramp
from shadow_runtime.contract import Action, Stage, Variable


class OperationsFunction(LeastPrivilegeFunction):
    """Moves one route's flag: rollback on an alarm, check, and clean-up, which can only lower it.

    And the ramp, where there is one, which raises it along its steps.

    It hears the exposure alarms on the route's topic, and tells people there what it did. Called
    asynchronously; what fails three times rests in `dead_letters` for 14 days.

    Example:
        >>> OperationsFunction(self, "Operations", route="get-user", flag=flag,
        ...                    ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        flag: MigrationFlag,
        ceiling: Stage,
        users: int,
        topic: sns.ITopic,
        exposure: Sequence[cloudwatch.Alarm],
        dashboard: str,
        ramp: Ramp | None,
        options: FunctionOptions,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"{route}: moves the flag",
            code=source("custom_resource", "dataset", "judge", "operations"),
            handler="operations.handler.handler",
            options=options,
            environment={
                Variable.ROUTE: full_name(scope, route),
                Variable.CEILING: str(ceiling),
                **flag.variables,
                **flag.strategies,
                Variable.USERS: str(users),
                Variable.RAMP: str(ramp or ""),
                Variable.TOPIC: topic.topic_arn,
                Variable.DASHBOARD: dashboard,
            },
            timeout=Duration.minutes(5),
            memory_size=256,
        )
        # The strategies may be another stack's, whose template nobody reads for this route.
        add_metadata(
            self,
            Strategy.METADATA,
            {Variable.RAISE_STRATEGY: asdict(RAISE), Variable.LOWER_STRATEGY: asdict(LOWER)},
        )
        self.dead_letters = sqs.Queue(
            self, "DeadLetters", retention_period=Duration.days(14), enforce_ssl=True
        )
        self.configure_async_invoke(retry_attempts=2, on_failure=FailuresTo(self.dead_letters))
        flag.grant_move(self)
        acknowledge_moves(self.execution_role, flag)
        acknowledge(self.dead_letters, "SQS3", "this is the dead-letter queue")
        bus = events.EventBus.from_event_bus_name(self, "EventBus", "default")
        bus.grant_put_events_to(self)
        topic.grant_publish(self)
        self._grant_describe_alarms()
        self._grant_see_guards(topic)
        self._subscription = self._subscribe(topic)
        self._heard = list[str]()
        for alarm in exposure:
            self.hear(alarm.alarm_name)

    def grant_see_counts(self, function: lambda_.Function) -> None:
        """Lets it see which versions of the route `function` users are on, and what was counted."""
        self.add_environment(Variable.FUNCTION, function.function_name)
        let(self, "lambda:ListAliases", function.function_arn)
        let(self, "lambda:GetFunctionConfiguration", f"{function.function_arn}:*")
        acknowledge_wildcard(self.execution_role, versions_of(function), "versions are numbered")
        let(self, "cloudwatch:GetMetricData", "*")
        acknowledge_wildcard(
            self.execution_role, "*", "metrics are no resources of IAM, nor are subscriptions"
        )

    def grant_describe_every_alarm(self) -> None:
        """Lets it see the state of composite alarms, which AWS shows to those alone who see all.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
        """
        let(self, "cloudwatch:DescribeAlarms", "*")

    def _grant_see_guards(self, topic: sns.ITopic) -> None:
        """Lets it see whether the alarms could act, as people do before they raise the flag."""
        let(self, "sns:ListSubscriptionsByTopic", topic.topic_arn)
        # Of subscriptions and mute rules IAM knows no resource in these calls.
        let(self, "sns:GetSubscriptionAttributes", "*")
        let(self, "cloudwatch:ListAlarmMuteRules", "*")

    def _grant_describe_alarms(self) -> None:
        """Alarms have no such grant. Those asked for by name are judged as all of them, too."""
        alarms = Stack.of(self).format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name="*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        let(self, "cloudwatch:DescribeAlarms", alarms)
        acknowledge_wildcard(
            self.execution_role,
            arn_in(self, "cloudwatch", "alarm:*"),
            "CloudWatch judges a look at any as all",
        )

    def hear(self, alarm: str) -> None:
        """Lets the alarm of that name, which calls the route's topic, take users back.

        Raises:
            ValueError: it does already, or its name is more than a subscription or an environment
                holds.
        """
        if alarm in self._heard:
            raise ValueError(f"the alarm {alarm} takes users back already; add it once")
        self._heard.append(alarm)
        _check_names(self._heard)
        self.add_environment(Variable.EXPOSURE_ALARMS, "\n".join(self._heard))
        self._subscription.add_property_override("FilterPolicy.AlarmName", [*self._heard])

    def _subscribe(self, topic: sns.ITopic) -> CfnResource:
        of = sns.SubscriptionFilter.string_filter
        subscription = topic.add_subscription(
            subscriptions.LambdaSubscription(
                self,
                # Its own messages, other alarms and the way back to green are not for it.
                filter_policy_with_message_body={
                    "NewStateValue": sns.FilterOrPolicy.filter(of(allowlist=["ALARM"])),
                    "AlarmName": sns.FilterOrPolicy.filter(of(allowlist=[])),
                },
                dead_letter_queue=self.dead_letters,
            )
        )
        return cast("CfnResource", subscription.node.default_child)


_MOST_NAMES = 150
"""https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"""

_MOST_BYTES = 3_000
"""Of the 4 KB of a function's environment; the rest is for what else it must know.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_LONGEST_NAME = 255
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""


def _check_names(names: Sequence[str]) -> None:
    lengths = [_LONGEST_NAME if Token.is_unresolved(n) else len(n.encode()) for n in names]
    if len(names) > _MOST_NAMES or sum(lengths) + len(names) > _MOST_BYTES:
        raise ValueError(
            f"a route hears {_MOST_NAMES} alarms at most, with {_MOST_BYTES} bytes of names "
            f"({_LONGEST_NAME} for one that only CloudFormation knows); these are {len(names)} "
            f"with {sum(lengths)}: put yours into one composite alarm, or name them shorter"
        )


class Tick(Construct):
    """Asks operations for `action` every five minutes.

    One that is missed is made good by the next; one that fails is tried again twice, and then rests
    in the dead letters of `operations`.

    Example:
        >>> Tick(self, "AlarmCheck", action=Action.CHECK, operations=operations,
        ...      description="Looks whether an alarm was not heard")  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        action: str,
        description: str,
        operations: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, id_)
        every = Duration.minutes(TICK // timedelta(minutes=1))
        self.schedule = scheduler.Schedule(
            self,
            "Schedule",
            description=description,
            schedule=scheduler.ScheduleExpression.rate(every),
            target=targets.LambdaInvoke(
                operations,
                input=scheduler.ScheduleTargetInput.from_object({"action": action}),
                retry_attempts=0,
                max_event_age=every,
            ),
        )
        _acknowledge_target(operations)


def _acknowledge_target(function: lambda_.IFunction) -> None:
    """Of the role that all schedules of a stack share for this target."""
    stack = Stack.of(function)
    acknowledge_wildcard(stack, versions_of(function), "the target's grant covers its versions")


class CleanUp(Construct):
    """Ends the migration at `at`, or looks again once a day for seven days where nothing is proven.

    What it does stands in `operations.clean_up.TABLE`. The scheduler retries for an hour what it
    could not deliver; then the call rests in `operations.dead_letters` for 14 days. A one-shot
    schedule that has fired stays, finished, until the stack changes: CloudFormation knows no
    ActionAfterCompletion. Nothing comes of the daily one before and after its week.

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

        def asking_for(action: Action) -> targets.LambdaInvoke:
            event = {"action": action, "due": at.isoformat()}
            return targets.LambdaInvoke(
                operations,
                input=scheduler.ScheduleTargetInput.from_object(event),
                retry_attempts=10,
                max_event_age=Duration.hours(1),
                dead_letter_queue=operations.dead_letters,
            )

        self.schedule = scheduler.Schedule(
            self,
            "Schedule",
            description=f"Ends the migration of {route}",
            schedule=scheduler.ScheduleExpression.at(at, TimeZone.ETC_UTC),
            target=asking_for(Action.CLEANUP),
        )
        # Without a StartDate: where that is past, the scheduler refuses a stack deployed anew.
        self.daily = scheduler.Schedule(
            self,
            "Daily",
            description=f"Looks again whether the migration of {route} can end",
            schedule=scheduler.ScheduleExpression.cron(
                minute=str(at.minute), hour=str(at.hour), time_zone=TimeZone.ETC_UTC
            ),
            target=asking_for(Action.REARM),
        )
        _acknowledge_target(operations)
