"""Sticky buckets: who is in at p percent is in at every higher p."""

from hashlib import blake2b

_STEPS = 10_000  # of 0.01 percent


def is_in(key: str, percent: float, *, route: str, purpose: str) -> bool:
    """Whether `key`, any string, belongs to `percent` of all keys.

    Route and purpose salt the hash: one route's canary says nothing about another's, and a
    route's canary nothing about which of its requests are shadowed.

    Example:
        >>> is_in("ada", 100, route="get-user", purpose="canary")
        True
    """
    return _bucket(key, route, purpose) < round(percent * 100)


def _bucket(key: str, route: str, purpose: str) -> int:
    text = f"{route}\0{purpose}\0{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") % _STEPS
