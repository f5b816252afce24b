"""`python -m shadowctl`."""

import os
import signal
import sys
from types import FrameType


def _stop(_number: int, _frame: FrameType | None) -> None:
    """While nothing is running yet: an import may swallow the exception that Ctrl-C raises."""
    os.write(sys.stderr.fileno(), b"\nstopped; nothing was begun\n")
    os._exit(130)


def run() -> None:
    """Runs a command; Ctrl-C ends it in one line, at any moment."""
    signal.signal(signal.SIGINT, _stop)
    from shadowctl.cli import app  # importing takes a second
    from shadowctl.verb import STOPPED

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except KeyboardInterrupt:
        print(f"\nshadowctl: {STOPPED}", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    run()
