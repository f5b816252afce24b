"""What the routes share: the HTTP API, who may call it, and the database's secrets."""

import json
from typing import cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from aws_cdk.aws_apigateway import AccessLogFormat
from constructs import Construct

from shadow_canary.findings import acknowledge
from shadow_canary.grants import let_read_parameter, let_read_secret
from shadow_runtime.contract import Variable

_HTTP_API = "http-api"
_AUTHORIZER = "authorizer"


class Platform(cdk.Stack):
    """One HTTP API behind a JWT authorizer, with throttling and access logs, and two secrets.

    Routes find it through SSM parameters, of its own name: no export locks a stack to another, and
    each deploys alone. Which secret a side reads is looked up at run time, and what lets it is a
    policy that stands here: another secret needs no deployment of a route, whose published versions
    follow.

    Args:
        scope: the app.
        id_: `Platform`.
        issuer: of the tokens, an https URL - a Cognito user pool made here.
        audience: of the tokens; goes with `issuer` - the pool's client.
        candidate_secret: name of an existing secret with the connection settings of a role that
            reads and writes - a secret made here, to be filled in.
        shadow_secret: the same for the role `shadow`, which reads, or can commit nothing.
        rate_limit: requests a second over all routes - 100.
        burst_limit: size of the bucket - 200.

    Raises:
        ValueError: an issuer without an audience, or the reverse.

    Example:
        >>> Platform(app, "Platform", issuer="https://login.example.com/",
        ...          audience=["users"])  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        issuer: str | None = None,
        audience: list[str] | None = None,
        candidate_secret: str | None = None,
        shadow_secret: str | None = None,
        rate_limit: float = 100,
        burst_limit: int = 200,
    ) -> None:
        super().__init__(scope, id_, description="ShadowCanary: what the routes share")
        if (issuer is None) != (audience is None):
            raise ValueError(
                "issuer and audience go together: give both to use your identity provider, "
                f"or neither for a new Cognito user pool; got {issuer!r} and {audience!r}"
            )
        self.http_api = apigateway.HttpApi(self, "HttpApi", create_default_stage=False)
        self.access_logs = logs.LogGroup(
            self,
            "AccessLogs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.http_api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=rate_limit, burst_limit=burst_limit),
            access_log_settings=_AccessLogs(self.access_logs),
        )
        if issuer is None or audience is None:
            self.user_pool = cognito.UserPool(
                self,
                "UserPool",
                self_sign_up_enabled=False,
                password_policy=cognito.PasswordPolicy(
                    min_length=12,
                    require_digits=True,
                    require_lowercase=True,
                    require_symbols=True,
                    require_uppercase=True,
                ),
            )
            for finding in ("COG2", "COG8"):
                acknowledge(self.user_pool, finding, "a pool to start with; bring your own issuer")
            self.client = self.user_pool.add_client(
                "Client", auth_flows=cognito.AuthFlow(user_password=True, user_srp=True)
            )
            issuer = self.user_pool.user_pool_provider_url
            audience = [self.client.user_pool_client_id]
            cdk.CfnOutput(self, "UserPoolId", value=self.user_pool.user_pool_id)
            cdk.CfnOutput(self, "ClientId", value=self.client.user_pool_client_id)
        self.authorizer = apigateway.HttpAuthorizer(
            self,
            "Authorizer",
            http_api=self.http_api,
            type=apigateway.HttpAuthorizerType.JWT,
            identity_source=["$request.header.Authorization"],
            jwt_issuer=issuer,
            jwt_audience=audience,
        )
        self._publish(_HTTP_API, self.http_api.api_id)
        self._publish(_AUTHORIZER, self.authorizer.authorizer_id)
        self.candidate_secret = self._secret("CandidateSecret", candidate_secret, "candidate")
        self.shadow_secret = self._secret("ShadowSecret", shadow_secret, "shadow")
        for side, secret in (("candidate", self.candidate_secret), ("shadow", self.shadow_secret)):
            name = self._publish(f"database/{side}", secret.secret_name)
            reading = iam.ManagedPolicy(
                self,
                f"{side.capitalize()}Database",
                description=f"Reads the connection settings of the {side}",
            )
            let_read_parameter(reading, name)
            let_read_secret(reading, secret)
            self._publish(f"database/{side}/policy", reading.managed_policy_arn)
        cdk.CfnOutput(self, "Url", value=self.http_api.api_endpoint)

    def add_route(self, route: str, function: lambda_.IFunction) -> apigateway.HttpRoute:
        """Sends `route`, such as `GET /users/me`, to `function`, in the function's own stack.

        That is a service's alias, or a plain function once the migration is over. Only with a token
        that the authorizer accepts.
        """
        stack = cdk.Stack.of(function)
        method, path = route.split()
        return apigateway.HttpRoute(
            stack,
            f"{method}{path}",  # as HttpApi.add_routes names it
            http_api=self._http_api(stack),
            route_key=apigateway.HttpRouteKey.with_(path, apigateway.HttpMethod[method]),
            integration=integrations.HttpLambdaIntegration(f"{method}{path}", function),
            authorizer=apigateway.HttpAuthorizer.from_http_authorizer_attributes(
                stack,
                f"{method}{path}Authorizer",
                authorizer_id=self._published(_AUTHORIZER, stack),
                authorizer_type="JWT",
            ),
        )

    def grant_database(
        self, *, candidate: lambda_.Function, shadow: lambda_.Function | None = None
    ) -> None:
        """Lets the functions read their own connection settings, each its own and no other.

        Once the migration is over the plain function has those of the candidate.
        """
        self._let_read("candidate", candidate)
        if shadow is not None:
            self._let_read("shadow", shadow)

    def _let_read(self, side: str, function: lambda_.Function) -> None:
        arn = self._published(f"database/{side}/policy", cdk.Stack.of(function))
        reading = iam.ManagedPolicy.from_managed_policy_arn(function, "Database", arn)
        cast("iam.IRole", function.role).add_managed_policy(reading)
        function.add_environment(Variable.DATABASE_PARAMETER, self._parameter(f"database/{side}"))

    def _parameter(self, what: str) -> str:
        """The name of what is published: two platforms may share an account."""
        return f"/shadow-canary/{self.stack_name}/{what}"

    def _publish(self, what: str, value: str) -> ssm.StringParameter:
        id_ = "".join(word.capitalize() for word in what.split("/"))
        return ssm.StringParameter(
            self,
            f"{id_}Parameter",
            parameter_name=self._parameter(what),
            string_value=value,
        )

    def _published(self, what: str, stack: cdk.Stack) -> str:
        """As CloudFormation reads it when `stack` is deployed."""
        return ssm.StringParameter.value_for_string_parameter(stack, self._parameter(what))

    def _http_api(self, stack: cdk.Stack) -> apigateway.IHttpApi:
        """The API, as it is known in `stack`: of several routes there, one."""
        known = stack.node.try_find_child("HttpApi")
        return cast("apigateway.IHttpApi | None", known) or (
            apigateway.HttpApi.from_http_api_attributes(
                stack, "HttpApi", http_api_id=self._published(_HTTP_API, stack)
            )
        )

    def _secret(self, id_: str, name: str | None, username: str) -> secretsmanager.ISecret:
        if name is not None:
            return secretsmanager.Secret.from_secret_name_v2(self, id_, name)
        settings = {"engine": "postgres", "port": 5432, "dbname": "app", "username": username}
        secret = secretsmanager.Secret(
            self,
            id_,
            description=f"PostgreSQL settings of the role {username}; add its host",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps(settings),
                generate_string_key="password",
                exclude_punctuation=True,
            ),
        )
        acknowledge(secret, "SMG4", "rotation needs the database, which is not made here")
        return secret


@jsii.implements(apigateway.IAccessLogSettings)
class _AccessLogs:
    """One JSON line a request: who was refused and why, and what the route made of the rest."""

    def __init__(self, group: logs.ILogGroup) -> None:
        self._group = group

    @property
    def destination(self) -> apigateway.IAccessLogDestination:
        return apigateway.LogGroupLogDestination(self._group)

    @property
    def format(self) -> AccessLogFormat:
        fields = {
            "requestId": "$context.requestId",
            "routeKey": "$context.routeKey",
            "status": "$context.status",
            "responseLatency": "$context.responseLatency",
            "integrationStatus": "$context.integration.status",
            "integrationLatency": "$context.integration.latency",
            "integrationError": "$context.integrationErrorMessage",
            "authorizerError": "$context.authorizer.error",
            "functionRequestId": "$context.integration.requestId",
        }
        return AccessLogFormat.custom(json.dumps(fields))
