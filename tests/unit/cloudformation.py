"""CloudFormation as a custom resource's function meets it."""

from typing import Any

from tests.runtime.played import Received, Reply, Service


class CloudFormation:
    """Hears the answers."""

    def __init__(self, service: Service) -> None:
        self.answers: list[Any] = []
        self.url = f"{service.url}/answer?signature=abc"
        service.script = self._hear

    def _hear(self, received: Received) -> Reply:
        self.answers.append(received.json)
        return Reply()

    def asks(self, kind: str, **instead: Any) -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": self.url,
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Ceiling",
            "ResourceProperties": {"Ceiling": "live"},
            **instead,
        }
