"""What people look at: one dashboard per route, and saved questions about its mismatches."""

import re
from collections.abc import Sequence

from aws_cdk import CfnMapping, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from analysis.power import ShadowEvidence
from analysis.traffic import Traffic
from shadow_canary.code_canary import CodeCanary
from shadow_canary.dataset import Dataset
from shadow_canary.metrics import MINUTE, formula, full_name, route_metric, variant_metric
from shadow_runtime.contract import CONSOLES, DROPPED, NAMESPACE, Dimension, MetricName, Variant

QUESTIONS = {
    "Top": (
        "what differs most",
        'filter message = "mismatch"'
        " | stats count(*) as found, latest(trace) as example by sight, fingerprint"
        " | sort found desc",
    ),
    "Examples": (
        "examples of one fingerprint",
        'filter message = "mismatch" and fingerprint = "put one here"'
        " | fields @timestamp, user, trace, differences.0.path, differences.0.kind, @message"
        " | sort @timestamp desc | limit 20",
    ),
    "ByTime": (
        "when it began",
        'filter message = "mismatch" | stats count(*) as found by bin(5m), fingerprint',
    ),
    "ByCohort": (
        "whom it concerns",
        'filter message = "mismatch"'
        " | stats count(*) as found, count_distinct(user) as users by answered_by, fingerprint"
        " | sort users desc",
    ),
    "Noise": (
        "how control differs from itself",
        'filter message = "noise"'
        " | stats count(*) as found by differences.0.path, differences.0.kind"
        " | sort found desc",
    ),
}
"""By construct id: the question, which names the query, and its text."""


class MismatchQueries(Construct):
    """One saved query a question, over the log of a route's shadow function.

    Example:
        >>> MismatchQueries(self, "Queries", route="get-user", log_group=logs)  # doctest: +SKIP
    """

    def __init__(
        self, scope: Construct, id_: str, *, route: str, log_group: logs.ILogGroup
    ) -> None:
        super().__init__(scope, id_)
        self.log_group = log_group
        self._consoles = CfnMapping(
            self,
            "Consoles",
            mapping={partition: {"Host": host} for partition, host in CONSOLES.items()},
        )
        self.definitions = [
            logs.CfnQueryDefinition(
                self,
                role,
                name=f"{Stack.of(self).stack_name}/{route}/{question}",
                query_string=query,
                log_group_names=[log_group.log_group_name],
            )
            for role, (question, query) in QUESTIONS.items()
        ]

    @property
    def links(self) -> str:
        """A line of Markdown: each question, as a link to Logs Insights over the last day."""
        region = Stack.of(self).region
        console = self._consoles.find_in_map(Stack.of(self).partition, "Host")
        home = f"https://{region}.{console}/cloudwatch/home?region={region}"
        group = f"source~(~'{self.log_group.log_group_name})"
        span = "end~0~start~-86400~timeType~'RELATIVE~unit~'seconds"
        return " · ".join(
            f"[{question}]({home}#logsV2:logs-insights$3FqueryDetail$3D~({span}"
            f"~editorString~'{_as_the_console_writes(query)}~{group}))"
            for question, query in QUESTIONS.values()
        )


def _as_the_console_writes(query: str) -> str:
    """Everything but letters and digits as `*` and its code, such as `*20` for a space."""
    return re.sub(r"[^A-Za-z0-9]", lambda match: f"*{ord(match[0]):02x}", query)


_HOUR = Duration.hours(1)
_WIDTH = 24
_THIRD = 8


class RouteDashboard(cloudwatch.Dashboard):
    """Who answers, how well, how alike, how far the flag is, and which alarm is red.

    Example:
        >>> RouteDashboard(self, "Dashboard", route="get-user", traffic=traffic,
        ...                code_canary=code_canary, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        route: str,
        traffic: Traffic,
        code_canary: CodeCanary,
        alarms: Sequence[cloudwatch.IAlarm],
        queries: MismatchQueries,
        dataset: Dataset | None,
    ) -> None:
        name = full_name(scope, route)
        super().__init__(
            scope,
            id_,
            dashboard_name=dashboard_name(scope, route),
            default_interval=Duration.hours(12),
            widgets=[
                [_heading(route, traffic, queries, stack=Stack.of(scope).stack_name)],
                [_requests(name), _error_rates(name), _latencies(name)],
                [_parity(name), _stage(name), _versions(name, code_canary)],
                [_states(alarms), _copies(name), _served(name)],
                *([[_behind(dataset), _lag(dataset), _made_equal(dataset)]] if dataset else []),
                [_what_differs(queries)],
            ],
        )


def dashboard_name(scope: Construct, route: str) -> str:
    """The name under which a route's dashboard is found."""
    return f"{Stack.of(scope).stack_name}-{route}"


def _heading(
    route: str, traffic: Traffic, queries: MismatchQueries, *, stack: str
) -> cloudwatch.IWidget:
    evidence = ShadowEvidence.of(traffic)
    proof = (
        f"Parity within 0.1 % is proven by {evidence.pairs:,} pairs that agree, "
        f"{evidence.days:.2g} days of the expected traffic. The verdict, and what to do next: "
        f"`shadowctl status {stack} --watch`."
    )
    return cloudwatch.TextWidget(
        markdown=f"# {route}\n{queries.links}\n\n{proof}", width=_WIDTH, height=3
    )


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    *,
    right: Sequence[cloudwatch.IMetric] = (),
    label: str = "",
    stacked: bool = False,
) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=[*left],
        right=[*right],
        left_y_axis=cloudwatch.YAxisProps(min=0, label=label, show_units=False),
        right_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        stacked=stacked,
        width=_THIRD,
        height=6,
    )


def _requests(route: str) -> cloudwatch.IWidget:
    asked = [
        variant_metric(MetricName.REQUESTS, variant, route=route).with_(label=variant.value)
        for variant in Variant
    ]
    on_control = [
        route_metric(name, route=route).with_(label=label)
        for name, label in (
            (MetricName.UNKEYED, "without a user"),
            (MetricName.WRITES, "may change data"),
            (MetricName.UNREAD, "flag never read"),
        )
    ]
    return _graph(
        "Answers: who is asked", asked, right=on_control, label="requests a minute", stacked=True
    )


def _error_rates(route: str) -> cloudwatch.IWidget:
    rates = []
    for variant in Variant:
        faults, requests = f"{variant}_faults", f"{variant}_requests"
        using = {
            faults: variant_metric(MetricName.FAULTS, variant, route=route),
            requests: variant_metric(MetricName.REQUESTS, variant, route=route),
        }
        percent = f"100 * {faults} / {requests}"
        rates.append(formula(variant.value, percent, using=using))
    short_circuited = route_metric(MetricName.SHORT_CIRCUITED, route=route)
    beside = short_circuited.with_(label="short-circuited")
    return _graph("Error rate", rates, right=[beside], label="% of requests")


def _latencies(route: str) -> cloudwatch.IWidget:
    lines = [
        variant_metric(MetricName.LATENCY, variant, route=route, statistic=statistic).with_(
            label=f"{variant} {statistic}"
        )
        for variant in Variant
        for statistic in ("p50", "p95")
    ]
    return _graph("Latency", lines, label="ms")


def _parity(route: str) -> cloudwatch.IWidget:
    names = {
        "compared": MetricName.COMPARED,
        "mismatched": MetricName.MISMATCHED,
        "errors": MetricName.CANDIDATE_ERRORS,
    }
    using = {name: route_metric(metric, route=route) for name, metric in names.items()}
    parity = "100 * (compared - mismatched - errors) / compared"
    beside = {
        MetricName.COMPARED: "pairs",
        MetricName.EMPTY: "empty",
        MetricName.REFUSED: "refused",
        MetricName.MISMATCHED: "differ",
        MetricName.BOTH_DIFFER: "both differ",
        MetricName.FIRST_SIGHT: "differed at first sight alone",
    }
    return _graph(
        "Evidence: parity of the pairs of an hour",
        [formula("alike", parity, using=using, period=_HOUR)],
        right=[
            route_metric(name, route=route).with_(period=_HOUR, label=label)
            for name, label in beside.items()
        ],
        label="%",
    )


def _stage(route: str) -> cloudwatch.IWidget:
    def since(name: MetricName, label: str) -> cloudwatch.IMetric:
        """Written when it changes: it stays until then."""
        known = route_metric(name, route=route, statistic="Maximum")
        return formula(label, f"FILL({name.lower()}, REPEAT)", using={name.lower(): known})

    return _graph(
        "Flag: 0 off · 1 shadow · 2 canary · 3 live · 4 complete",
        [since(MetricName.STAGE, "stage")],
        right=[since(MetricName.CANDIDATE_PERCENT, "% of users on the candidate")],
    )


def _versions(route: str, code_canary: CodeCanary) -> cloudwatch.IWidget:
    dimensions = f"{NAMESPACE},{Dimension.ROUTE},{Dimension.VERSION}"
    failed = f'{Dimension.ROUTE}="{route}" MetricName="{MetricName.FAILED}"'
    by_version = cloudwatch.MathExpression(
        label="failed on version",
        expression=f"SEARCH('{{{dimensions}}} {failed}', 'Sum', 60)",
        period=MINUTE,
    )
    return _graph(
        "Versions of the code", [code_canary.error_rate_metric], right=[by_version], label="%"
    )


def _states(alarms: Sequence[cloudwatch.IAlarm]) -> cloudwatch.IWidget:
    return cloudwatch.AlarmStatusWidget(
        title="Guards and other alarms", alarms=[*alarms], width=_THIRD, height=6
    )


def _copies(route: str) -> cloudwatch.IWidget:
    lost = [
        route_metric(name, route=route).with_(label=name.value)
        for name in (*DROPPED, MetricName.TEE_SKIPPED, MetricName.TEE_FAILED)
    ]
    sent = route_metric(MetricName.COPIES_SENT, route=route).with_(label="sent")
    return _graph(
        "Copies that were not compared", lost, right=[sent], label="a minute", stacked=True
    )


def _served(route: str) -> cloudwatch.IWidget:
    wrong = variant_metric(MetricName.MISMATCHED, Variant.CANDIDATE, route=route)
    checked = variant_metric(MetricName.COMPARED, Variant.CANDIDATE, route=route)
    return _graph(
        "Wrong answers that users received",
        [wrong.with_(label="wrong")],
        right=[checked.with_(label="checked")],
        label="a minute",
    )


def _behind(dataset: Dataset) -> cloudwatch.IWidget:
    return _graph(
        f"Dataset {dataset.name}: what the follower lacked",
        [
            dataset.metric_dirty_reads(label="reads by the authority instead"),
            dataset.metric_unreconciled(label="without an intent"),
        ],
        label="a minute",
    )


def _lag(dataset: Dataset) -> cloudwatch.IWidget:
    return _graph(
        f"Dataset {dataset.name}: how far the follower is behind",
        [dataset.metric_follower_lag(label="from intent to reconciliation")],
        label="s",
    )


def _made_equal(dataset: Dataset) -> cloudwatch.IWidget:
    repaired = dataset.metric_repaired(label="keys")
    return _graph(f"Dataset {dataset.name}: made equal", [repaired], label="a minute")


def _what_differs(queries: MismatchQueries) -> cloudwatch.IWidget:
    question, query = QUESTIONS["Top"]
    return cloudwatch.LogQueryWidget(
        title=question,
        log_group_names=[queries.log_group.log_group_name],
        query_string=query,
        width=_WIDTH,
        height=6,
    )
