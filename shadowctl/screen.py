"""What the terminal shows while something takes its time."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_WIDTH = 14


class Steps:
    """A spinner with the step at work; what is finished leaves nothing behind.

    Example:
        >>> with Steps(Console()) as steps:  # doctest: +SKIP
        ...     steps.report("bootstrap", "creating the bucket")
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(_WIDTH, pulse_style="dim"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, detail="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def report(self, step: str, detail: str = "") -> None:
        """Shows `step` and the newest that is known of it."""
        self._progress.update(self._task, description=f"{step:<14}", total=None, detail=detail[:70])

    def count(self, step: str, done: float, total: float | None, detail: str = "") -> None:
        """Shows how far `step` is; of a `total` that nobody knows, that it goes on."""
        self._progress.update(
            self._task, description=f"{step:<14}", completed=done, total=total, detail=detail[:70]
        )

    def deployment(self, state: str, percent: float) -> None:
        """Shows how far a deployment of the flag is."""
        self.count(state.lower(), percent, 100)


def bar(share: float) -> str:
    """A bar of 14 cells, filled by `share` (0 to 1) in eighths of a cell."""
    eighths = round(share * _WIDTH * 8)
    partial = " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return ("█" * (eighths // 8) + partial).ljust(_WIDTH)
