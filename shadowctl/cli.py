"""The command: its verbs, in the order of its help."""

import typer

from shadowctl.commands import building, dataset, local, looking, moving

app = typer.Typer(
    help="Move API routes between stages, here and on AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verbs in (moving, looking, dataset, building, local):
    app.add_typer(verbs.app)
