"""Writes `docs/permissions.md`: takes each grant out of an embedded AWS, and says who misses it."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from localaws.supervisor import StateFolder
from localaws.up import running
from tests.checkout import ROOT
from tests.grants import grants
from tests.local.conftest import stop_checks
from tests.local.permissions import table

PAGE = ROOT / "docs" / "permissions.md"


def main() -> int:
    """Ends with 1 where nobody misses something."""
    before = table.read(PAGE.read_text()) if PAGE.exists() else []
    with TemporaryDirectory() as folder:
        state = StateFolder(Path(folder) / ".local")
        with running(state=state, watch=False) as local:
            stop_checks(local)
            found = grants(Path(local.assembly))
            lines = table.rows(found, table.proven(local, found, before, say))
    PAGE.write_text(table.written(lines))
    missing = [row for row in lines if row.missed_by == table.NOBODY]
    for row in missing:
        say(f"nobody misses {row.grant} of {row.holder}: take it away, or add who does")
    return 1 if missing else 0


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


sys.exit(main())
