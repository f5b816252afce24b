"""A real browser without a window: Debian's Chromium, or Google Chrome."""

import json
import os
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
NEEDED = "SHADOW_CANARY_NEEDS_BROWSER"
"""Set where a missing browser is a failure and no excuse."""

_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--v=0", "--hide-scrollbars"),
)
_DARK = "--blink-settings=preferredColorScheme=0"


class Seen(NamedTuple):
    """What the browser printed, and what it complained of."""

    output: str
    console: list[str]


class Browser:
    """Opens pages of this machine, each in a profile of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    @classmethod
    def found(cls, folder: Path) -> "Browser":
        """The browser of this machine; the test is skipped where there is none."""
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            assert NEEDED not in os.environ, f"{NEEDED} is set, and none of {NAMES} is installed"
            pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
        return cls(program, folder)

    def opened(self, page: Path, *options: str, width: int = 1_100, dark: bool = False) -> Seen:
        """Opens `page` and waits until it is drawn."""
        looks = [f"--window-size={width},2400", *([_DARK] if dark else [])]
        profile = f"--user-data-dir={self._folder / 'profile'}"
        ran = subprocess.run(
            [self._program, *_QUIET, *looks, profile, *(options or ["--dump-dom"]), page.as_uri()],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return Seen(ran.stdout, [line for line in ran.stderr.splitlines() if ":CONSOLE" in line])

    def measured(self, page: Path, script: str, *, width: int = 1_100, dark: bool = False) -> Any:
        """What `script`, a JavaScript expression, says of `page` once it is drawn."""
        told = "document.body.innerHTML = '<pre id=told></pre>'; told.textContent = result;"
        asking = f"<script>const result = JSON.stringify({script}); {told}</script>"
        copy = self._folder / "measured.html"
        copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{asking}</body>"))
        output = self.opened(copy, width=width, dark=dark).output
        return json.loads(unescape(output.partition('id="told">')[2].partition("</pre>")[0]))
