"""What a template lacks."""


class RolloutError(ValueError):
    """A template does not say all that a rollout is: what is missing, and where."""
