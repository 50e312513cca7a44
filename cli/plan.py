"""``dr plan``: read the plan as an operator would, and check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Read and check the disaster recovery plan (drp.toml).")
PlanFile = Annotated[Path, typer.Option("--plan", help="The plan to read.")]


@app.command()
def show(plan: PlanFile = Path("drp.toml")) -> None:
    """Show the whole plan as tables: objectives, scenarios, procedures, backups, escalation, schedule."""
    from rich.console import Console

    from cli.plan_tables import plan_tables
    from plan.load import load_plan

    console = Console()
    for table in plan_tables(load_plan(plan)):
        console.print(table)
        console.print()


@app.command()
def check(plan: PlanFile = Path("drp.toml")) -> None:
    """Check the plan file: everything wrong with it is named at once, exit status 2."""
    from plan.load import load_plan

    loaded = load_plan(plan)
    typer.echo(
        f"{plan}: {len(loaded.components)} components, {len(loaded.scenarios)} scenarios, "
        f"{len(loaded.procedures)} procedures: nothing wrong"
    )
