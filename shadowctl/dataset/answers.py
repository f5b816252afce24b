"""What a dataset's function answers, and what follows from a no."""

from collections.abc import Callable
from typing import Any, TypeVar

from operations.dataset_function import DatasetError, DatasetFunction, DatasetStatus
from operations.dataset_needs import next_step

T = TypeVar("T")


def told(dataset: DatasetFunction, answer: Any, name: str, kind: type[T]) -> T:
    """A value of an answer.

    Raises:
        DatasetError: there is none of that kind.
    """
    value = answer.get(name) if isinstance(answer, dict) else None
    if kind is float and isinstance(value, int):
        value = float(value)
    if not isinstance(value, kind):
        raise DatasetError(
            f"the function of {dataset.name} does not say {name!r}, but {answer!r:.200}: deploy "
            "its stack with this release"
        )
    return value


def further(
    dataset: DatasetFunction, action: str, sleep: Callable[[float], None]
) -> tuple[bool, DatasetStatus]:
    """Has long work go on for a while: whether it is done, and where the dataset is.

    Where a store did not answer, or somebody else was at it, it is asked again, a few times.

    Raises:
        DatasetError: it was refused.
    """
    for _ in range(_ATTEMPTS):
        answer = dataset.ask(action)
        status = DatasetStatus.parse(answer)
        refusal = told(dataset, answer, "refusal", str)
        is_done = told(dataset, answer, "isDone", bool)
        if not refusal:
            return is_done, status
        if is_done or status.fence or status.phase.follower is None:
            break
        sleep(_PAUSE_S)
    raise refused(status, refusal, action)


_ATTEMPTS = 5
_PAUSE_S = 2.0


def refused(status: DatasetStatus, refusal: str, action: str) -> DatasetError:
    """Why `action` was refused, with the command that mends it.

    It is never that one again, and of a way back none that leads on.
    """
    step, look = next_step(status), f"{status.command} status"
    leads_on = action not in _BACK or status.dead_letters > 0
    is_another = step != f"{status.command} {action}"
    return DatasetError(f"{status.name}: {refusal}: `{step if leads_on and is_another else look}`")


_BACK = ("switch-back", "off")
