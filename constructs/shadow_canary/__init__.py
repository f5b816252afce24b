"""Move one API route from an old data source to a new one, without one user noticing."""

from analysis.rules import Window
from analysis.traffic import Traffic
from shadow_canary.code import DatasetCode, RouteCode
from shadow_canary.dataset import Dataset
from shadow_canary.flag import FlagStrategies
from shadow_canary.ramp import Ramp
from shadow_canary.service import ShadowCanaryService
from shadow_runtime.contract import Stage

__all__ = [
    "Dataset",
    "DatasetCode",
    "FlagStrategies",
    "Ramp",
    "RouteCode",
    "ShadowCanaryService",
    "Stage",
    "Traffic",
    "Window",
]
