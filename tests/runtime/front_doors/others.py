"""Events of Lambda that come through no front door, each in the shape that its service documents.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""

from typing import Any

from tests.runtime.front_doors import doors
from tests.runtime.front_doors.doors import ACCOUNT, ADDRESS, Event, Sent

ARN = f"arn:aws:{{}}:eu-central-1:{ACCOUNT}:{{}}"
METHOD_ARN = ARN.format("execute-api", "a1b2c3d4e5/prod/GET/carts/42")


def _records(source: str, **record: Any) -> Event:
    return {"Records": [{"eventSource": source, "awsRegion": "eu-central-1", **record}]}


def _web_socket(kind: str) -> Event:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html"""
    context = {
        "routeKey": {"CONNECT": "$connect", "MESSAGE": "$default"}[kind],
        "eventType": kind,
        "connectionId": "IAGgUfLKIAMCF8w=",
        "connectedAt": 1893999600000,
        "messageDirection": "IN",
        "requestId": "IAGgaF9AoAMFr5Q=",
        "stage": "prod",
        "apiId": "w1s2",
        "domainName": "w1s2.execute-api.eu-central-1.amazonaws.com",
        "identity": {"sourceIp": ADDRESS},
    }
    if kind == "CONNECT":
        headers = {"Host": context["domainName"], "Sec-WebSocket-Version": "13"}
        return {"headers": headers, "requestContext": context, "isBase64Encoded": False}
    return {"requestContext": context, "body": '{"action": "buy"}', "isBase64Encoded": False}


def _authorizer_request_1() -> Event:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html"""
    event = doors.rest_api(Sent())
    del event["body"], event["isBase64Encoded"]
    return {"type": "REQUEST", "methodArn": METHOD_ARN, **event}


def _authorizer_request_2() -> Event:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html"""
    event = doors.http_api(Sent())
    del event["isBase64Encoded"]
    return {**event, "type": "REQUEST", "routeArn": METHOD_ARN, "identitySource": ["Bearer e30"]}


OTHERS: dict[str, object] = {
    "WebSocket connect": _web_socket("CONNECT"),
    "WebSocket message": _web_socket("MESSAGE"),
    "API Gateway authorizer, REQUEST of a REST API": _authorizer_request_1(),
    "API Gateway authorizer, REQUEST of an HTTP API": _authorizer_request_2(),
    "API Gateway authorizer, TOKEN": {
        "type": "TOKEN",
        "methodArn": METHOD_ARN,
        "authorizationToken": "Bearer e30",
    },
    "SQS": _records(
        "aws:sqs",
        messageId="059f36b4-87a3-44ab-83d2-661975830a7d",
        body='{"httpMethod": "GET", "path": "/"}',
        attributes={"ApproximateReceiveCount": "1"},
        eventSourceARN=ARN.format("sqs", "orders"),
    ),
    "SNS": {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "Sns": {"Type": "Notification", "Message": "{}", "Subject": None},
            }
        ]
    },
    "S3": _records(
        "aws:s3",
        eventName="ObjectCreated:Put",
        s3={"bucket": {"name": "invoices"}, "object": {"key": "a.pdf", "size": 1024}},
    ),
    "SES": _records("aws:ses", ses={"mail": {"messageId": "m-1"}, "receipt": {}}),
    "DynamoDB stream": _records(
        "aws:dynamodb",
        eventName="MODIFY",
        dynamodb={"Keys": {"id": {"S": "42"}}, "StreamViewType": "KEYS_ONLY"},
    ),
    "Kinesis": _records("aws:kinesis", kinesis={"partitionKey": "1", "data": "e30="}),
    "Firehose": {
        "invocationId": "i-1",
        "deliveryStreamArn": ARN.format("firehose", "deliverystream/logs"),
        "records": [{"recordId": "1", "data": "e30="}],
    },
    "MSK": {"eventSource": "aws:kafka", "records": {"orders-0": [{"value": "e30="}]}},
    "EventBridge": {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2030-01-07T09:00:00Z",
        "region": "eu-central-1",
        "resources": [ARN.format("events", "rule/warm")],
        "detail": {},
    },
    "CloudWatch Logs": {"awslogs": {"data": "H4sIAAAAAAAA"}},
    "CloudWatch alarm": {
        "source": "aws.cloudwatch",
        "alarmArn": ARN.format("cloudwatch", "alarm:errors"),
        "alarmData": {"state": {"value": "ALARM"}},
    },
    "CloudFront": {
        "Records": [
            {"cf": {"config": {"eventType": "viewer-request"}, "request": {"method": "GET"}}}
        ]
    },
    "VPC Lattice": {
        "version": "2.0",
        "path": "/carts/42",
        "method": "GET",
        "headers": {"accept": ["*/*"]},
        "requestContext": {
            "serviceNetworkArn": ARN.format("vpc-lattice", "servicenetwork/sn-1"),
            "identity": {"type": "AWS_IAM"},
        },
    },
    "AppSync": {
        "arguments": {"id": "42"},
        "identity": {"sub": "ada"},
        "info": {"fieldName": "cart", "parentTypeName": "Query"},
        "request": {"headers": {"host": "api.example.com"}},
    },
    "Cognito trigger": {
        "version": "1",
        "triggerSource": "PreSignUp_SignUp",
        "userName": "ada",
        "request": {"userAttributes": {}},
        "response": {},
    },
    "Bedrock agent": {
        "messageVersion": "1.0",
        "httpMethod": "GET",
        "apiPath": "/carts/{id}",
        "actionGroup": "carts",
        "parameters": [],
    },
    "CodeDeploy hook": {"DeploymentId": "d-ABCDEF123", "LifecycleEventHookExecutionId": "e"},
    "CloudFormation": {"RequestType": "Create", "StackId": "s", "ResourceProperties": {}},
    "a test in Lambda's console": {"key1": "value1", "key2": "value2", "key3": "value3"},
    "an empty object": {},
    "null": None,
    "a list": [],
    "a text": "GET /carts/42",
    "a number": 42,
}
