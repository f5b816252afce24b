"""The dataset of a route, as an assembly describes it to those who pay for it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from analysis.rules import AlarmRule
from analysis.template import Resource, Stack, TemplateError
from shadow_runtime.contract import SAFE_METHODS, Variable
from shadowctl.plan.size import VARIABLES, FunctionSize

_FUNCTION = "AWS::Lambda::Function"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUse:
    """The dataset of a route, and what of its requests writes it.

    Example:
        >>> DatasetUse.of(Path("cdk.out"), stack).writes  # doctest: +SKIP
        1.0

    Attributes:
        name: `<stack>/<name>`.
        routes: the other routes that have it.
        writes: share of the route's requests that may change data - all, where one of the methods
            that an API sends it may; none, where none does.
        reconciler: its function's size.
        operations: likewise.
        alarms: metrics that its own alarms look at.
    """

    name: str
    routes: tuple[str, ...]
    writes: float
    reconciler: FunctionSize
    operations: FunctionSize
    alarms: int

    @classmethod
    def of(cls, assembly: Path, stack: Stack) -> Self | None:
        """That of the route whose stack it is; None where it has none.

        Raises:
            TemplateError: the assembly does not hold it.
        """
        route = stack.the(_FUNCTION, *VARIABLES, Variable.CANDIDATE_DEADLINE_MS)
        name = route.get(*VARIABLES, Variable.DATASET)
        if not name:
            return None
        own, stacks = route.need(*VARIABLES, Variable.ROUTE), Stack.all_of(assembly)
        functions = [f for each in stacks for f in each.all(_FUNCTION) if _is_of(name, f)]
        held = [f for f in functions if f.get(*VARIABLES, Variable.DATASET_DEAD_LETTERS)]
        having = {f.get(*VARIABLES, Variable.ROUTE) for f in functions} - {own, None}
        alarms = [a for each in stacks for a in each.all("AWS::CloudWatch::Alarm")]
        begins = f"{name.replace('/', '-')}-"
        return cls(
            name=name,
            routes=tuple(sorted(having)),
            writes=float(any(method not in SAFE_METHODS for method in _methods(stack))),
            reconciler=FunctionSize.of(_handling("reconcile", held, name)),
            operations=FunctionSize.of(_handling("operate", held, name)),
            alarms=sum(
                str(alarm.get("AlarmName")).startswith(begins)
                for alarm in alarms
                if alarm.metadata(AlarmRule.METADATA)
            ),
        )


def _is_of(dataset: str, function: Resource) -> bool:
    return bool(function.get(*VARIABLES, Variable.DATASET) == dataset)


def _handling(handler: str, functions: Iterable[Resource], dataset: str) -> Resource:
    for function in functions:
        if function.need("Handler").endswith(f".{handler}"):
            return function
    raise TemplateError(f"no stack of the assembly holds the dataset {dataset}")


def _methods(stack: Stack) -> set[str]:
    """What APIs of the stack send to the alias of its route."""
    aliases = [alias.logical_id for alias in stack.all("AWS::Lambda::Alias")]
    by_integration = [
        each.logical_id
        for each in stack.all("AWS::ApiGatewayV2::Integration")
        if _mentions(each.get("IntegrationUri"), aliases)
    ]
    http = stack.all("AWS::ApiGatewayV2::Route")
    rest = stack.all("AWS::ApiGateway::Method")
    return {
        str(each.get("RouteKey")).partition(" ")[0]
        for each in http
        if _mentions(each.get("Target"), by_integration)
    } | {
        str(each.get("HttpMethod")) for each in rest if _mentions(each.get("Integration"), aliases)
    }


def _mentions(value: object, logical_ids: Iterable[str]) -> bool:
    return any(json.dumps({"Ref": i}) in json.dumps(value) for i in logical_ids)
