"""Which side a user is on: sticky, whatever the percentage grows to."""

from hashlib import blake2b

from shadow_runtime.contract import Position, Stage, Variant

HEADER = "x-shadow-canary"
"""A tester's wish, `control` or `candidate`; anybody else's is not heard."""

_STEPS = 10_000  # of 0.01 percent


def variant(
    user: str, wish: str | None, position: Position, stage: Stage, *, route: str
) -> Variant:
    """Who answers `user` at the effective stage, which is the lower of ceiling and position.

    Users whom the flag names are on the side that it names, or that they wish for, from `canary`
    up to `live`: below, the candidate answers nobody, and `complete` has no control. Without a user
    control answers, as long as there is one.
    """
    if stage == Stage.COMPLETE:
        return Variant.CANDIDATE
    if not user or stage <= Stage.SHADOW:
        return Variant.CONTROL
    if named := _named(user, wish, position):
        return named
    drawn = is_in(user, stage.candidate_percent, route=route, purpose="canary")
    return Variant.CANDIDATE if drawn else Variant.CONTROL


def is_in(key: str, percent: float, *, route: str, purpose: str) -> bool:
    """Whether `key`, any string, belongs to `percent` of all keys; it does at every higher one.

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


def _named(user: str, wish: str | None, position: Position) -> Variant | None:
    named = None
    if user in position.control_users:
        named = Variant.CONTROL
    elif user in position.candidate_users:
        named = Variant.CANDIDATE
    return Variant(wish) if named and wish in set(Variant) else named
