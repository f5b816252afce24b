"""What tells the routes of an app apart."""

from weakref import WeakKeyDictionary

from aws_cdk import Stack, Stage
from constructs import Construct, IConstruct

from shadow_canary.metrics import outermost

_TAKEN: WeakKeyDictionary[IConstruct, dict[tuple[str, ...], str]] = WeakKeyDictionary()
"""By app: the path of the service that has a name, by all that makes it the same name."""


def check_own_name(service: Construct, route: str) -> None:
    """Refuses a name that is another route's: their alarms would be one, or even their metrics.

    The stack and the route make it, so that `item` of a stack `Orders-get` has the name of
    `get-item` of `Orders`. A nested stack has the name of the one around it.

    Raises:
        ValueError: both services, and the name.
    """
    stack, own = outermost(Stack.of(service)), service.node.path
    name = f"{stack.stack_name}-{route}"
    place = (str(getattr(Stage.of(service), "node", stack.node).path), stack.account, stack.region)
    other = _TAKEN.setdefault(service.node.root, {}).setdefault((*place, name), own)
    if other != own:
        raise ValueError(
            f"{other} and {own} would both name their alarms {name}, and what they measure; name "
            "the route, or the stack, otherwise"
        )
