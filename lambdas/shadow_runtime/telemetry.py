"""Logs, metrics and traces of one invocation, behind one small door.

The tracer is Powertools' over the X-Ray SDK, which is in maintenance: nothing else may import it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from shadow_runtime.contract import NAMESPACE, Dimension, MetricName
from shadow_runtime.settings import settings

logger = Logger(service=settings().route)
_tracer = Tracer(service=settings().route, auto_patch=False)

_UNITS = {
    MetricName.LATENCY: MetricUnit.Milliseconds,
    MetricName.SHADOW_LATENCY: MetricUnit.Milliseconds,
    MetricName.SHADOW_LAG: MetricUnit.Milliseconds,
    MetricName.FLAG_AGE: MetricUnit.Seconds,
}


class Measurements:
    """The metrics of one invocation: collected while it runs, written once at its end.

    Every metric carries the route; each set of further dimensions becomes one EMF document.
    The ids of the request stand beside them, so that a log query can tell what became of it.

    Example:
        >>> measurements = Measurements(request_id="Z67rFiaQS3QA1A=", trace="Root=1-5759e988-bd86")
        >>> measurements.add(MetricName.REQUESTS, variant="control")
        >>> measurements.flush()  # doctest: +SKIP
    """

    def __init__(self, **ids: str) -> None:
        self._ids = ids
        self._documents: dict[tuple[tuple[str, str], ...], EphemeralMetrics] = {}

    def add(
        self,
        name: MetricName,
        value: float = 1,
        *,
        variant: str | None = None,
        version: str | None = None,
        outcome: str | None = None,
        path: str | None = None,
        exposed: bool = False,
    ) -> None:
        """Adds `value` to `name`, by route and by the dimensions given."""
        given = {
            Dimension.ROUTE: settings().route,
            Dimension.VARIANT: variant,
            Dimension.VERSION: version,
            Dimension.OUTCOME: outcome,
            Dimension.PATH: path,
            Dimension.EXPOSED: "true" if exposed else None,
        }
        key = tuple((str(k), v) for k, v in given.items() if v is not None)
        document = self._documents.get(key)
        if document is None:
            document = self._documents[key] = EphemeralMetrics(namespace=NAMESPACE)
            for name_of_id, value_of_id in self._ids.items():
                document.add_metadata(name_of_id, value_of_id)
            for dimension, text in key:
                document.add_dimension(dimension, text)
        document.add_metric(name, unit=_UNITS.get(name, MetricUnit.Count), value=value)

    def flush(self) -> None:
        """Writes what was collected to standard output, where CloudWatch reads it."""
        for document in self._documents.values():
            document.flush_metrics()
        self._documents.clear()


@contextmanager
def traced(variant: str) -> Iterator[dict[str, Any]]:
    """A trace subsegment for one side's work; what is put in the dictionary annotates it."""
    annotations: dict[str, Any] = {
        "route": settings().route,
        "variant": variant,
        "version": settings().version,
    }
    with _tracer.provider.in_subsegment(name=variant) as subsegment:
        try:
            yield annotations
        finally:
            for key, value in annotations.items():
                subsegment.put_annotation(key, value)
