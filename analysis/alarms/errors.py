"""What cannot be evaluated."""


class UnsupportedError(ValueError):
    """What stands in an alarm or a formula and is not understood here: by name, and where."""
