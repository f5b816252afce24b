"""What cannot be rehearsed."""

from shadow_runtime.contract import ShadowCanaryError


class RehearsalError(ShadowCanaryError):
    """What was asked for and cannot be played: what, and why."""
