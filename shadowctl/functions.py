"""The functions of a deployed route, as Lambda describes them: settings, release, logs."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import boto3

from analysis.template import without_hash
from operations.counts import route_versions
from shadow_runtime.contract import Variable
from shadowctl.deployed import DeployedRoute, stack_resources

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef as Configuration


class Functions:
    """Those that answer the users of one route, compare, and operate it.

    Example:
        >>> Functions(find_route("GetUser", aws), aws).released  # doctest: +SKIP
        datetime.datetime(2030, 1, 7, 9, 0, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, route: DeployedRoute, aws: boto3.Session) -> None:
        self.route = route
        self._aws = aws
        self._lambda = aws.client("lambda")

    @cached_property
    def answering(self) -> "Configuration":
        """The newest version of the route that users are on."""
        function = self.route.settings.function
        version = max(route_versions(self._lambda, function), key=int)
        return self._lambda.get_function_configuration(FunctionName=function, Qualifier=version)

    @cached_property
    def comparing(self) -> "Configuration":
        """The version of the shadow function that it calls."""
        shadow = variables(self.answering)[Variable.SHADOW]
        return self._lambda.get_function_configuration(FunctionName=shadow)

    @cached_property
    def candidate(self) -> "Configuration":
        """The version of the candidate that it calls."""
        candidate = variables(self.answering)[Variable.CANDIDATE]
        return self._lambda.get_function_configuration(FunctionName=candidate)

    @property
    def released(self) -> datetime:
        """When that version of the route was published."""
        return datetime.fromisoformat(self.answering["LastModified"])

    def masking_key(self) -> bytes:
        """The key of the hashes in the route's logs; it is a secret, and no log holds it.

        Raises:
            botocore.exceptions.ClientError: one may not read it.
        """
        arn = variables(self.comparing)[Variable.MASKING_KEY]
        found = self._aws.client("secretsmanager").get_secret_value(SecretId=arn)
        return found["SecretString"].encode()

    def log_groups(self) -> dict[str, str]:
        """Where the route's functions write, and as what, such as `ServiceRoute`."""
        return dict(self._log_groups())

    def _log_groups(self) -> Iterator[tuple[str, str]]:
        resources = stack_resources(self._aws, self.route.stack)
        names = {name: id_ for id_, kind, name in resources if kind == "AWS::Lambda::Function"}
        for name, id_ in names.items():
            found = self._lambda.get_function_configuration(FunctionName=name)
            if variables(found).get(Variable.ROUTE) == self.route.settings.route:
                yield log_group(found), without_hash(id_)


def variables(configuration: "Configuration") -> Mapping[str, str]:
    """The environment of a function."""
    return configuration.get("Environment", {}).get("Variables", {})


def log_group(configuration: "Configuration") -> str:
    """Where a function writes."""
    return configuration["LoggingConfig"]["LogGroup"]
