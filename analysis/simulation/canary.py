"""What the two canaries have in common."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np

from analysis.rollout.guards import Alarms
from analysis.rollout.rollout import Rollout
from analysis.simulation.runs import Runs
from analysis.simulation.scenario import Scenario


class Canary(ABC):
    """Some of the users, or of the invocations, meet something new that may fail."""

    title: ClassVar[str]
    under_way: ClassVar[str]
    """What a rollout is doing that has not gone back."""

    def __init__(self, rollout: Rollout, scenario: Scenario) -> None:
        self.rollout = rollout
        self.scenario = scenario

    @property
    @abstractmethod
    def alarms(self) -> Alarms:
        """Its guards."""

    @property
    @abstractmethod
    def setting(self) -> str:
        """What the template asks for, in a few words."""

    @property
    @abstractmethod
    def percent(self) -> float:
        """How much of all there is it starts with."""

    @property
    @abstractmethod
    def minutes(self) -> int:
        """How many minutes are played one by one."""

    @abstractmethod
    def play(self, rollouts: int, chance: np.random.Generator) -> Runs:
        """What becomes of so many rollouts."""

    @abstractmethod
    def at(self, percent: float) -> Self:
        """The same with another `percent`, and with the same alarms."""

    def when(self, scenario: Scenario) -> Self:
        """The same in another scenario."""
        return type(self)(self.rollout, scenario)
