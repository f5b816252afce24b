"""Changes to files as a unified diff that `git apply` takes."""

import difflib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from shadowctl.finish.source import FinishError

_NO_NEWLINE = "\\ No newline at end of file\n"


def patch(files: Mapping[Path, str | None], top: Path) -> str:
    """The diff from each file to its new text, None to delete it; paths begin at `top`.

    Raises:
        FinishError: a file is outside of that.
    """
    return "".join(
        line for path in sorted(files) for line in _file(path, _inside(path, top), files[path])
    )


def _file(path: Path, name: str, new: str | None) -> Iterator[str]:
    old = path.read_bytes().decode()
    yield f"diff --git a/{name} b/{name}\n"
    if new is None:
        yield f"deleted file mode {'100755' if os.access(path, os.X_OK) else '100644'}\n"
    lines = difflib.unified_diff(
        _lines(old), _lines(new or ""), f"a/{name}", "/dev/null" if new is None else f"b/{name}"
    )
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"


def _lines(text: str) -> list[str]:
    """As git counts them."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def top_of(app: Path) -> Path:
    """Where `git apply` reads paths from: the top of the working tree, else the app's folder."""
    found = subprocess.run(
        ["git", "rev-parse", "--show-toplevel"],
        cwd=app,
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(found.stdout.removesuffix("\n")) if found.returncode == 0 else app


def _inside(path: Path, top: Path) -> str:
    path, top = path.resolve(), top.resolve()
    if not path.is_relative_to(top):
        raise FinishError(f"{path} is not below {top}, which a diff is for")
    return path.relative_to(top).as_posix()
