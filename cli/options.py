"""Options that several groups of commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Which = Annotated[
    str,
    typer.Option("--stack", metavar="ID", help="The stack's id, or the folder of its run; else the newest."),
]
Timeline = Annotated[
    int | None,
    typer.Option(
        "--timeline",
        metavar="N",
        min=1,
        help="On the history of this timeline, which an earlier recovery has undone.",
    ),
]
