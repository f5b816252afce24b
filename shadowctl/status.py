"""Where a route is, whether its alarms can act, and what its metrics prove of its candidate."""

from collections.abc import Iterator

import boto3

from judge import Tolerances, judge
from operations.counts import candidate_versions, counted
from operations.guards import Guards, objections
from shadowctl.route import Route


def status(
    route: Route,
    aws: boto3.Session,
    *,
    tolerances: Tolerances,
    version: str | None = None,
) -> Iterator[str]:
    """One line each: the stage, whether its guards can act, what one version's counts prove.

    `version` is the candidate's - the newest that a version of the route calls.
    """
    yield route.where()
    yield from guarded(route.guards())
    if ratio := route.sample_ratio():
        yield from filter(None, [ratio.objection, ratio.notice])
    asked = candidate_versions(aws.client("lambda"), route.function)
    judged = version or asked[0]
    found = counted(aws.client("cloudwatch"), route.name, version=judged)
    others = [each for each in asked if each != judged]
    beside = f"; {' and '.join(others)} answers beside it, and is not counted" if others else ""
    if found is None:
        yield f"version {judged} of the candidate was not asked yet{beside}"
        return
    yield f"since version {judged} of the candidate was first asked, {found.begun}{beside}:"
    yield f"{found.classes}, of {found.counts.hours} hours"
    yield from judge(found.counts, tolerances).message.splitlines()


def guarded(guards: Guards) -> Iterator[str]:
    """What keeps people from being moved to the candidate, or that nothing of the alarms does."""
    found = objections(guards)
    yield from found
    if not found:
        yield f"none of the {len(guards.names)} exposure alarms is in ALARM, and each can act"
    if guards.muted_by is None:
        yield "CloudWatch knows no mute rules here, so that none mutes an alarm"
