"""How large the functions of a route are."""

from dataclasses import dataclass
from typing import Self

from analysis.rollout.stack import Resource, Stack
from shadow_runtime.contract import Variable

_VARIABLES = ("Environment", "Variables")


@dataclass(frozen=True, slots=True)
class Function:
    """What a function is paid by; `at_once` is how many run at most, None where nothing says so."""

    memory_mib: int
    architecture: str
    at_once: int | None = None

    @classmethod
    def of(cls, resource: Resource) -> Self:
        """As CloudFormation describes one.

        Raises:
            RolloutError: it does not say its memory.
        """
        architectures = resource.get("Architectures") or ["x86_64"]
        return cls(
            resource.need("MemorySize"),
            architectures[0],
            resource.get("ReservedConcurrentExecutions"),
        )

    def gb_seconds(self, milliseconds: float) -> float:
        """What so much time is worth."""
        return self.memory_mib / 1_024 * milliseconds / 1_000


@dataclass(frozen=True, slots=True)
class Functions:
    """Those that requests and their copies run in.

    Example:
        >>> Functions.of(Stack.load(Path("cdk.out"), "GetUser")).candidate  # doctest: +SKIP
        Function(memory_mib=1024, architecture='arm64', at_once=None)
    """

    route: Function
    candidate: Function
    shadow: Function

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """The functions of the route whose stack it is.

        Raises:
            RolloutError: it has no route, or something is missing in it.
        """
        route = stack.the("AWS::Lambda::Function", *_VARIABLES, Variable.CANDIDATE_DEADLINE_MS)
        candidate, shadow = (
            stack.referred(stack.referred(route, *_VARIABLES, version), "FunctionName")
            for version in (Variable.CANDIDATE, Variable.SHADOW)
        )
        return cls(*map(Function.of, (route, candidate, shadow)))
