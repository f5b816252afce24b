"""A deployed route: found by the name of its stack, shown, and moved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations import dataset_needs
from operations.dataset_function import DatasetError, DatasetFunction
from operations.flag import HostedFlag, Progress
from operations.guards import Guards, objections
from operations.moves import add_tester, move
from operations.observer import Observer
from operations.sample_ratio import SampleRatio
from operations.transitions import Evidence, Who, Writer
from shadow_runtime.contract import Stage
from shadowctl.deployed import DeployedRoute, find_route
from shadowctl.failures import EXPECTED, in_one_line


@dataclass(frozen=True, slots=True)
class Route:
    """Where a route's flag is, how far it may go, and which alarms guard it.

    `function` is the name of what answers the users; `who` is the one who asks here, and `evidence`
    what is known of the candidate, which is kept where they expose more users to it.
    """

    stack: str
    name: str
    flag: HostedFlag
    ceiling: Stage
    guards: Callable[[], Guards]
    function: str
    sample_ratio: Callable[[], SampleRatio | None]
    who: Callable[[], Who]
    evidence: Callable[[], Evidence] = dict
    dataset: DatasetFunction | None = None

    @classmethod
    def find(cls, stack: str, aws: boto3.Session) -> Self:
        """The route in `stack`, as `shadowctl.deployed` finds it.

        Raises:
            RouteError: there is none, or several.
        """
        return cls.of(find_route(stack, aws), aws)

    @classmethod
    def of(cls, found: DeployedRoute, aws: boto3.Session) -> Self:
        """The route that was found."""
        settings = found.settings
        flag = HostedFlag.of(aws.client("appconfig"), settings)
        observer = Observer(aws, settings, flag, found.function)
        return cls(
            found.stack,
            settings.route,
            flag,
            settings.ceiling,
            observer.guards,
            settings.function,
            observer.sample_ratio,
            partial(person, aws),
            observer.evidence,
            observer.dataset(),
        )

    def objections(self, to: Stage) -> list[str]:
        """Why nobody may be moved up to a stage now, each with what to do."""
        found = objections(self.guards(), self.sample_ratio())
        return [*found, *dataset_needs.objections(self.dataset, to)]

    def where(self) -> str:
        """Where the route is, in one line."""
        deployed = self.flag.deployed()
        effective = _effective(deployed.position.stage, self.ceiling)
        running = f", a change is under way ({deployed.state})" if deployed.is_running else ""
        return f"{self.name}: {effective}{running}"

    def document(self) -> dict[str, Any]:
        """The same for machines."""
        deployed = self.flag.deployed()
        position = deployed.position.stage
        return {
            "stack": self.stack,
            "route": self.name,
            "stage": str(min(position, self.ceiling)),
            "position": str(position),
            "ceiling": str(self.ceiling),
            "paused": deployed.is_paused,
            "deployment": {"number": deployed.number, "state": deployed.state},
        }

    def move(self, to: Stage, *, why: str, progress: Progress, override: str = "") -> str:
        """Moves the route to `to` and says where it then is, in one line.

        To `off` goes the authority of its dataset, too.

        Raises:
            FlagWriterError: the transitions refuse it; a guard could not act, or is in ALARM; its
                dataset is not ready; or the flag could not be moved.
            DatasetError: the route is at off, and its dataset could not be asked.
        """
        exposes = to > max(self.stage, Stage.SHADOW)
        changed = move(
            self.flag,
            to,
            who=self.who(),
            why=why,
            evidence=self.evidence() if exposes else {},
            objections=self.objections,
            override=override,
            progress=progress,
        )
        line = f"{self.name}: {'now' if changed else 'already'} {_effective(to, self.ceiling)}"
        return "; ".join([line, *self.switched_back()] if to == Stage.OFF else [line])

    def switched_back(self) -> Iterator[str]:
        """Asks the dataset of a route that is at off to have control as its authority; says so.

        Raises:
            DatasetError: it could not be asked.
        """
        if self.dataset is not None:
            yield asked_to_switch_back(self.dataset)

    def test_as(self, user: str, *, why: str) -> str:
        """Lets the candidate answer `user`, and nobody else by that; says from when, in one line.

        Raises:
            FlagWriterError: the flag could not be changed.
        """
        changed = add_tester(self.flag, user, who=self.who(), why=why)
        return (
            f"{self.name}: {user} {'is now' if changed else 'was already'} among candidate_users, "
            f"and answered by the candidate from canary on; {_effective(self.stage, self.ceiling)}"
        )

    @property
    def stage(self) -> Stage:
        """What the flag says."""
        return self.flag.deployed().position.stage


def asked_to_switch_back(dataset: DatasetFunction) -> str:
    """Has control be the authority of a dataset again, and waits for nothing; says so.

    Raises:
        DatasetError: it could not be asked.
    """
    try:
        dataset.switch_back()
    except EXPECTED as error:
        raise DatasetError(
            f"the dataset {dataset.name} could not be asked to have control as its authority again "
            f"({in_one_line(error)}): `{dataset.command} switch-back`"
        ) from error
    return (
        f"its dataset {dataset.name} is asked to have control as its authority again, where it was "
        f"switched: `{dataset.command} status`"
    )


def person(aws: boto3.Session) -> Who:
    """The caller, as STS knows them; without a name where it cannot be asked: no move waits."""
    try:
        return Who(Writer.PERSON, aws.client("sts").get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError):
        return Who(Writer.PERSON, "")


def wanted(stage: str | None, percent: float | None) -> Stage:
    """The stage that an operator asks for by its name, and for a canary its percentage.

    Raises:
        ValueError: an unknown stage, a canary without a percentage or a percentage without canary.
    """
    if (stage == "canary") != (percent is not None):
        raise ValueError(
            "a canary needs --percent, and no other stage takes it, such as "
            f"`canary --percent 2`; got {stage or 'no stage'} with "
            f"{'no percentage' if percent is None else f'--percent {percent:g}'}"
        )
    return Stage.of(str(stage), percent=percent or 0)


def _effective(position: Stage, ceiling: Stage) -> str:
    """The stage that acts, and whether the ceiling holds the flag lower."""
    if position <= ceiling:
        return f"at {position}, ceiling {ceiling}"
    return (
        f"at {ceiling}: the flag says {position}, but the ceiling in git holds it; raise `ceiling` "
        "in the route's stack and deploy"
    )
