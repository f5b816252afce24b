"""What the judge is given: what was counted, and how much is tolerated."""

from dataclasses import dataclass

from judge.bounds import check_alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted of one version at one stage.

    Attributes:
        pairs: answers that were compared with the other side's.
        mismatches: those of them that differ, or that the candidate alone failed to give.
        noise_pairs: answers of control that were compared with control's own; none where control
            is not repeatable.
        noise: those of them that differ.
        candidate_requests: requests of users that the candidate was asked.
        candidate_faults: those of them that it failed, or answered too late.
        control_requests: requests of users that control was asked.
        control_faults: those of them that it failed.

    Example:
        >>> Counts(pairs=4_000, mismatches=3).noise_pairs
        0

    Raises:
        ValueError: a negative count, or more bad ones than there are.
    """

    pairs: int = 0
    mismatches: int = 0
    noise_pairs: int = 0
    noise: int = 0
    candidate_requests: int = 0
    candidate_faults: int = 0
    control_requests: int = 0
    control_faults: int = 0

    def __post_init__(self) -> None:
        for bad, total in (
            ("mismatches", "pairs"),
            ("noise", "noise_pairs"),
            ("candidate_faults", "candidate_requests"),
            ("control_faults", "control_requests"),
        ):
            if not 0 <= getattr(self, bad) <= getattr(self, total):
                raise ValueError(
                    f"{bad} are some of the {total}, from none to all; got "
                    f"{bad}={getattr(self, bad)!r} and {total}={getattr(self, total)!r}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How much worse than control the candidate may be, and how often the judge may err.

    Attributes:
        mismatch_percent: share of the pairs that may differ, over control's own noise - 0.1.
        fault_percent: share of its requests that the candidate may fail, over control's - 1.
        alpha: the chance that a finding is ever wrong, however often one looks - 0.05.

    Example:
        >>> Tolerances(mismatch_percent=0.01).alpha
        0.05

    Raises:
        ValueError: what is no percentage, or no chance.
    """

    mismatch_percent: float = 0.1
    fault_percent: float = 1
    alpha: float = 0.05

    def __post_init__(self) -> None:
        for name in ("mismatch_percent", "fault_percent"):
            if not 0 < getattr(self, name) < 100:
                raise ValueError(
                    f"{name} is a percentage over 0 and under 100, such as 0.1; "
                    f"got {getattr(self, name)!r}"
                )
        check_alpha(self.alpha)
