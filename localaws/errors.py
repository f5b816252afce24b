"""What goes wrong around the embedded AWS."""

from shadow_runtime.contract import ShadowCanaryError


class LocalError(ShadowCanaryError):
    """One clear line for a person: what is wrong, and what to do."""
