"""The users of the sample as a dataset, filled and verified as a canary takes it."""

from functools import partial
from io import StringIO

import psycopg
from rich.console import Console

from dataset.register import Phase
from localaws.up import Local
from operations.dataset_function import DatasetFunction
from routes.get_user.seed import PLANTED
from shadowctl.dataset.found import find_dataset
from shadowctl.dataset.meter import Meter
from shadowctl.dataset.scans import Scans, repair
from shadowctl.verb import ExitCode


def dataset(local: Local) -> DatasetFunction:
    return find_dataset("users", local.session())


def make_synced(local: Local) -> None:
    """By a backfill and a verification; what was planted to differ, and so mended, is again."""
    its = dataset(local)
    scans = Scans(its, partial(Meter, Console(file=StringIO())))
    assert scans.backfill().code == ExitCode.DONE
    repair(its, PLANTED)  # no backfill mends what has no version of its own
    assert scans.verify().code == ExitCode.DONE
    assert its.status().phase is Phase.SYNCED
    plant(local)


def plant(local: Local, user: str = PLANTED) -> None:
    """Somebody changes a name past us, so that no version tells of it."""
    change = "UPDATE users SET name = replace(name, ' ', '  ') WHERE id = %s"
    with psycopg.connect(local.database_url, autocommit=True) as database:
        assert database.execute(change, [user]).rowcount == 1
