"""A copy of an app with changes applied: that it still synthesizes, and without the route."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from analysis.template import Stack
from shadowctl.finish.source import FinishError
from shadowctl.synthesis import synthesize

Files = Mapping[Path, str | None]
"""The text of each file that changes; None where it goes."""


def prove(app: Path, top: Path, files: Files, *, stack: str, route: str, folder: Path) -> None:
    """Synthesizes a copy of `app` with `files` changed, in `folder`.

    The copy is of `top`, the folder above it that all files are in. What is no source (a virtual
    environment, node_modules) is shared with it.

    Raises:
        SynthesisError: it does not synthesize.
        FinishError: the route is still in the stack, by its path in the app.
    """
    _copy(top, folder / "copy")
    for path, text in files.items():
        copied = folder / "copy" / path.relative_to(top)
        if text is None:
            copied.unlink()
        else:
            copied.write_bytes(text.encode())
    synthesize(folder / "copy" / app.relative_to(top), folder / "cdk.out")
    left = [each for each in Stack.all_of(folder / "cdk.out") if each.path == stack]
    if any(route in each.routes for each in left):
        raise FinishError(f"something else makes {route} in {stack} too")


def _copy(source: Path, to: Path) -> None:
    to.mkdir(parents=True)
    for entry in os.scandir(source):
        path, copy = Path(entry.path), to / entry.name
        if entry.name == "cdk.out":
            continue
        if entry.is_symlink() or not entry.is_dir():
            shutil.copy2(path, copy, follow_symlinks=False)
        elif entry.name.startswith(".") or entry.name == "node_modules" or _is_venv(path):
            copy.symlink_to(path.resolve(), target_is_directory=True)
        else:
            _copy(path, copy)


def _is_venv(path: Path) -> bool:
    return (path / "pyvenv.cfg").exists()
