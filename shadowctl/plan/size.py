"""What a function is paid by."""

from dataclasses import dataclass
from typing import Self

from analysis.template import Resource

VARIABLES = ("Environment", "Variables")


@dataclass(frozen=True, slots=True)
class FunctionSize:
    """What a function is paid by; `at_once` is how many run at most, None where nothing says so."""

    memory_mib: int
    architecture: str
    at_once: int | None = None

    @classmethod
    def of(cls, resource: Resource) -> Self:
        """As CloudFormation describes one.

        Raises:
            TemplateError: it does not say its memory.
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
