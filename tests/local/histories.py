"""The histories of a dataset, on real services.

`python -m tests.local.histories 200` plays as many; `make soak` does.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from tests.local.postgres import GUARD, make_tables, owner, postgres, reached
from tests.local.served import Served
from tests.local.services import services
from tests.unit.dataset.machine import Histories
from tests.unit.dataset.soak import history

_LOGINS = """
CREATE ROLE candidate LOGIN PASSWORD 'a';
GRANT pg_read_all_data, pg_write_all_data TO candidate;
CREATE ROLE shadow LOGIN PASSWORD 'a';
"""


class ServedHistories(Histories):
    """Each on tables and queues of its own."""

    endpoint = socket = ""

    def made_world(self) -> Served:
        return Served(self.endpoint, self.socket, self.without)

    def teardown(self) -> None:
        super().teardown()
        assert isinstance(self.world, Served)
        assert self.world.is_drained


@contextmanager
def served_histories(folder: Path) -> Iterator[type[ServedHistories]]:
    """Histories on an embedded AWS that holds nothing else, and a PostgreSQL."""
    with services(folder) as found, postgres(_LOGINS) as socket, patch.dict(os.environ):
        os.environ |= {name: value for name, value in found.items() if name.startswith("AWS_")}
        make_tables(socket)
        with owner(socket) as connection:
            connection.execute(GUARD.read_text())
        with reached(socket, "candidate"):
            place = {"endpoint": found["AWS_ENDPOINT_URL"], "socket": socket}
            yield type("HereHistories", (ServedHistories,), place)


def _soak(histories: int) -> str:
    with tempfile.TemporaryDirectory() as folder, served_histories(Path(folder)) as served:
        started = time.monotonic()
        wrong = [seed for seed in range(histories) if history(seed, of=served)]
        seconds = time.monotonic() - started
    return (
        f"on DynamoDB, SQS and PostgreSQL {len(wrong)} of {histories:,} histories go wrong"
        f"{f', such as {wrong[0]}' if wrong else ''}; {seconds / histories:.1f} s each"
    )


if __name__ == "__main__":
    sys.stdout.write(f"{_soak(int(sys.argv[1]))}\n")
