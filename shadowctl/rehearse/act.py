"""One template's rehearsal, as numbers and as what machines read."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shadowctl.rehearse.curves import Curves
from shadowctl.rehearse.rehearsal import Rehearsed
from shadowctl.rollout.rollout import Rollout


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
