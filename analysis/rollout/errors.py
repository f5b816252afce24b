"""What a template lacks."""

from shadow_runtime.contract import ShadowCanaryError


class RolloutError(ShadowCanaryError):
    """A template does not say all that a rollout is: what is missing, and where."""
