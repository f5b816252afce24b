"""A dataset's operations function in memory, behind the real boto3 client.

It moves by the register's own rules; what a test spoils is what AWS, or a release, could do.
"""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.response import StreamingBody

from dataset.register import AT_ONCE, Backfill, Difference, Fence, Phase, Register, Verification
from operations.dataset_function import DatasetFunction

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

Given = dict[str, Any]

NAME = "Users/users"
NOW = 1_900_000_000.0
PAGE = 1_000
HELD_S = 7.4


class PlayedDataset:
    """With `keys` of control; at `phase`, reached as it would be."""

    def __init__(self, phase: Phase = Phase.OFF, *, keys: int = 2_500) -> None:
        self.keys = keys
        is_known = phase is not Phase.OFF
        self.register = Register(
            phase=phase,
            epoch=7,
            since=NOW - 60,
            backfill=Backfill("last", keys, is_done=True) if is_known else Backfill(),
            verification=clean() if is_known else None,
        )
        self.differing: dict[str, list[str]] = {}
        self.queued = self.dead_letters = self.unsent = 0
        self.outcomes: dict[str, str] = {}
        """Of repairs, by key, where they are not what they should be."""
        self.lag_s = 60.0
        self.copies = PAGE
        """So many keys leave the queue between two looks."""
        self.events: list[Given] = []
        self.told: list[str] = []
        self.spoiled: Callable[[Given], Given | None] = lambda _event: None
        """What Lambda answers in the place of the function; None where it asks it."""

    @property
    def phase(self) -> Phase:
        return self.register.phase

    def fenced(self, to: Phase) -> None:
        self.register = replace(self.register, fence=Fence(to, NOW - 3))

    def verified(self, verification: Verification | None) -> None:
        self.register = replace(self.register, verification=verification)

    def function(self) -> DatasetFunction:
        return DatasetFunction(self.client(), "Users-Dataset", NAME)

    def client(self) -> "LambdaClient":
        made = boto3.client(
            "lambda",
            region_name="eu-central-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        events: Any = made.meta.events
        events.register("provide-client-params.lambda.Invoke", _keep)
        events.register("before-call.lambda.Invoke", self._invoked)
        return made

    def _invoked(self, context: Given, **_: object) -> tuple[object, Given]:
        given = context["given"]
        event = json.loads(given["Payload"])
        if given.get("InvocationType") == "Event":
            self.events.append(event)
        else:
            self.told.append(event["action"])
        parsed = self.spoiled(event) or answered(self.answer(event))
        status = 400 if "Error" in parsed else 200
        parsed["ResponseMetadata"] = {"HTTPStatusCode": status}
        return SimpleNamespace(status_code=status), parsed

    def answer(self, event: Given) -> Any:
        match event:
            case {"action": "status"}:
                self.queued = max(0, self.queued - self.copies)
                return self.status()
            case {"action": "preview", "to": to}:
                return {"refusal": self.register.refusal(Phase(to), now=NOW), "holdsS": 6}
            case {"action": "move", "to": to}:
                return self._move(Phase(to))
            case {"action": "backfill"}:
                return self._backfill()
            case {"action": "verify"}:
                return self._verify()
            case {"action": "repair", "key": key}:
                columns = self.differing.pop(key, [])
                known = "repaired" if columns else "equal"
                return {"outcome": self.outcomes.get(key, known), "columns": columns}
            case {"action": "repair"}:
                redriven, self.dead_letters = self.dead_letters, 0
                return {"redriven": redriven}
            case {"action": "switch-back"}:
                return {"changed": True, "phase": "synced", "heldS": HELD_S}
        raise AssertionError(f"no such action: {event}")

    def status(self) -> Given:
        register, found = self.register, self.register.verification
        return {
            "name": NAME,
            "phase": register.phase,
            "epoch": register.epoch,
            "since": register.since,
            "fence": register.fence and {"to": register.fence.to, "at": register.fence.at},
            "backfill": {
                "after": register.backfill.after,
                "enqueued": register.backfill.enqueued,
                "isDone": register.backfill.is_done,
            },
            "verification": found
            and {
                "startedAt": found.started_at,
                "lookedAt": found.looked_at,
                "suspects": len(found.suspects),
                "differences": None
                if found.differences is None
                else [{"key": each.key, "columns": each.columns} for each in found.differences],
                "isFresh": found.is_fresh(NOW),
            },
            "queued": self.queued,
            "deadLetters": self.dead_letters,
            "unsent": self.unsent,
            "lagS": self.lag_s if self.queued else None,
        }

    def _move(self, to: Phase) -> Given:
        register, refusal = self.register, self.register.refusal(to, now=NOW)
        if not refusal and self.dead_letters:
            refusal = f"{self.dead_letters} keys wait for a repair: nothing was moved"
        if not refusal and self.queued and (register.phase, to) not in AT_ONCE:
            refusal = "the queue was not empty after 25 seconds: nothing was moved"
        if refusal:
            return {"refusal": refusal, "phase": register.phase, "heldS": 0}
        held_s = 0 if (register.phase, to) in AT_ONCE else HELD_S
        self.register = register.moved(to, now=NOW)
        return {"refusal": "", "phase": to, "heldS": held_s}

    def _backfill(self) -> Given:
        if self.phase is Phase.OFF:
            self.register = self.register.moved(Phase.DUAL, now=NOW)
        if self.register.fence or self.phase is not Phase.DUAL:
            return {**self.status(), "refusal": "the register is not at dual", "isDone": False}
        enqueued = min(self.keys, self.register.backfill.enqueued + PAGE)
        self.queued += enqueued - self.register.backfill.enqueued
        found = Backfill(f"user-{enqueued}", enqueued, is_done=enqueued == self.keys)
        self.register = self.register.scanned(found)
        return {**self.status(), "refusal": "", "isDone": found.is_done}

    def _verify(self) -> Given:
        if self.register.fence:
            return {**self.status(), "refusal": "a move is on its way", "isDone": False}
        known = self.register.verification
        begun = known if known and known.differences is None else Verification(started_at=NOW)
        looked_at = min(self.keys, begun.looked_at + PAGE)
        is_done = begun.looked_at == self.keys
        differing = tuple(Difference(key, tuple(its)) for key, its in self.differing.items())
        found = replace(begun, looked_at=looked_at, differences=differing if is_done else None)
        self.register = self.register.scanned(found)
        if is_done and not differing and self.phase is Phase.DUAL:
            self.register = self.register.moved(Phase.SYNCED, now=NOW)
        return {**self.status(), "refusal": "", "isDone": is_done}


def clean(age_s: float = 7_200) -> Verification:
    return Verification(started_at=NOW - age_s, looked_at=2_500, differences=())


def answered(document: object) -> Given:
    """What Lambda answers where the function returned it."""
    return _payload(json.dumps(document).encode())


def raised(kind: str, message: str) -> Given:
    """What Lambda answers where the function raised."""
    document = {"errorType": kind, "errorMessage": message}
    return {**_payload(json.dumps(document).encode()), "FunctionError": "Unhandled"}


def nonsense(payload: bytes) -> Given:
    return _payload(payload)


def refused(code: str) -> Given:
    """What Lambda answers in the place of an invocation."""
    return {"Error": {"Code": code, "Message": "not now"}}


def _payload(payload: bytes) -> Given:
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(payload), len(payload))}


def _keep(params: Given, context: Given, **_: object) -> None:
    context["given"] = params
