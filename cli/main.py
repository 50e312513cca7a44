"""The ``dr`` command."""

from __future__ import annotations

import sys

import typer

from cli import backup, chaos, ledger, plan, runbook, stack
from plan.errors import UserError

app = typer.Typer(
    name="dr",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to load than most commands take to run
    help="Disaster recovery drills: read the plan, run a runbook, verify backups, undo a fault, judge a ledger.\n\n"
    "The drills themselves are run by pytest: make drill, or pytest -m monthly_drill.",
)
for group, commands in (
    ("plan", plan.app),
    ("stack", stack.app),
    ("chaos", chaos.app),
    ("runbook", runbook.app),
    ("backup", backup.app),
    ("ledger", ledger.app),
):
    app.add_typer(commands, name=group)


def main() -> None:
    """Run the command line; what the user can mend is said without a traceback, exit status 2."""
    try:
        app()
    except UserError as error:
        print(f"dr: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("dr: interrupted", file=sys.stderr)
        sys.exit(130)
