"""The embedded AWS and the embedded PostgreSQL, with every stack deployed: no account, no cost."""

from shadow_runtime.contract import ShadowCanaryError


class LocalError(ShadowCanaryError):
    """One clear line for a person: what is wrong, and what to do."""
