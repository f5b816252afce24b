"""Which alarms of an assembly can be evaluated on the embedded AWS, and why the others cannot."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from analysis.alarms import Alarm
from analysis.metric_math import UnsupportedError
from localaws.template import Template, of


@dataclass(frozen=True, slots=True)
class Watched:
    """Alarms by name, and in words which others there are.

    Example:
        >>> Watched.of(home.synthesized).alarms  # doctest: +SKIP
        {'GetUser-get-user-candidate-error-rate': Alarm(...)}
    """

    alarms: dict[str, Alarm]
    others: list[str]

    @classmethod
    def of(cls, assembly: Path) -> "Watched":
        """Those of every stack of a synthesized assembly."""
        alarms: dict[str, Alarm] = {}
        others: dict[str, list[str]] = defaultdict(list)
        for template in templates(assembly).values():
            for logical_id, resource in of(template, "AWS::CloudWatch::Alarm"):
                try:
                    alarm = Alarm.of(resource)
                except UnsupportedError as error:
                    others[str(error)].append(logical_id)
                    continue
                why_not = _why_not(alarm)
                if why_not:
                    others[why_not].append(alarm.name or logical_id)
                else:
                    alarms[str(alarm.name)] = alarm
        words = [f"{why}: nobody watches them ({len(names)})" for why, names in others.items()]
        return cls(alarms, words)


def templates(assembly: Path) -> dict[str, Template]:
    """The templates of an assembly's stacks, by the name of the stack."""
    manifest = json.loads((assembly / "manifest.json").read_text())
    return {
        artifact["properties"].get("stackName", artifact_id): json.loads(
            (assembly / artifact["properties"]["templateFile"]).read_text()
        )
        for artifact_id, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }


def _why_not(alarm: Alarm) -> str:
    """What of the alarm exists on AWS only; empty where nothing does."""
    if alarm.name is None:
        return "no CodeDeploy that would heed an alarm on a version"
    theirs = {m.namespace for m in alarm.metrics.values() if m.namespace.startswith("AWS/")}
    return f"no metrics of {' and '.join(sorted(theirs))} for alarms" if theirs else ""
