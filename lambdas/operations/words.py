"""What people are told: what happened, what was done, what to look at."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from operations.cleanup import CleanedUp
from operations.rollback import RolledBack
from shadow_runtime.contract import POLL_INTERVAL, Variable
from shadow_runtime.settings import settings


@dataclass(frozen=True, slots=True)
class Words:
    """A message to people; `subject` is ASCII and at most 100 characters, as SNS wants it."""

    subject: str
    text: str


def of_rollback(done: RolledBack, says: str, versions: Mapping[str, float]) -> Words:
    """On a rollback; `says` is the alarm's description."""
    if done.changed:
        subject = f"{settings().route}: users are back on control"
        did = (
            f"The flag went from {done.before} to off, all at once; within {POLL_INTERVAL} seconds "
            "control answers everybody."
        )
    else:
        subject = f"{settings().route}: another alarm, the flag is off already"
        did = "Nothing: the flag was at off already."
    served = ", ".join(f"{version} ({100 * share:g} %)" for version, share in versions.items())
    return _words(
        subject,
        happened=f"{says}\n{done.alarm} turned red at {done.at}.\n{done.reason}",
        did=did,
        look=f"Versions of the route at that time: {served or 'unknown'}. Nothing can be raised "
        "while the alarm is red; then start again from shadow.",
    )


def of_clean_up(done: CleanedUp) -> Words:
    """On a clean-up."""
    if done.outcome == "deprecated":
        happened = "The time of this migration is over, and it is complete."
        look = "Make the candidate the only code, and delete the construct from the stack."
    else:
        happened = "The time of this migration is over, and it is not complete."
        look = "Give it a new launch in its stack, or delete it."
    did = {
        ("deprecated", True): "The flag was marked as deprecated, and serves on.",
        ("deprecated", False): "Nothing: the flag was marked as deprecated before.",
        ("off", True): "The flag went to off: control answers everybody.",
        ("off", False): "Nothing: the flag was at off already.",
    }[done.outcome, done.changed]
    return _words(f"{settings().route}: clean-up", happened=happened, did=did, look=look)


def _words(subject: str, *, happened: str, did: str, look: str) -> Words:
    region = os.environ["AWS_REGION"]
    dashboard = (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#dashboards/dashboard/{os.environ[Variable.DASHBOARD]}"
    )
    return Words(
        subject,
        f"What happened\n{happened}\n\nWhat was done\n{did}\n\n"
        f"What to look at\n{look}\n{dashboard}\n",
    )
