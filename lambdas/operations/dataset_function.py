"""The function that moves a dataset: what it says of it, and how it is asked."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from botocore.config import Config
from botocore.exceptions import ClientError

from dataset.register import Backfill, Difference, Fence, Phase
from shadow_runtime.contract import ShadowCanaryError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class DatasetError(ShadowCanaryError):
    """A dataset did not do what it was asked for: what was found, and what to do."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The newest verification. `differences` are None until it has ended; times since the epoch."""

    started_at: float
    looked_at: int
    suspects: int
    differences: Sequence[Difference] | None
    is_fresh: bool

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """As the function says it."""
        found = document["differences"]
        return cls(
            float(document["startedAt"]),
            int(document["lookedAt"]),
            int(document["suspects"]),
            None
            if found is None
            else [Difference(str(each["key"]), tuple(each["columns"])) for each in found],
            bool(document["isFresh"]),
        )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended, so that the next look goes on with it."""
        return self.differences is None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStatus:
    """Where a dataset is.

    Attributes:
        name: `<stack>/<name>`.
        phase: who is the authority, and who is copied to.
        since: when it came there, in seconds since the epoch; 0 where it never moved.
        fence: a move of the authority that is on its way: writes are held.
        backfill: how many of control's keys were enqueued.
        verified: the newest verification; None where there was none.
        queued: keys that wait for the reconciler.
        dead_letters: keys that it gave up.
        unsent: keys of which no intent could be sent.
        lag_s: for how many seconds the last of them that was taken had waited.

    Example:
        >>> DatasetStatus(name="Users/users", phase=Phase.OFF).unreconciled
        0
    """

    name: str
    phase: Phase
    since: float = 0.0
    fence: Fence | None = None
    backfill: Backfill = field(default_factory=Backfill)
    verified: Verified | None = None
    queued: int = 0
    dead_letters: int = 0
    unsent: int = 0
    lag_s: float = 0.0

    @classmethod
    def parse(cls, document: Any) -> Self:
        """As the function says it.

        Raises:
            DatasetError: it says something else.
        """
        try:
            return cls._of(document)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"the dataset's function does not say where it is ({type(error).__name__}: {error} "
                f"in {document!r:.200}): deploy its stack with this release"
            ) from error

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Self:
        fence, backfill, verified = told["fence"], told["backfill"], told["verification"]
        return cls(
            name=str(told["name"]),
            phase=Phase(told["phase"]),
            since=float(told["since"]),
            fence=Fence(Phase(fence["to"]), float(fence["at"])) if fence else None,
            backfill=Backfill(
                str(backfill["after"]), int(backfill["enqueued"]), bool(backfill["isDone"])
            ),
            verified=Verified.parse(verified) if verified else None,
            queued=int(told["queued"]),
            dead_letters=int(told["deadLetters"]),
            unsent=int(told["unsent"]),
            lag_s=float(told["lagS"] or 0),
        )

    @property
    def command(self) -> str:
        """What commands about it begin with."""
        return command(self.name)

    @property
    def unreconciled(self) -> int:
        """Keys that nobody is going to copy by themselves: they wait for a repair."""
        return self.dead_letters + self.unsent

    @property
    def differences(self) -> Sequence[Difference]:
        """What the newest verification found, as far as it has ended."""
        return (self.verified and self.verified.differences) or ()

    @property
    def is_verified(self) -> bool:
        """Whether one of the last 24 hours found both sides equal."""
        return self.verified is not None and self.verified.is_fresh


def command(name: str) -> str:
    """What commands about the dataset `<stack>/<name>` begin with.

    Example:
        >>> command("Users/users")
        'shadowctl dataset Users:users'
    """
    return f"shadowctl dataset {name.replace('/', ':')}"


class DatasetFunction:
    """Asks a dataset by Lambda's API. `function` is its function's name or ARN.

    Example:
        >>> DatasetFunction(boto3.client("lambda"), "Users-Operations",
        ...                 "Users/users").status().phase  # doctest: +SKIP
        <Phase.SYNCED: 'synced'>
    """

    def __init__(self, client: "LambdaClient", function: str, name: str) -> None:
        self._client = client
        self._function = function
        self.name = name

    @classmethod
    def of(cls, client: Callable[..., "LambdaClient"], *, name: str, function: str) -> Self | None:
        """A route's dataset, asked in haste; None where it has none, and so no name.

        `client` makes clients, as boto3 and its sessions do.
        """
        return cls(client("lambda", config=_HASTE), function, name) if name else None

    @property
    def command(self) -> str:
        """What commands about it begin with."""
        return command(self.name)

    def status(self) -> DatasetStatus:
        """Where it is. Raises what `ask` raises."""
        return DatasetStatus.parse(self.ask("status"))

    def ask(self, action: str, **more: Any) -> Any:
        """What it answers to an action.

        Raises:
            DatasetError: it is not there, raised, ran out of time, or answers no JSON.
            botocore.exceptions.ClientError: it is throttled, or one may not ask it.
            botocore.exceptions.BotoCoreError: Lambda cannot be reached.
        """
        said = self._invoke({"action": action, **more})
        payload = said["Payload"].read()
        try:
            answer = json.loads(payload)
        except ValueError as error:
            raise DatasetError(
                f"{self.name} answers no JSON to {action!r}, but {payload!r:.200}: deploy its "
                "stack with this release"
            ) from error
        if "FunctionError" in said:
            raise DatasetError(
                f"{self.name} could not do {action!r}: {_raised(answer)}; the log of "
                f"{self._function} says more"
            )
        return answer

    def switch_back(self) -> None:
        """Has control be the authority again where the candidate is, and waits for nothing.

        Lambda tries again where it fails. Raises what `ask` raises where it cannot be asked.
        """
        self._invoke({"action": "switch-back"}, InvocationType="Event")

    def _invoke(self, event: Mapping[str, Any], **options: Any) -> Any:
        try:
            return self._client.invoke(
                FunctionName=self._function, Payload=json.dumps(event), **options
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise DatasetError(
                f"{self.name} has no function {self._function}: deploy its stack"
            ) from error


_HASTE = Config(
    connect_timeout=2, read_timeout=6, retries={"mode": "standard", "total_max_attempts": 2}
)
"""Somebody waits for it who moves a flag."""


def _raised(answer: object) -> str:
    match answer:
        case {"errorType": str(kind), "errorMessage": str(message)}:
            return " ".join(f"{kind}: {message}".split())
        case {"errorMessage": str(message)}:
            return " ".join(message.split())
    return f"{answer!r:.200}"
