"""Names that would break something silently if the two sides spelled them differently."""

from enum import StrEnum

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


class Variant(StrEnum):
    """Who answered."""

    CONTROL = "control"
    CANDIDATE = "candidate"


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
    DATABASE_SECRET = "SHADOW_CANARY_DATABASE_SECRET"  # noqa: S105 - a name
    MASKING_KEY = "SHADOW_CANARY_MASKING_KEY"
    FUNCTION = "SHADOW_CANARY_FUNCTION"
    VERSION = "SHADOW_CANARY_VERSION"  # the newest of the route, by ARN
    EXPOSURE_ALARMS = "SHADOW_CANARY_EXPOSURE_ALARMS"  # names, separated by commas
    TOPIC = "SHADOW_CANARY_TOPIC"
    DASHBOARD = "SHADOW_CANARY_DASHBOARD"


class MetricName(StrEnum):
    """Metrics in `NAMESPACE`, written as EMF; counts unless said otherwise."""

    REQUESTS = "Requests"
    FAULTS = "Faults"
    LATENCY = "Latency"  # milliseconds
    FALLBACKS = "Fallbacks"
    TIMEOUTS = "Timeouts"
    SHORT_CIRCUITED = "ShortCircuited"
    TEE_SKIPPED = "TeeSkipped"
    TEE_FAILED = "TeeFailed"
    FLAG_AGE = "FlagAge"  # seconds
    STAGE = "Stage"  # rank of the stage that acts: 0 is off, 4 is complete
    CANDIDATE_PERCENT = "CandidatePercent"  # of the users, at that stage
    COMPARED = "Compared"
    MISMATCHED = "Mismatched"
    CANDIDATE_ERRORS = "CandidateErrors"
    NOISE_COMPARED = "NoiseCompared"
    NOISE = "Noise"
    COPIES_DROPPED = "CopiesDropped"
    SHADOW_LATENCY = "ShadowLatency"  # milliseconds
    SHADOW_LAG = "ShadowLag"  # milliseconds from the answer to the comparison
    CLEANUPS = "Cleanups"
    ROLLBACKS = "Rollbacks"


class Dimension(StrEnum):
    """Dimensions of those metrics."""

    ROUTE = "Route"
    VARIANT = "Variant"
    VERSION = "Version"
    OUTCOME = "Outcome"
    PATH = "Path"
    EXPOSED = "Exposed"  # "true" while the candidate may answer users: from stage canary on


class Action(StrEnum):
    """What the operations function can be asked to do."""

    CLEANUP = "cleanup"
    ROLLBACK = "rollback"
