"""What cannot be evaluated."""

from shadow_runtime.contract import ShadowCanaryError


class UnsupportedError(ShadowCanaryError):
    """What stands in an alarm or a formula and is not understood here: by name, and where."""
