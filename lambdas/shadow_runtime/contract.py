"""Every name and value that synthesis and run time share. Standard library only.

The flag's schema is AppConfig's own:
https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

NAMESPACE = "ShadowCanary"
"""CloudWatch namespace of every metric of ours."""

FLAG_KEY = "migration"
"""Key of the one flag in a route's AppConfig profile."""

ALIAS = "live"
"""The alias through which users reach a route."""

POLL_INTERVAL = 15
"""Seconds between polls, the least that AppConfig allows; its own answer may ask for more."""

CONTROL_NEEDS_MS = 1_000
"""Left of the invocation for control, should the candidate miss its deadline."""

CLEAN_UP_DAYS = 7
"""So many days does a clean-up that can prove nothing look again, one time a day."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods of requests that change nothing, so that either side may answer them, or both.

https://www.rfc-editor.org/rfc/rfc9110#name-safe-methods
"""

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""Where people look, by partition."""


class Variant(StrEnum):
    """Who answered."""

    CONTROL = "control"
    CANDIDATE = "candidate"

    @property
    def other(self) -> "Variant":
        """The side that did not."""
        return Variant.CANDIDATE if self is Variant.CONTROL else Variant.CONTROL


class Variable(StrEnum):
    """Environment variables: set by the construct, read by the functions."""

    ROUTE = "SHADOW_CANARY_ROUTE"
    ROUTE_PACKAGE = "SHADOW_CANARY_ROUTE_PACKAGE"
    CEILING = "SHADOW_CANARY_CEILING"
    FLAG_APPLICATION = "SHADOW_CANARY_FLAG_APPLICATION"
    FLAG_ENVIRONMENT = "SHADOW_CANARY_FLAG_ENVIRONMENT"
    FLAG_PROFILE = "SHADOW_CANARY_FLAG_PROFILE"
    RAISE_STRATEGY = "SHADOW_CANARY_RAISE_STRATEGY"
    LOWER_STRATEGY = "SHADOW_CANARY_LOWER_STRATEGY"
    CANDIDATE = "SHADOW_CANARY_CANDIDATE"
    CANDIDATE_DEADLINE_MS = "SHADOW_CANARY_CANDIDATE_DEADLINE_MS"
    SHADOW = "SHADOW_CANARY_SHADOW"
    DATABASE_PARAMETER = "SHADOW_CANARY_DATABASE_PARAMETER"  # of SSM; it names the secret
    MASKING_KEY = "SHADOW_CANARY_MASKING_KEY"
    FUNCTION = "SHADOW_CANARY_FUNCTION"
    VERSION = "SHADOW_CANARY_VERSION"  # the newest of the route, by ARN
    EXPOSURE_ALARMS = "SHADOW_CANARY_EXPOSURE_ALARMS"  # names, one a line
    USERS = "SHADOW_CANARY_USERS"  # of an ordinary day
    RAMP = "SHADOW_CANARY_RAMP"  # as JSON; empty where there is none
    TOPIC = "SHADOW_CANARY_TOPIC"
    DASHBOARD = "SHADOW_CANARY_DASHBOARD"  # its name; empty where there is none
    DRILL = "SHADOW_CANARY_DRILL"  # "true" where a drill may fail the candidate
    DATASET = "SHADOW_CANARY_DATASET"  # `<stack>/<name>`; empty where a route has none
    DATASET_PACKAGE = "SHADOW_CANARY_DATASET_PACKAGE"
    DATASET_TABLE = "SHADOW_CANARY_DATASET_TABLE"  # of the register and the marks
    DATASET_QUEUE = "SHADOW_CANARY_DATASET_QUEUE"  # of the intents: its URL
    DATASET_DEAD_LETTERS = "SHADOW_CANARY_DATASET_DEAD_LETTERS"  # their URL
    DATASET_FUNCTION = "SHADOW_CANARY_DATASET_FUNCTION"  # what takes the commands, by ARN


class MetricName(StrEnum):
    """Metrics in `NAMESPACE`, written as EMF; counts unless said otherwise."""

    REQUESTS = "Requests"
    FAULTS = "Faults"
    FAILED = "Failed"  # by version: what a user saw fail, or control answered for the candidate
    LATENCY = "Latency"  # milliseconds
    FALLBACKS = "Fallbacks"
    TIMEOUTS = "Timeouts"
    SHORT_CIRCUITED = "ShortCircuited"
    STOOD_IN = "StoodIn"  # control answered for the candidate: what it alone failed
    UNKEYED = "Unkeyed"  # requests without a user key: control answered
    WRITES = "Writes"  # requests that may change data, by their method
    TEE_SKIPPED = "TeeSkipped"
    TEE_FAILED = "TeeFailed"
    FLAG_AGE = "FlagAge"  # seconds, where it is over a minute
    UNREAD = "Unread"  # control answered because the environment never read a flag
    STAGE = "Stage"  # rank of the effective stage, when it changes: 0 is off, 4 is complete
    CANDIDATE_PERCENT = "CandidatePercent"  # of the users, at that stage, when it changes
    COPIES_SENT = "CopiesSent"  # each ends compared, dropped, or lost by Lambda
    COMPARED = "Compared"  # pairs of answers: control's is no failure
    EMPTY = "Empty"  # pairs in which control answered nothing: no body, null, [], {}
    REFUSED = "Refused"  # pairs in which control answered 4xx
    MISMATCHED = "Mismatched"  # pairs that differ, confirmed at a second sight
    FIRST_SIGHT = "FirstSight"  # pairs that differed once, and are not confirmed
    UNSETTLED = "Unsettled"  # those of them of which a second sight did not decide
    CANDIDATE_ERRORS = "CandidateErrors"  # pairs in which the candidate failed
    WRONG = "Wrong"  # both of them
    CONTROL_ERRORS = "ControlErrors"  # copies of what the candidate answered, and control failed
    NOISE = "Noise"  # pairs in which control, asked again, differs from itself or fails, alone
    BOTH_DIFFER = "BothDiffer"  # pairs in which the candidate differs, and control from itself too
    COPIES_LOST = "CopiesLost"  # skipped, failed or dropped; not what Lambda loses
    COPIES_DROPPED = "CopiesDropped"  # for one of the reasons that follow
    LATE = "Late"  # the side that ran was not ready by its deadline
    MALFORMED = "Malformed"  # no copy of a route
    WITHHELD = "Withheld"  # lacked what a side needed
    SIDE_FAILED = "SideFailed"  # control failed, or a side could not be run
    UNDECIDED = "Undecided"  # the comparison's budget ended first
    EXPIRED = "Expired"  # over a minute old
    DUPLICATE = "Duplicate"  # delivered again: the copy has its one end, so it is no dropped one
    ADVANCES = "Advances"  # steps that the ramp took
    CLEANUPS = "Cleanups"
    ROLLBACKS = "Rollbacks"
    UNRECONCILED = "Unreconciled"  # by dataset: keys of which no intent could be sent
    DIRTY_READS = "DirtyReads"  # by dataset: reads that the authority answered for a side behind
    REPAIRED = "Repaired"  # by dataset: keys that the reconciler made equal
    FOLLOWER_LAG = "FollowerLag"  # by dataset, seconds from an intent to its reconciliation


DROPPED = (
    MetricName.LATE,
    MetricName.MALFORMED,
    MetricName.WITHHELD,
    MetricName.SIDE_FAILED,
    MetricName.UNDECIDED,
    MetricName.EXPIRED,
)
"""Why a copy ended without a comparison; together they are `COPIES_DROPPED`."""


MOST_NOISY_PATHS = 20
"""Paths that are counted one by one: each is a metric of its own, and is paid for."""

ASKED_AGAIN = (1.0, 0.1, 0.01, 0.001)
"""Shares of the pairs in which control is asked again, whatever the candidate answered."""


class Dimension(StrEnum):
    """Dimensions of those metrics."""

    ROUTE = "Route"
    VARIANT = "Variant"
    VERSION = "Version"
    OUTCOME = "Outcome"
    PATH = "Path"
    CANDIDATE_VERSION = "CandidateVersion"  # whose answers were asked for, or compared
    ASKED_AGAIN = "AskedAgain"  # the share in which control is: `1`, `0.1`...; `0` where it may not
    EXPOSED = "Exposed"  # "true" while the candidate may answer users: from stage canary on
    DATASET = "Dataset"  # `<stack>/<name>`, alone


class Action(StrEnum):
    """What the operations function can be asked to do."""

    CHECK = "check"
    CLEANUP = "cleanup"
    RAMP = "ramp"
    REARM = "rearm"  # the clean-up's look on the days after
    ROLLBACK = "rollback"


class ShadowCanaryError(Exception):
    """An expected failure: its message says what was found and what to do."""


STAGE_NAMES = ("off", "shadow", "canary", "live", "complete")
_CANARY = STAGE_NAMES.index("canary")
_TEXT = re.compile(r"canary\((?P<percent>\d+(?:\.\d+)?)%\)")


@dataclass(frozen=True, order=True, slots=True)
class Stage:
    """How many users the candidate may answer: `off < shadow < canary(p %) < live < complete`.

    `percent` is the share of users on the candidate in a canary, in steps of 0.01; 0 elsewhere.

    Example:
        >>> min(Stage.canary(percent=1), Stage.LIVE)
        canary(1%)

    Raises:
        ValueError: a percentage that is not over 0 and at most 100, or finer than 0.01.
    """

    OFF: ClassVar[Self]
    SHADOW: ClassVar[Self]
    LIVE: ClassVar[Self]
    COMPLETE: ClassVar[Self]

    rank: int
    percent: float = 0.0

    @classmethod
    def canary(cls, *, percent: float) -> Self:
        """The candidate answers `percent` of the users, always the same ones."""
        if not 0 < percent <= 100:
            raise ValueError(
                f"a canary takes over 0 and at most 100 percent of the users, got {percent!r}; "
                "for none use Stage.SHADOW, for all use Stage.LIVE"
            )
        if round(percent, 2) != percent:
            raise ValueError(f"a canary moves in steps of 0.01 percent, got {percent!r}")
        return cls(_CANARY, float(percent))

    @classmethod
    def of(cls, name: str, *, percent: float = 0.0) -> Self:
        """The stage called `name`; `percent` counts for `canary` only."""
        if name not in STAGE_NAMES:
            raise ValueError(f"unknown stage {name!r}; one of {', '.join(STAGE_NAMES)}")
        return cls.canary(percent=percent) if name == "canary" else cls(STAGE_NAMES.index(name))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The stage whose `str` is `text`, such as `live` or `canary(2.5%)`."""
        match = _TEXT.fullmatch(text)
        return cls.canary(percent=float(match["percent"])) if match else cls.of(text)

    @property
    def name(self) -> str:
        """The name in the flag: `off`, `shadow`, `canary`, `live` or `complete`."""
        return STAGE_NAMES[self.rank]

    @property
    def candidate_percent(self) -> float:
        """The share of users whom the candidate answers: 0 up to `shadow`, 100 from `live` on."""
        return self.percent if self.rank == _CANARY else 100.0 * (self.rank > _CANARY)

    @property
    def answers(self) -> str:
        """Who answers the users, in words."""
        return _ANSWERS[self.rank].format(f"{self.percent:g} %")

    def __str__(self) -> str:
        return f"canary({self.percent:g}%)" if self.rank == _CANARY else self.name

    __repr__ = __str__


_ANSWERS = (
    "control answers everybody",
    "control answers everybody; the candidate is compared unseen",
    "the candidate answers {} of the users, control all others",
    "the candidate answers everybody; control stands in where it fails",
    "the candidate answers everybody, alone",
)

Stage.OFF = Stage.of("off")
Stage.SHADOW = Stage.of("shadow")
Stage.LIVE = Stage.of("live")
Stage.COMPLETE = Stage.of("complete")


class FlagError(ShadowCanaryError, ValueError):
    """The flag cannot be read: what was found, and what was expected."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the flag says the route is.

    `shadow_percent` is the share of requests that are copied to the candidate, 0 to 100.
    `candidate_users` and `control_users` are answered by that side whatever their bucket says, from
    stage `canary` on. Until `record_until`, in seconds since 1970, the requests that are copied are
    written to the shadow's log, masked.

    Example:
        >>> Position.read({"enabled": True, "stage": "canary", "canary_percent": 2,
        ...                "shadow_percent": 50})
        Position(stage=canary(2%), shadow_percent=50.0, candidate_users=(), control_users=(), \
record_until=0.0)
    """

    OFF: ClassVar[Self]

    stage: Stage
    shadow_percent: float = 100.0
    candidate_users: tuple[str, ...] = ()
    control_users: tuple[str, ...] = ()
    record_until: float = 0.0

    @classmethod
    def read(cls, values: object) -> Self:
        """The position in one flag's values, as AppConfig serves them.

        A disabled flag is `off`: the console's toggle is a kill switch. A canary of 0 % is
        `shadow`.

        Raises:
            FlagError: no known stage, a percentage out of range, users that are no strings.
        """
        if not isinstance(values, Mapping):
            raise FlagError(f"the flag must be an object, got {values!r}")
        enabled = values.get("enabled")
        if enabled is False:
            return cls(Stage.OFF)
        if enabled is not True:
            raise FlagError(f"enabled must be true or false, got {enabled!r}")
        name, canary = str(values.get("stage")), _percentage(values, "canary_percent")
        if name == "canary" and canary == 0:  # a person who writes 0 means nobody
            name = "shadow"
        try:
            stage = Stage.of(name, percent=canary)
        except ValueError as error:
            raise FlagError(str(error)) from error
        return cls(
            stage,
            _percentage(values, "shadow_percent"),
            _users(values, "candidate_users"),
            _users(values, "control_users"),
            _moment(values.get("record_until")),
        )

    def values(self) -> dict[str, Any]:
        """The flag's values that `read` turns back into this position."""
        return {
            "enabled": True,
            "stage": self.stage.name,
            "canary_percent": self.stage.percent,
            "shadow_percent": self.shadow_percent,
            "candidate_users": [*self.candidate_users],
            "control_users": [*self.control_users],
            "record_until": self.record_until,
        }


Position.OFF = Position(Stage.OFF)


def flag_document(position: Position) -> dict[str, Any]:
    """The whole hosted document at `position`, with the constraints that AppConfig enforces.

    What else it says is for those who move it: whether the ramp pauses, and the reason of the last
    move that overrode the transitions.
    """
    percentage = {"type": "number", "minimum": 0, "maximum": 100, "required": True}
    users = {"type": "array", "elements": {"type": "string"}}
    return {
        "version": "1",
        "flags": {
            FLAG_KEY: {
                "name": FLAG_KEY,
                "attributes": {
                    "stage": {
                        "constraints": {"type": "string", "enum": [*STAGE_NAMES], "required": True}
                    },
                    "canary_percent": {"constraints": percentage},
                    "shadow_percent": {"constraints": percentage},
                    "candidate_users": {"constraints": users},
                    "control_users": {"constraints": users},
                    "record_until": {"constraints": {"type": "number", "minimum": 0}},
                    "paused": {"constraints": {"type": "boolean"}},
                    "override": {"constraints": {"type": "string"}},
                },
            }
        },
        "values": {FLAG_KEY: {**position.values(), "paused": False, "override": ""}},
    }


def _percentage(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise FlagError(f"{name} must be a number from 0 to 100, got {value!r}")
    return float(value)


def _moment(value: object) -> float:
    """Seconds since 1970; 0 for what is none, so that nobody's requests are written for it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value)


def _users(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    users = values.get(name, [])
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        raise FlagError(f"{name} must be a list of user ids, got {users!r}")
    return tuple(users)
