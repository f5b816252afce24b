"""What a function reads from its environment: all of it, once, here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

from shadow_runtime.contract import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What Lambda and the construct tell a function; `""` where it has no use for something.

    Example:
        >>> Settings.of({"SHADOW_CANARY_ROUTE": "get-user"}).route
        'get-user'
        >>> Settings.of({"AWS_LAMBDA_FUNCTION_NAME": "finished"}).route
        'finished'
    """

    route: str
    version: str
    route_package: str
    ceiling: str
    flag_application: str
    flag_environment: str
    flag_profile: str
    candidate: str
    candidate_deadline_ms: str
    shadow: str
    database_parameter: str
    masking_key: str
    allows_drills: bool
    xray_daemon: str
    dataset: str
    dataset_package: str
    dataset_table: str
    dataset_queue: str
    dataset_dead_letters: str

    @property
    def bucket(self) -> str:
        """By what users are put on a side: the routes of one dataset have them on the same."""
        return self.dataset or self.route

    @property
    def candidate_version(self) -> str:
        """The version that the candidate's ARN names; `$LATEST` where it names none."""
        return [*self.candidate.split(":")[7:], "$LATEST"][0]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The settings in `environment`; a function without a route goes by its own name.

        Outside of Lambda the route is `undeployed`.
        """
        read = environment.get
        return cls(
            route=read(Variable.ROUTE) or read("AWS_LAMBDA_FUNCTION_NAME", "undeployed"),
            version=read("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            route_package=read(Variable.ROUTE_PACKAGE, ""),
            ceiling=read(Variable.CEILING, ""),
            flag_application=read(Variable.FLAG_APPLICATION, ""),
            flag_environment=read(Variable.FLAG_ENVIRONMENT, ""),
            flag_profile=read(Variable.FLAG_PROFILE, ""),
            candidate=read(Variable.CANDIDATE, ""),
            candidate_deadline_ms=read(Variable.CANDIDATE_DEADLINE_MS, ""),
            shadow=read(Variable.SHADOW, ""),
            database_parameter=read(Variable.DATABASE_PARAMETER, ""),
            masking_key=read(Variable.MASKING_KEY, ""),
            allows_drills=read(Variable.DRILL) == "true",
            xray_daemon=read("AWS_XRAY_DAEMON_ADDRESS", ""),
            dataset=read(Variable.DATASET, ""),
            dataset_package=read(Variable.DATASET_PACKAGE, ""),
            dataset_table=read(Variable.DATASET_TABLE, ""),
            dataset_queue=read(Variable.DATASET_QUEUE, ""),
            dataset_dead_letters=read(Variable.DATASET_DEAD_LETTERS, ""),
        )


@cache
def settings() -> Settings:
    """This function's settings, read at first use."""
    return Settings.of(os.environ)
