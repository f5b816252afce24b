"""The samples themselves: in the shapes of AWS, as another library's models read them."""

import pytest
from aws_lambda_powertools.utilities.parser import models
from pydantic import BaseModel

from tests.runtime.front_doors.events import DOORS, SAMPLES, Sample
from tests.runtime.front_doors.others import OTHERS

MODELS: dict[str, type[BaseModel]] = {
    "HTTP API": models.APIGatewayProxyEventV2Model,
    "HTTP API, format 1.0": models.APIGatewayProxyEventModel,
    "REST API": models.APIGatewayProxyEventModel,
    "function URL": models.LambdaFunctionUrlModel,
    "load balancer": models.AlbModel,
}
"""There is none for multi-value headers."""

WITH_HEADERS = {name: sample for name, sample in SAMPLES.items() if sample.event.get("headers")}
"""The console of a REST API sends null, which the models do not take."""


@pytest.mark.parametrize("sample", WITH_HEADERS.values(), ids=WITH_HEADERS)
def test_a_sample_is_an_event_of_its_front_door(sample: Sample) -> None:
    MODELS[sample.door].model_validate(sample.event)


def test_there_are_dozens_of_each_kind() -> None:
    assert {sample.door for sample in SAMPLES.values()} == set(DOORS)
    assert len(SAMPLES) > 90
    assert len(OTHERS) > 25
