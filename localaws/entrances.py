"""What can be asked of a running environment, as commands to paste."""

from collections.abc import Iterator, Mapping, Sequence

import boto3

_ANY = ("GET", "ANY")


def curls(
    aws: boto3.Session, endpoint: str, resources: Mapping[str, Sequence[str]], *, credential: str
) -> list[str]:
    """A command for each GET that HTTP APIs, REST APIs and function URLs answer.

    `resources` are the physical ids of each type; `credential` is sent where a token is asked for.

    Example:
        >>> curls(aws, endpoint, local.resources, credential="Bearer eyJ…")  # doctest: +SKIP
        ["curl -H 'Authorization: Bearer eyJ…' 'http://127.0.0.1:4566/…/orders'"]
    """

    def command(url: str, *, protected: bool) -> str:
        header = f"-H 'Authorization: {credential}' " if protected else ""
        return f"curl {header}'{endpoint}{url}'"

    http_apis, rest_apis = aws.client("apigatewayv2"), aws.client("apigateway")
    functions = aws.client("lambda")

    def found() -> Iterator[str]:
        for id_ in resources.get("AWS::ApiGatewayV2::Api", ()):
            for route in http_apis.get_routes(ApiId=id_)["Items"]:
                method, _, path = route["RouteKey"].partition(" ")
                if method in _ANY:
                    protected = route.get("AuthorizationType", "NONE") != "NONE"
                    yield command(f"/_aws/execute-api/{id_}{path}", protected=protected)
        for id_ in resources.get("AWS::ApiGateway::RestApi", ()):
            stages = [stage["stageName"] for stage in rest_apis.get_stages(restApiId=id_)["item"]]
            for resource in rest_apis.get_resources(restApiId=id_, embed=["methods"])["items"]:
                asked = [m for m in _ANY if m in resource.get("resourceMethods", {})]
                for stage in stages if asked else []:
                    method = resource["resourceMethods"][asked[0]]
                    yield command(
                        f"/_aws/execute-api/{id_}/{stage}{resource['path']}",
                        protected=method.get("authorizationType", "NONE") != "NONE",
                    )
        for name in resources.get("AWS::Lambda::Function", ()):
            urls = functions.list_function_url_configs(FunctionName=name)
            for url in urls["FunctionUrlConfigs"]:
                id_ = url["FunctionUrl"].removeprefix("https://").partition(".")[0]
                if url["AuthType"] == "NONE":
                    yield command(f"/_aws/lambda-url/{id_}/", protected=False)

    return sorted(found())
