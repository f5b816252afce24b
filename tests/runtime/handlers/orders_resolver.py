"""Orders on a REST API, with Powertools' resolver, logger and metrics."""

from decimal import Decimal
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.shared.cookies import Cookie
from aws_lambda_powertools.utilities.typing import LambdaContext

ORDERS = {"42": {"id": "42", "total": Decimal("19.90"), "items": ["tea", "東京 mug"]}}

logger = Logger(service="orders")
metrics = Metrics(namespace="Orders", service="orders")
metrics.set_default_dimensions(environment="prod")
app = APIGatewayRestResolver(cors=CORSConfig("https://shop.example.com", allow_credentials=True))


@app.get("/orders/<order_id>")
def get_order(order_id: str) -> dict[str, Any]:
    if order_id not in ORDERS:
        raise NotFoundError(f"no order {order_id}")
    logger.info("order found", order_id=order_id)
    tags = app.current_event.get_multi_value_query_string_values("tag", [])
    return {**ORDERS[order_id], "total": str(ORDERS[order_id]["total"]), "tags": tags}


@app.get("/orders")
def list_orders() -> Response[str]:
    return Response(
        status_code=200,
        content_type="text/csv",
        body="id,total\n42,19.90\n",
        headers={"Link": ["</orders?page=2>; rel=next", "</orders?page=9>; rel=last"]},
        cookies=[Cookie("seen", "42"), Cookie("page", "1", http_only=True)],
        compress=True,
    )


@app.get("/orders/<order_id>/broken")
def broken(order_id: str) -> dict[str, Any]:
    raise KeyError(order_id)


@app.exception_handler(KeyError)  # type: ignore[untyped-decorator]
def handle_key_error(error: KeyError) -> Response[str]:
    return Response(status_code=500, content_type="text/plain", body="out of order")


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    metrics.add_metric("OrdersAsked", MetricUnit.Count, 1)
    return app.resolve(event, context)
