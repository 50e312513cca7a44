"""Options that several groups of commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Which = Annotated[
    str,
    typer.Option("--stack", metavar="ID", help="The stack's id, or the folder of its run; else the newest."),
]
