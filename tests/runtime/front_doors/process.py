"""One request in a process of its own, as Lambda runs it: control raises, its copy is refused.

python -m tests.runtime.front_doors.process
"""

from contextlib import suppress
from typing import Any

from shadow_runtime.migrating import migrating
from tests.runtime.front_doors.events import SAMPLES
from tests.runtime.front_doors.route import Context


def broken(event: Any, context: Any) -> Any:
    raise KeyError("no such cart")


if __name__ == "__main__":
    handler = migrating(broken)
    with suppress(KeyError):
        handler(SAMPLES["REST API: Cognito claims"].event, Context())
