"""What cannot be rehearsed."""


class RehearsalError(ValueError):
    """What was asked for and cannot be played: what, and why."""
