"""Which side a user is on."""

from shadow_runtime import buckets
from shadow_runtime.contract import Position, Stage, Variant
from shadow_runtime.http import Request

HEADER = "x-shadow-canary"
"""A tester's wish, `control` or `candidate`; anybody else's is not heard."""


def variant(request: Request, position: Position, stage: Stage, *, route: str) -> Variant:
    """Who answers `request` at `stage`, which is the lower of ceiling and position.

    Users whom the flag names are on the side that it names, or that they wish for, from `canary`
    up to `live`: below, the candidate answers nobody, and `complete` has no control.
    """
    named = _named(request, position)
    if named is not None and Stage.SHADOW < stage < Stage.COMPLETE:
        return named
    drawn = buckets.is_in(request.user, stage.candidate_percent, route=route, purpose="canary")
    return Variant.CANDIDATE if drawn else Variant.CONTROL


def _named(request: Request, position: Position) -> Variant | None:
    named = None
    if request.user in position.control_users:
        named = Variant.CONTROL
    elif request.user in position.candidate_users:
        named = Variant.CANDIDATE
    wish = request.headers.get(HEADER)
    return Variant(wish) if named is not None and wish in set(Variant) else named
