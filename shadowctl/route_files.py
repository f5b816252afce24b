"""Where the app that one stands in holds a route's files."""

from collections.abc import Iterator
from pathlib import Path

from shadow_runtime.contract import ShadowCanaryError
from shadowctl.synthesis import SynthesisError, app_folder


class RouteFilesError(ShadowCanaryError):
    """The app here does not hold the route: what was looked for, and what to do."""


def requests_file(package: str) -> Path:
    """The `requests.jsonl` of the route whose Python package that is, there or not.

    Raises:
        RouteFilesError: this app has no such route.
    """
    for folder in _folders(package):
        return folder / "requests.jsonl"
    raise RouteFilesError(
        f"no route {package} in the app here; run this where that app is, or say --to FILE"
    )


def _folders(package: str) -> Iterator[Path]:
    """Below the app, or below a source root of it."""
    try:
        app = app_folder()
    except SynthesisError:
        return
    path = package.replace(".", "/")
    for found in (app / path, *sorted(app.glob(f"*/{path}"))):
        if (found / "control.py").is_file():
            yield found
