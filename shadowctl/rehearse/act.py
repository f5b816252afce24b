"""One template's rehearsal, as numbers and as what machines read."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from analysis.rollout.rollout import Rollout
from analysis.simulation.curves import Curves
from analysis.simulation.rehearsal import Rehearsed


@dataclass(frozen=True, slots=True)
class Act:
    """What came of rehearsing the rollout of `source`, such as `this branch`; and its curves."""

    source: str
    rollout: Rollout
    rehearsed: Sequence[Rehearsed]
    curves: Sequence[Curves] = ()

    def as_json(self) -> dict[str, Any]:
        """For machines: names as in `Outcome`."""
        return {
            "source": self.source,
            "route": self.rollout.route,
            "traffic": asdict(self.rollout.traffic),
            "clean_up": self.rollout.clean_up.isoformat(),
            "canaries": [
                {
                    "canary": each.canary.title,
                    "setting": each.canary.setting,
                    **asdict(each.outcome),
                    "false_rollbacks": each.false_rollbacks,
                }
                for each in self.rehearsed
            ],
        }


def beside(acts: Sequence[Act]) -> list[tuple[int, Act, Rehearsed]]:
    """Each canary of each act, with its place: the same canary of all acts side by side.

    An act may lack one: where its ceiling is below the canary, no user meets the candidate.
    """
    most = max(len(act.rehearsed) for act in acts)
    return [
        (place, act, act.rehearsed[place])
        for place in range(most)
        for act in acts
        if place < len(act.rehearsed)
    ]
