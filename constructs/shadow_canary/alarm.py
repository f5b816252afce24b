"""An alarm of a route: red over a threshold, never for missing data, heard on the route's topic."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct


class RouteAlarm(cloudwatch.Alarm):
    """Calls `topic` when it turns red.

    Its `name` says whose it is and what for: it is what a pager shows.

    Example:
        >>> RouteAlarm(self, "FlagAge", name="GetUser-get-user-flag-age", topic=topic,
        ...            says="the flag could not be read", metric=age, over=300)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        says: str,
        topic: sns.ITopic,
        metric: cloudwatch.IMetric,
        over: float,
        evaluation_periods: int = 1,
        datapoints_to_alarm: int | None = None,
    ) -> None:
        super().__init__(
            scope,
            id_,
            alarm_name=name,
            alarm_description=says,
            metric=metric,
            threshold=over,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=datapoints_to_alarm,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.add_alarm_action(actions.SnsAction(topic))
