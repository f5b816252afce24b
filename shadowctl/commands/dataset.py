"""The commands of a dataset: where a route's data is, and how it moves."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from shadowctl.commands.options import DryRun, Embedded, Yes, confirmed, progress, session
from shadowctl.verb import Result, verb

if TYPE_CHECKING:
    import boto3

    from operations.dataset_function import DatasetFunction
    from shadowctl.dataset.scans import Scans

app = typer.Typer()
dataset = typer.Typer(no_args_is_help=True)
app.add_typer(dataset, name="dataset")


@dataset.callback()
def named(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="its own, its stack's, or both")],
) -> None:
    """Look at the data of routes that write, and move it from control to the candidate."""
    context.obj = name


@verb(dataset)
def status(context: typer.Context, embedded: Embedded = False) -> Result:
    """Show who is the authority, what waits to be copied, and what is proven."""
    from shadowctl.dataset.screen import seen

    return seen(found(context, embedded=embedded))


@verb(dataset)
def backfill(context: typer.Context, embedded: Embedded = False) -> Result:
    """Copy each key that control has; Ctrl-C stops it, and the same command goes on."""
    return scans(context, embedded=embedded).backfill()


@verb(dataset)
def verify(context: typer.Context, embedded: Embedded = False) -> Result:
    """Compare each key of both sides; Ctrl-C stops it, and the same command goes on."""
    return scans(context, embedded=embedded).verify()


def scans(context: typer.Context, *, embedded: bool) -> "Scans":
    """Of the dataset that is named."""
    from shadowctl.dataset.meter import Meter
    from shadowctl.dataset.scans import Scans

    return Scans(found(context, embedded=embedded), partial(Meter, progress))


@verb(dataset)
def repair(
    context: typer.Context,
    key: Annotated[
        str | None, typer.Argument(help="to make equal; by default what the reconciler gave up")
    ] = None,
    embedded: Embedded = False,
) -> Result:
    """Make a key equal, or have what could not be copied tried again."""
    from shadowctl.dataset.scans import repair as repaired

    return repaired(found(context, embedded=embedded), key)


@verb(dataset)
def switch(
    context: typer.Context,
    embedded: Embedded = False,
    is_dry_run: DryRun = False,
    yes: Yes = False,
) -> Result:
    """Make the candidate the authority: what users write is in it, and copied to control."""
    from shadowctl.dataset import moves

    its = found(context, embedded=embedded)
    if is_dry_run:
        return moves.dry_run(its)
    return moves.switch(its, partial(confirmed, yes=yes))


@verb(dataset, "switch-back")
def switch_back(context: typer.Context, embedded: Embedded = False) -> Result:
    """Make control the authority again, without a question; nothing is lost."""
    from shadowctl.dataset import moves

    return moves.switch_back(found(context, embedded=embedded))


@verb(dataset)
def off(context: typer.Context, embedded: Embedded = False) -> Result:
    """Copy nothing any more; control has all that was written."""
    from shadowctl.dataset import moves

    return moves.off(found(context, embedded=embedded))


@verb(dataset)
def complete(context: typer.Context, embedded: Embedded = False, yes: Yes = False) -> Result:
    """End the copies to control; no way leads back."""
    from shadowctl.dataset import moves

    aws = session(embedded=embedded)
    return moves.complete(_of(context, aws), aws, partial(confirmed, yes=yes))


def found(context: typer.Context, *, embedded: bool) -> "DatasetFunction":
    """The dataset that is named."""
    return _of(context, session(embedded=embedded))


def _of(context: typer.Context, aws: "boto3.Session") -> "DatasetFunction":
    from shadowctl.dataset.found import find_dataset

    return find_dataset(context.obj, aws)
