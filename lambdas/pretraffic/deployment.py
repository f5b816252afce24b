"""What a deployment is for, in CodeDeploy's own words: the hook's event does not tell."""

import json
from dataclasses import dataclass
from typing import Any, Self

_WAYS_BACK = frozenset({"codeDeployRollback", "CloudFormationRollback"})
"""What creates a deployment that undoes another."""


@dataclass(frozen=True, slots=True)
class Shift:
    """From which version of a function to which the alias goes.

    Example:
        >>> Shift("get-user", current=7, target=8).is_back
        False
    """

    function: str
    current: int
    target: int

    @property
    def is_back(self) -> bool:
        """Whether users had the target before."""
        return self.target <= self.current

    @classmethod
    def read(cls, appspec: str | None) -> Self:
        """The shift in an AppSpec as CloudFormation writes it, in JSON.

        Raises:
            ValueError: any other text, or none.
        """
        try:
            [resource] = json.loads(appspec or "")["Resources"]
            [function] = resource.values()
            about = function["Properties"]
            return cls(about["Name"], int(about["CurrentVersion"]), int(about["TargetVersion"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError("this AppSpec shifts no alias between two versions") from error


def brought_by(codedeploy: Any, deployment: str) -> str | None:
    """The version that `deployment` brings, as `function:number`; None when it takes one back.

    Raises:
        ClientError: CodeDeploy does not say.
        ValueError: what it says cannot be read.
    """
    about = codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
    if about.get("creator") in _WAYS_BACK:
        return None
    # The deployment knows only the hash of its AppSpec; the application holds the text.
    revision = codedeploy.get_application_revision(
        applicationName=about["applicationName"], revision=about["revision"]
    )["revision"]
    text = revision.get("string") or revision.get("appSpecContent") or {}
    shift = Shift.read(text.get("content"))
    return None if shift.is_back else f"{shift.function}:{shift.target}"
