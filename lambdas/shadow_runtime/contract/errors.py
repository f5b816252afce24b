"""What every expected failure is."""


class ShadowCanaryError(Exception):
    """An expected failure: its message says what was found and what to do."""
