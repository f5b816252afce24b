"""The datasets that an account holds, found by what their stacks say of themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from operations.dataset_function import DatasetError, DatasetFunction
from shadow_runtime.contract import Variable
from shadowctl.deployed import outputs

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_OF_A_DATASET = "DatasetFunctionName"

_PATIENCE = Config(read_timeout=330, retries={"mode": "standard", "total_max_attempts": 3})
"""The function may take five minutes, and nothing is asked for twice meanwhile."""


def find_dataset(asked: str, aws: boto3.Session) -> DatasetFunction:
    """The dataset of a name, of a stack, or of both, such as `users`, `Users` and `Users:users`.

    Raises:
        DatasetError: there is none, or several; or its function is of another release.
    """
    stack, _, name = asked.partition(":")
    stack = stack.replace("/", "-")  # the CDK names a stack in a Stage so
    held = [*_held(aws)]
    lambda_ = aws.client("lambda", config=_PATIENCE)
    if in_stack := [each for each in held if each.stack == stack]:
        known = [each.read(lambda_) for each in in_stack]
        found = [each for each in known if not name or _own(each) == name]
    else:
        known = [each.read(lambda_) for each in held]
        found = [each for each in known if _own(each) == asked]
    if len(found) == 1:
        return found[0]
    if found:
        such = " or ".join(_typed(each) for each in found)
        raise DatasetError(f"{asked!r} may be any of {len(found)} datasets: name {such}")
    names = ", ".join(_typed(each) for each in known) or "none"
    raise DatasetError(
        f"no dataset {asked!r} in {aws.region_name}; there: {names}. Another region is AWS_REGION, "
        "the embedded AWS --local"
    )


def _own(dataset: DatasetFunction) -> str:
    return dataset.name.rpartition("/")[2]


def _typed(dataset: DatasetFunction) -> str:
    return dataset.name.replace("/", ":")


@dataclass(frozen=True, slots=True)
class _Held:
    """What a stack says of a dataset that it holds: the name of the function that moves it."""

    stack: str
    function: str

    def read(self, lambda_: "LambdaClient") -> DatasetFunction:
        known = lambda_.get_function_configuration(FunctionName=self.function)
        try:
            name = known["Environment"]["Variables"][Variable.DATASET]
        except KeyError as error:
            raise DatasetError(
                f"{self.stack} is of another release ({self.function}: {error}): deploy it with "
                "this one"
            ) from error
        return DatasetFunction(lambda_, self.function, name)


def _held(aws: boto3.Session) -> Iterator[_Held]:
    for stack, key, value in outputs(aws):
        if _OF_A_DATASET in key:
            yield _Held(stack, value)
