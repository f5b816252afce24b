"""What a route is used for, by how many."""

from dataclasses import dataclass
from typing import Self

from aws_cdk import CfnResource
from constructs import IConstruct

from shadow_runtime.contract import EXPECTED_TRAFFIC

_MINUTES_A_DAY = 1_440
_FIRST_PERCENT = 1


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests that a route expects. Decides the windows of its alarms, and what they can see.

    Example:
        >>> Traffic.per_day(1_440_000, users=60_000).a_minute
        1000.0

    Raises:
        ValueError: no requests, or no users.
    """

    a_day: float
    users: int

    def __post_init__(self) -> None:
        if not 0 < self.a_day < float("inf"):
            raise ValueError(
                "expected_traffic needs the requests of an ordinary day, such as "
                f"Traffic.per_day(100_000, users=5_000); got {self.a_day!r}"
            )
        if self.users < 1:
            raise ValueError(
                "expected_traffic needs the users of an ordinary day, 1 or more: a canary takes a "
                f"share of them; got users={self.users!r}"
            )

    @classmethod
    def per_day(cls, requests: float, *, users: int) -> Self:
        """So many requests on an ordinary day, by so many users."""
        return cls(requests, users)

    def note_on(self, construct: IConstruct) -> None:
        """Writes it into the template, for who reads that: a rehearsal, a plan, a reviewer."""
        resource = construct.node.default_child
        assert isinstance(resource, CfnResource)  # noqa: S101 - tells mypy what the L2 makes
        resource.add_metadata(EXPECTED_TRAFFIC, {"requests_a_day": self.a_day, "users": self.users})

    @property
    def a_minute(self) -> float:
        """Requests in a minute, on the average of a day."""
        return self.a_day / _MINUTES_A_DAY

    def of_first_users(self, most_percent: float) -> float:
        """Requests in a minute that the candidate gets when its canary begins.

        With 1 % of the users, or with `most_percent` where the ceiling is that low.
        """
        percent = min(_FIRST_PERCENT, most_percent) or _FIRST_PERCENT
        return self.a_minute * percent / 100
