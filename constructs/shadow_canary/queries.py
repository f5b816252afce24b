"""The questions that an operator asks of the mismatches, saved in CloudWatch Logs Insights."""

import re

from aws_cdk import Stack
from aws_cdk import aws_logs as logs
from constructs import Construct

QUESTIONS = {
    "Top": (
        "what differs most",
        'filter message = "mismatch"'
        " | stats count(*) as found, latest(trace) as example by fingerprint"
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
        self.definitions = [
            logs.CfnQueryDefinition(
                self,
                role,
                name=f"{route}/{question}",
                query_string=query,
                log_group_names=[log_group.log_group_name],
            )
            for role, (question, query) in QUESTIONS.items()
        ]

    @property
    def links(self) -> str:
        """A line of Markdown: each question, as a link to Logs Insights over the last day."""
        region = Stack.of(self).region
        home = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
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
