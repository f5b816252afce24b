"""What somebody can reach who could not before: routes, URLs, networks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Self

from analysis.template import Resource, words
from shadowctl.review.findings import Change, Finding, Kind, members
from shadowctl.review.markdown import code

_OPEN = ("NONE", None)


def route(change: Change) -> Iterator[Finding]:
    """A route or method that anybody may call, or that another authorizer guards."""
    after = change.after
    if after is None:
        return
    named = words(after.get("RouteKey") or after.get("HttpMethod") or after.get("FieldName") or "")
    name = f"{code(named)} ({code(change.logical_id)})"
    if after.get("AuthorizationType") in _OPEN and after.get("HttpMethod") != "OPTIONS":
        was = words(change.before.get("AuthorizationType") or "NONE") if change.before else "new"
        if was != "NONE":
            key = " behind an API key alone" if after.get("ApiKeyRequired") is True else ""
            yield Finding(Kind.PUBLIC, f"{name} needs no authorization{key} (before: {code(was)})")
    elif change.before:
        for each in ("AuthorizationType", "AuthorizerId"):
            moved = change.moved(each)
            if moved and moved[0] not in _OPEN:
                yield Finding(Kind.PUBLIC, f"{name} has another {code(each)}: {_to(moved)}")
        # A token needs one of them: one more lets in more.
        before, now = map(members, change.moved("AuthorizationScopes") or (None, None))
        if before and (not now or {*map(words, now)} - {*map(words, before)}):
            yield Finding(Kind.PUBLIC, f"{name} takes other scopes: {_to((before, now or None))}")


def function_url(change: Change) -> Iterator[Finding]:
    """A URL of a function that answers anybody, or pages of any origin."""
    after = change.after
    if after is None:
        return
    name = f"the function URL {code(change.logical_id)}"
    if after.get("AuthType") != "AWS_IAM" and change.moved("AuthType"):
        yield Finding(
            Kind.PUBLIC,
            f"{name} answers **anybody** (AuthType {code(words(after.get('AuthType')))})",
        )
    yield from _origins(change, name, "Cors")


def api(change: Change) -> Iterator[Finding]:
    """An API whose answers pages of more origins may read."""
    yield from _origins(change, f"the API {code(change.logical_id)}", "CorsConfiguration")


def _origins(change: Change, name: str, where: str) -> Iterator[Finding]:
    before, now = map(members, change.moved(where, "AllowOrigins") or (None, None))
    more = {*map(words, now)} - {*map(words, before)}
    if more:
        yield Finding(
            Kind.PUBLIC, f"{name} is open to pages of {', '.join(map(code, sorted(more)))}"
        )


def authorizer(change: Change) -> Iterator[Finding]:
    """Any change of who decides who may call."""
    if change.before is None:
        return
    name = f"the authorizer {code(change.logical_id)}"
    if change.after is None:
        yield Finding(Kind.PUBLIC, f"{name} is removed")
        return
    properties = {*change.before.properties, *change.after.properties}
    for each in sorted(properties):
        if moved := change.moved(each):
            yield Finding(Kind.PUBLIC, f"{name} has another {code(each)}: {_to(moved)}")


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one rule of a security group or network ACL lets through."""

    protocol: str
    ports: tuple[int, int]
    peer: str

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> Self:
        """As CloudFormation describes one."""
        protocol = words(rule.get("IpProtocol", rule.get("Protocol", "-1")))
        peer = next(
            (words(value) for name, value in sorted(rule.items()) if name in _PEERS), "nobody"
        )
        ports = rule.get("PortRange") or {"From": rule.get("FromPort"), "To": rule.get("ToPort")}
        every = protocol == "-1" or None in ports.values()
        try:
            ends = (0, 65_535) if every else (int(ports["From"]), int(ports["To"]))
        except (TypeError, ValueError):
            ends = (0, 65_535)
        return cls(protocol, (0, 65_535) if ends == (-1, -1) else ends, peer)

    def includes(self, other: Self) -> bool:
        """Whether all that the other lets through, this does."""
        return (
            self.protocol in ("-1", other.protocol)
            and self.ports[0] <= other.ports[0]
            and other.ports[1] <= self.ports[1]
            and (self.peer == other.peer or _is_inside(other.peer, self.peer))
        )

    def __str__(self) -> str:
        first, last = self.ports
        named = "all protocols" if self.protocol == "-1" else self.protocol
        return f"{named} {first}" + (f"-{last}" if last != first else "")


_PEERS = (
    *("CidrIp", "CidrIpv6", "CidrBlock", "Ipv6CidrBlock", "SourceSecurityGroupId"),
    *("SourceSecurityGroupName", "SourcePrefixListId", "DestinationSecurityGroupId"),
    "DestinationPrefixListId",
)


def _is_inside(small: str, big: str) -> bool:
    try:
        one, other = ip_network(small, strict=False), ip_network(big, strict=False)
    except ValueError:
        return False
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


def security_group(change: Change) -> Iterator[Finding]:
    """Rules within a group that let more in or out."""
    for kind, way in {"SecurityGroupIngress": "in from", "SecurityGroupEgress": "out to"}.items():
        before, after = map(members, change.moved(kind) or (None, None))
        yield from _more(change, way, before, after)


def security_group_rule(change: Change) -> Iterator[Finding]:
    """A rule beside its group."""
    way = "in from" if change.type.endswith("Ingress") else "out to"
    rules = [[each.properties] if each else [] for each in (change.before, change.after)]
    yield from _more(change, way, rules[0], rules[1])


def network_acl(change: Change) -> Iterator[Finding]:
    """An entry of a network ACL that lets more through, or no longer keeps something out."""
    rules = [
        [each.properties] if each and each.get("RuleAction") == "allow" else []
        for each in (change.before, change.after)
    ]
    yield from _more(change, "through, of", rules[0], rules[1])
    if change.before and change.before.get("RuleAction") == "deny":
        yield Finding(Kind.NETWORK, f"{code(change.logical_id)} no longer denies what it did")


def _more(change: Change, way: str, before: Any, after: Any) -> Iterator[Finding]:
    had = [Traffic.of(rule) for rule in before]
    for rule in after:
        traffic = Traffic.of(rule)
        if not any(each.includes(traffic) for each in had):
            said = f"lets {code(traffic)} {way} {code(traffic.peer)}"
            is_narrow = not change.before and traffic.peer not in ("0.0.0.0/0", "::/0")
            yield Finding(Kind.NETWORK, f"{code(change.logical_id)} {said}", is_narrow)


def network_route(change: Change) -> Iterator[Finding]:
    """A way to the internet or to another network."""
    after = change.after
    ways = (
        "GatewayId",
        "EgressOnlyInternetGatewayId",
        "VpcPeeringConnectionId",
        "TransitGatewayId",
    )
    for each in ways if after else ():
        if (moved := change.moved(each)) and moved[1] is not None:
            to = words(_destination(after))
            yield Finding(
                Kind.NETWORK,
                f"{code(change.logical_id)} leads {code(to)} through {code(words(moved[1]))}",
            )


def _destination(resource: Resource | None) -> Any:
    names = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return next((value for n in names if resource and (value := resource.get(n))), "everything")


def _to(moved: tuple[Any, Any]) -> str:
    before, after = ("nothing" if each is None else words(each) for each in moved)
    return f"{code(before)} → {code(after)}"
