"""What operations did, for machines and for people."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import boto3

from judge import Outcome
from operations.actions import CleanedUp, RolledBack
from operations.clean_up import Ending
from operations.ramp import Ticked
from operations.settings import OperationsSettings
from shadow_runtime.contract import CONSOLES, POLL_INTERVAL, Action, MetricName, Stage
from shadow_runtime.telemetry import Measurements, logger


@dataclass(frozen=True, slots=True)
class Message:
    """A message to people; `subject` is ASCII and at most 100 characters, as SNS wants it.

    Example:
        >>> done = CleanedUp("off", changed=False, pruned=0, stage="off", day=0, lacks=(),
        ...                  reason="there is nothing to prove", deployment="", again="")
        >>> clean_up_message("get-user", done).subject
        'get-user: clean-up, at off'
    """

    subject: str
    happened: str
    did: str
    look: str

    def text(self, link: str) -> str:
        """The body, with a link to the dashboard, or to the alarms where there is none."""
        return (
            f"What happened\n{self.happened}\n\nWhat was done\n{self.did}\n\n"
            f"What to look at\n{self.look}\n{link}\n"
        )


def rollback_message(route: str, done: RolledBack, versions: Mapping[str, float]) -> Message:
    """On a rollback; `versions` are the shares of the route's."""
    if done.changed:
        subject = f"{route}: users are back on control"
        did = (
            f"The flag went to off, all at once: {Stage.OFF.answers}, in each execution "
            f"environment {POLL_INTERVAL} seconds later, after one more request.\n"
            f"{done.deployment}"
        )
    else:
        subject = f"{route}: in ALARM, and the flag is off already"
        did = f"Nothing: the flag was at off already.\n{done.deployment}".rstrip()
    unheard, stack = "" if done.by_message else _UNHEARD, route.partition("/")[0]
    served = ", ".join(f"{version} ({100 * share:g} %)" for version, share in versions.items())
    return Message(
        subject,
        happened=f"{done.alarm_says}\n{done.alarm} is in ALARM since {done.at}.{unheard}\n"
        f"{done.reason}",
        did=did,
        look=f"Versions of the route at that time: {served or 'unknown'}. Start again from "
        "shadow; nobody can be exposed while the guard is in ALARM. Next: "
        f"{', '.join(f'`shadowctl {verb} {stack}`' for verb in ('status', 'traces', 'diffs'))}.",
    )


_UNHEARD = (
    " No message of it had arrived: the check of the states, every five minutes, found it. Its "
    "actions may be muted or disabled, or the way through the topic be broken; `shadowctl status` "
    "says which."
)


def ramp_message(route: str, done: Ticked) -> Message:
    """On a step of the ramp, up or back to `off`."""
    seen = "\n".join(f"{name}: {value}" for name, value in done.evidence.items())
    if done.outcome == Outcome.ADVANCE:
        return Message(
            f"{route}: the ramp goes to {done.to}",
            happened=f"{done.why}.\n{seen}",
            did=f"The flag goes to {done.to}, over ten minutes.",
            look="Nothing, if that is as you want it. `shadowctl pause` holds the ramp where it "
            "is, and `shadowctl off` takes everybody back at once.",
        )
    return Message(
        f"{route}: the ramp took users back",
        happened=f"{done.why}.\n{seen}",
        did=f"The flag went to {done.to}, all at once; {POLL_INTERVAL} seconds later each "
        "execution environment answers by it, after one more request.",
        look="What differs: `shadowctl diffs`. The ramp holds until a person raises the flag: "
        "deploy a better candidate, and begin with shadow.",
    )


def clean_up_message(route: str, done: CleanedUp) -> Message:
    """On a clean-up."""
    name = route.replace("/", ":")  # as commands take it
    word = {
        Ending.RETIRED: "retired",
        Ending.REARMED: f"again on {done.again}",
        Ending.OFF: "at off",
        Ending.STAYED: f"stays at {done.stage}",
    }[Ending(done.outcome)]
    did = {
        (Ending.RETIRED, True): "The flag was marked as deprecated, and serves on.",
        (Ending.RETIRED, False): "Nothing: the flag was marked as deprecated before.",
        (Ending.REARMED, False): f"Nothing. It is looked at again on {done.again}.",
        (Ending.OFF, True): "The flag went to off: control answers everybody.",
        (Ending.OFF, False): "Nothing: the flag was at off already.",
        (Ending.STAYED, False): f"Nothing. It stays at {done.stage}, and nobody looks again.",
    }[Ending(done.outcome), done.changed]
    look = {
        Ending.RETIRED: f"`shadowctl finish {name}` prints the change that ends it in the code.",
        Ending.REARMED: f"`shadowctl status {name}` says what is still to be proven.",
        Ending.OFF: "Give it a new launch in its stack, or delete it.",
        Ending.STAYED: f"`shadowctl promote {name}` moves it on, `shadowctl off {name}` ends it.",
    }[Ending(done.outcome)]
    if done.stage == str(Stage.COMPLETE) and done.outcome in (Ending.REARMED, Ending.STAYED):
        look = (
            "At live control is asked again on copies: what is missing can be proven there. "
            f'`shadowctl finish {name} --override "…"` takes your own proof.'
        )
    over = f"The time of this migration is over, and it is at {done.stage}."
    return Message(
        f"{route}: clean-up, {word}",
        happened="\n".join([over, *(f"- {line}" for line in done.lacks)]),
        did="\n".join(filter(None, [did, done.deployment or f"{done.reason.capitalize()}."])),
        look=look,
    )


def report(
    settings: OperationsSettings,
    action: Action,
    metric: MetricName,
    done: dict[str, Any],
    message: Message,
) -> None:
    """A log line, a metric by outcome, an event on the default bus, a message to the topic.

    None waits for another: where the bus fails, people are told all the same.

    Raises:
        botocore.exceptions.ClientError: the bus or the topic refused; Lambda tries again.
        RuntimeError: the bus took the call, and not the event.
    """
    logger.info(action, **done)
    measurements = Measurements()
    measurements.add(metric, outcome=done["outcome"])
    measurements.flush()
    with ExitStack() as steps:  # runs each of them, and then raises what one raised
        steps.callback(_put_event, settings, action, done)
        steps.callback(_publish, settings, message)


def _put_event(settings: OperationsSettings, action: Action, done: dict[str, Any]) -> None:
    put = boto3.client("events").put_events(
        Entries=[
            {
                "Source": "shadow-canary",
                "DetailType": f"Migration {action}",
                "Detail": json.dumps({"route": settings.route, **done}),
            }
        ]
    )
    if put["FailedEntryCount"]:
        raise RuntimeError(f"the default bus did not take the event: {put['Entries']}")


_SUBJECT = 100
"""Characters that SNS takes; a long stack's name loses its beginning."""


def _publish(settings: OperationsSettings, message: Message) -> None:
    sns = boto3.client("sns")
    region = sns.meta.region_name
    page = f"dashboards/dashboard/{settings.dashboard}"
    if not settings.dashboard:
        page = f"alarmsV2:?search={settings.route.replace('/', '-')}"
    console = CONSOLES[settings.topic.split(":")[1]]
    link = f"https://{region}.{console}/cloudwatch/home?region={region}#{page}"
    sns.publish(
        TopicArn=settings.topic, Subject=message.subject[-_SUBJECT:], Message=message.text(link)
    )
