"""Every name and value that synthesis and run time share. Standard library only."""

from shadow_runtime.contract.errors import ShadowCanaryError
from shadow_runtime.contract.flag import FlagError, Position, flag_document
from shadow_runtime.contract.names import (
    ALIAS,
    CONTROL_NEEDS_MS,
    FLAG_KEY,
    NAMESPACE,
    POLL_INTERVAL,
    Action,
    Dimension,
    MetricName,
    Variable,
    Variant,
)
from shadow_runtime.contract.stage import Stage

__all__ = [
    "ALIAS",
    "CONTROL_NEEDS_MS",
    "FLAG_KEY",
    "NAMESPACE",
    "POLL_INTERVAL",
    "Action",
    "Dimension",
    "FlagError",
    "MetricName",
    "Position",
    "ShadowCanaryError",
    "Stage",
    "Variable",
    "Variant",
    "flag_document",
]
